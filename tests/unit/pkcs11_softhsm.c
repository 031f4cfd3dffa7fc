/* SPDX-License-Identifier: MIT
 *
 * pkcs11_softhsm.c: the provider against SoftHSM: every mechanism it has, every
 * change of a wrap, and which keys are used, refused and made.
 */
#include "p11kit.h"
#include "pkcs11/provider.h"
#include "pkcs11/wrap_format.h"
#include "tap.h"

#include <p11-kit/p11-kit.h>
#include <stdlib.h>
#include <string.h>

#define GCM_KEY "pkcs11:token=one;object=gcm"
#define KW_KEY  "pkcs11:token=one;object=kw"
#define RSA_KEY "pkcs11:token=one;object=rsa"

static void mechanisms(const char *allowed)
{
    if (allowed == NULL) {
        (void)unsetenv("ENVELOPE_PKCS11_MECHANISMS");
    } else {
        (void)setenv("ENVELOPE_PKCS11_MECHANISMS", allowed, 1);
    }
}

static void create(void)
{
    envelope_cmk *cmk = NULL;

    ok(p11kit_open(&cmk, GCM_KEY) == ENVELOPE_NOT_MINE && cmk == NULL,
       "a key that is not there is not made by opening it");
    ok(p11kit_create(GCM_KEY) == ENVELOPE_OK, "create makes it");
    ok(p11kit_create(GCM_KEY) == ENVELOPE_CONFIGURATION,
       "create does not make it twice");
    mechanisms("aes-key-wrap");
    ok(p11kit_create(KW_KEY ";id=%4B") == ENVELOPE_OK,
       "create makes a key for key wrap where that alone is allowed");
    mechanisms(NULL);
    ok(p11kit_create("pkcs11:token=one;object=p;type=private") ==
           ENVELOPE_CONFIGURATION,
       "create makes no RSA pair");
    ok(p11kit_create("pkcs11:token=none;object=k") == ENVELOPE_UNAVAILABLE,
       "create makes nothing on a token that is not there");
}

/* Slow checkers flip fewer bits. */
static size_t step(void)
{
    return scaled(8) < 8 ? 37 : 1;
}

static void every_change(envelope_cmk *cmk, uint8_t *wrapped, size_t n,
                         const char *name)
{
    static const uint8_t zeros[ENVELOPE_PAYLOAD_BYTES];
    uint8_t payload[ENVELOPE_PAYLOAD_BYTES];
    int refused = 1;

    for (size_t bit = 0; bit < 8 * n; bit += step()) {
        int rc = 0;

        wrapped[bit / 8] ^= (uint8_t)(1U << bit % 8);
        rc = p11kit_unwrap(cmk, wrapped, n, "context", payload);
        refused &= rc == ENVELOPE_CORRUPT || rc == ENVELOPE_NOT_MINE ||
                   (rc == ENVELOPE_CONFIGURATION && bit / 8 == 1);
        refused &= memcmp(payload, zeros, sizeof zeros) == 0;
        wrapped[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    ok(refused, "%s: every bit that is changed is refused, with no payload",
       name);
    refused = 1;
    for (size_t cut = 0; cut < n; cut += step()) {
        refused &= p11kit_unwrap(cmk, wrapped, cut, "context", payload) ==
                   ENVELOPE_CORRUPT;
    }
    wrapped[n] = 0;
    refused &= p11kit_unwrap(cmk, wrapped, n + 1, "context", payload) ==
               ENVELOPE_CORRUPT;
    ok(refused, "%s: every length but its own is refused", name);
}

static void mechanism(const char *uri, int expected, size_t size,
                      const char *name)
{
    envelope_cmk *cmk = p11kit_opened(uri);
    uint8_t wrapped[ENVELOPE_WRAPPED_MAX];
    uint8_t again[ENVELOPE_WRAPPED_MAX];
    uint8_t payload[ENVELOPE_PAYLOAD_BYTES];
    struct ee_p11_wrap w;
    size_t n = 0;
    size_t m = 0;
    int rc = 0;

    if (cmk == NULL) {
        ok(0, "%s: opens", name);
        return;
    }
    rc = p11kit_wrap(cmk, p11kit_payload, "context", wrapped, &n);
    ok(rc == ENVELOPE_OK && ee_p11_wrap_read(&w, ee_bytes(wrapped, n)) &&
           w.mechanism == expected && n - w.head.n == size,
       "%s: wraps, by the mechanism it should", name);
    if (rc != ENVELOPE_OK) {
        note("%s", p11kit_said);
    }
    ok(p11kit_unwrap(cmk, wrapped, n, "context", payload) == ENVELOPE_OK &&
           memcmp(payload, p11kit_payload, sizeof payload) == 0,
       "%s: unwraps", name);
    ok(p11kit_unwrap(cmk, wrapped, n, "Context", payload) == ENVELOPE_CORRUPT,
       "%s: another context is refused", name);
    ok(p11kit_unwrap(cmk, wrapped, n, "", payload) == ENVELOPE_CORRUPT,
       "%s: no context is refused", name);
    (void)p11kit_wrap(cmk, p11kit_payload, "context", again, &m);
    ok(m == n && memcmp(wrapped + w.head.n, again + w.head.n, 12) != 0,
       "%s: no wrap is like another", name);
    every_change(cmk, wrapped, n, name);
    ok(p11kit_round_trip(cmk) == ENVELOPE_OK, "%s: and works after that", name);
    p11kit_close(cmk);
}

static void all_mechanisms(void)
{
    mechanism(GCM_KEY, EE_P11_AES_GCM, 92, "AES-GCM");
    mechanism(KW_KEY, EE_P11_AES_KEY_WRAP, 120, "key wrap");
    mechanisms("rsa-oaep-sha1");
    mechanism(RSA_KEY, EE_P11_RSA_OAEP_SHA1, 256 + 80, "RSA-OAEP, SHA-1");
    mechanisms("rsa-oaep-sha256 rsa-oaep-sha1");
    mechanism(RSA_KEY, EE_P11_RSA_OAEP_SHA1, 256 + 80,
              "SHA-1 where the token has no other and it is allowed");
    mechanisms(NULL);
}

static void what_is_not_allowed(void)
{
    envelope_cmk *cmk = p11kit_opened(RSA_KEY);
    uint8_t wrapped[ENVELOPE_WRAPPED_MAX];
    uint8_t payload[ENVELOPE_PAYLOAD_BYTES];
    size_t n = 0;

    ok(p11kit_wrap(cmk, p11kit_payload, "c", wrapped, &n) ==
           ENVELOPE_CONFIGURATION,
       "SHA-1 is not used where it is not allowed");
    mechanisms("rsa-oaep-sha1");
    (void)p11kit_wrap(cmk, p11kit_payload, "c", wrapped, &n);
    mechanisms(NULL);
    ok(p11kit_unwrap(cmk, wrapped, n, "c", payload) == ENVELOPE_CONFIGURATION &&
           strstr(p11kit_said, "rsa-oaep-sha1") != NULL,
       "nor is a wrap by it opened");
    p11kit_close(cmk);
    cmk = p11kit_opened(GCM_KEY);
    (void)p11kit_wrap(cmk, p11kit_payload, "c", wrapped, &n);
    mechanisms("aes-key-wrap");
    ok(p11kit_unwrap(cmk, wrapped, n, "c", payload) == ENVELOPE_CONFIGURATION,
       "a wrap by AES-GCM is not opened where key wrap alone is allowed");
    ok(p11kit_wrap(cmk, p11kit_payload, "c", wrapped, &n) ==
           ENVELOPE_CONFIGURATION,
       "a key that may encrypt does not wrap");
    mechanisms("aes-gcm,aes-key-wrap");
    ok(p11kit_round_trip(cmk) == ENVELOPE_CONFIGURATION,
       "a list that is none is an error");
    mechanisms(NULL);
    p11kit_close(cmk);
}

static void foreign_wraps(void)
{
    envelope_cmk *gcm = p11kit_opened(GCM_KEY);
    envelope_cmk *kw = p11kit_opened(KW_KEY);
    uint8_t wrapped[ENVELOPE_WRAPPED_MAX];
    uint8_t payload[ENVELOPE_PAYLOAD_BYTES];
    size_t n = 0;

    (void)p11kit_wrap(gcm, p11kit_payload, "c", wrapped, &n);
    ok(p11kit_unwrap(kw, wrapped, n, "c", payload) == ENVELOPE_NOT_MINE,
       "a wrap under another key is told from one that was altered");
    p11kit_close(gcm);
    p11kit_close(kw);
}

/* ---- keys made by others ---- */

struct own_key {
    const char *label;
    CK_BBOOL sensitive;
    CK_BBOOL extractable;
    CK_BBOOL private;
    CK_ULONG bytes;
};

/* Makes a key past the provider, logged in already. */
static bool make(const struct own_key *k)
{
    CK_FUNCTION_LIST *f = p11_kit_module_load(p11kit_softhsm(), 0);
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE key[] = {{CKA_CLASS, &class, sizeof class},
                          {CKA_KEY_TYPE, &type, sizeof type},
                          {CKA_VALUE_LEN, (void *)&k->bytes, sizeof k->bytes},
                          {CKA_LABEL, (void *)k->label, strlen(k->label)},
                          {CKA_TOKEN, &yes, sizeof yes},
                          {CKA_PRIVATE, (void *)&k->private, 1},
                          {CKA_SENSITIVE, (void *)&k->sensitive, 1},
                          {CKA_EXTRACTABLE, (void *)&k->extractable, 1},
                          {CKA_ENCRYPT, &yes, sizeof yes},
                          {CKA_DECRYPT, &yes, sizeof yes}};
    CK_MECHANISM m = {CKM_AES_KEY_GEN, NULL, 0};
    CK_SESSION_HANDLE s = 0;
    CK_OBJECT_HANDLE handle = 0;
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;
    CK_RV rv = p11_kit_module_initialize(f);

    (void)f->C_GetSlotList(CK_TRUE, slots, &n);
    rv = f->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                          NULL, &s);
    (void)f->C_Login(s, CKU_USER, (CK_UTF8CHAR *)P11KIT_PIN,
                     strlen(P11KIT_PIN));
    rv = f->C_GenerateKey(s, &m, key, sizeof key / sizeof *key, &handle);
    (void)f->C_CloseSession(s);
    (void)p11_kit_module_finalize(f);
    p11_kit_module_release(f);
    return rv == CKR_OK;
}

static void unprotected(const struct own_key *k, const char *uri)
{
    envelope_cmk *cmk = NULL;

    ok(make(k) && p11kit_open(&cmk, uri) == ENVELOPE_OK &&
           p11kit_round_trip(cmk) == ENVELOPE_CONFIGURATION &&
           strstr(p11kit_said, "ALLOW_UNPROTECTED") != NULL,
       "%s key: nothing is wrapped under it", k->label);
    (void)setenv("ENVELOPE_PKCS11_ALLOW_UNPROTECTED", "1", 1);
    ok(p11kit_round_trip(cmk) == ENVELOPE_OK, "%s key: but where allowed",
       k->label);
    (void)unsetenv("ENVELOPE_PKCS11_ALLOW_UNPROTECTED");
    p11kit_close(cmk);
}

static void keys_of_others(void)
{
    envelope_cmk *cmk = NULL;

    unprotected(&(struct own_key){"readable", CK_FALSE, CK_FALSE, CK_TRUE, 32},
                "pkcs11:token=one;object=readable");
    unprotected(&(struct own_key){"extractable", CK_TRUE, CK_TRUE, CK_TRUE, 32},
                "pkcs11:token=one;object=extractable");
    unprotected(&(struct own_key){"public", CK_TRUE, CK_FALSE, CK_FALSE, 32},
                "pkcs11:token=one;object=public");
    ok(make(&(struct own_key){"short", CK_TRUE, CK_FALSE, CK_TRUE, 16}) &&
           p11kit_open(&cmk, "pkcs11:token=one;object=short") ==
               ENVELOPE_CONFIGURATION,
       "a key of 128 bits is refused");
    ok(make(&(struct own_key){"twin", CK_TRUE, CK_FALSE, CK_TRUE, 32}) &&
           make(&(struct own_key){"twin", CK_TRUE, CK_FALSE, CK_TRUE, 32}) &&
           p11kit_open(&cmk, "pkcs11:token=one;object=twin") ==
               ENVELOPE_CONFIGURATION &&
           strstr(p11kit_said, "id=") != NULL,
       "two keys of a name: it says how to name one");
    ok(p11kit_create("pkcs11:token=one;object=twin") == ENVELOPE_CONFIGURATION,
       "and makes no third");
}

static void tokens(void)
{
    envelope_cmk *cmk = NULL;

    p11kit_add_token("two");
    ok(p11kit_open(&cmk, "pkcs11:token=three;object=gcm") ==
           ENVELOPE_UNAVAILABLE,
       "a token that is not there may be there later");
    ok(p11kit_open(&cmk, "pkcs11:token=one;manufacturer=Nobody;object=gcm") ==
           ENVELOPE_UNAVAILABLE,
       "a token of another maker is not the one");
    cmk = p11kit_opened("pkcs11:object=gcm;token=one;model=SoftHSM%20v2");
    ok(cmk != NULL && p11kit_round_trip(cmk) == ENVELOPE_OK,
       "one that all attributes fit is");
    p11kit_close(cmk);
}

static void described(void)
{
    envelope_cmk *cmk = p11kit_opened(GCM_KEY);
    struct envelope_call call = p11kit_call();
    int state = ENVELOPE_CMK_UNKNOWN;
    char line[200];

    ok(p11kit_provider->describe(cmk, &call, line, sizeof line) ==
               ENVELOPE_OK &&
           strstr(line, "token one, AES of 256 bits, aes-gcm") != NULL,
       "describe names library, token, key and mechanism");
    note("%s", line);
    ok(p11kit_provider->describe(cmk, &call, line, 10) == ENVELOPE_OK &&
           strlen(line) == 9,
       "as much of it as there is room for");
    ok(p11kit_state(cmk, &state) == ENVELOPE_OK &&
           state == ENVELOPE_CMK_ENABLED,
       "a key that is there is enabled");
    p11kit_close(cmk);
}

int main(void)
{
    if (p11kit_softhsm() == NULL) {
        skip("SoftHSM is not installed: make test-providers",
             "the provider against SoftHSM");
        return done();
    }
    p11kit_provider = envelope_module_providers()[0];
    p11kit_token("one");
    create();
    ok(p11kit_rsa("one", "rsa", "52", 2048), "pkcs11-tool makes an RSA pair");
    all_mechanisms();
    what_is_not_allowed();
    foreign_wraps();
    keys_of_others();
    tokens();
    described();
    p11kit_clear();
    return done();
}
