/* SPDX-License-Identifier: MIT
 *
 * crypto_suites.c: both suites seal, open, wrap and unwrap at every length,
 * refuse every change, and give the same bytes by either library.
 */
#include "base/secret.h"
#include "crypto/gcm.h"
#include "crypto/suite.h"
#include "kit.h"
#include "tap.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST ((size_t)1024 * 1024 + 3)

static const uint8_t key[EE_KEY_BYTES] = "one key for all, of 32 bytes....";
static const uint8_t nonce[EE_WRAP_NONCE_BYTES] = "a nonce of 24 bytes.....";
static const uint8_t zero_nonce[12];
static const size_t long_lengths[] = {1023, 1024, 2047,   2048,
                                      2049, 4096, LONGEST};
static const struct ee_suite *const suites[] = {&ee_suite_aes,
                                                &ee_suite_chacha};
static struct ee_ossl ossl;

/* n bytes of message, of what is sealed, of what is opened, of aad. */
static struct {
    uint8_t plain[LONGEST];
    uint8_t sealed[LONGEST + EE_TAG_BYTES];
    uint8_t other[LONGEST + EE_TAG_BYTES];
    uint8_t opened[LONGEST];
    uint8_t aad[300];
} at;

typedef bool holds_at(const struct ee_suite *s, size_t n);

/* Lengths 0 to 300 and the long ones, around where the library changes. */
static bool at_every_length(holds_at *holds, const struct ee_suite *s)
{
    for (size_t n = 0; n <= 300; n++) {
        if (!holds(s, n)) {
            note("not at length %zu", n);
            return false;
        }
    }
    for (size_t i = 0; i < sizeof long_lengths / sizeof *long_lengths; i++) {
        if (!holds(s, long_lengths[i])) {
            note("not at length %zu", long_lengths[i]);
            return false;
        }
    }
    return true;
}

static struct ee_bytes aad_of(size_t n)
{
    return ee_bytes(at.aad, n % sizeof at.aad);
}

/* As ee_seal() does: the middle of the message lies elsewhere, and where it
 * will go there is something else. buf holds the whole message. */
static int seal_in_parts(const struct ee_suite *s, uint8_t *buf, size_t n,
                         const uint8_t *dek, struct ee_bytes aad)
{
    static uint8_t middle[LONGEST];
    const size_t from = n < 33 ? n / 3 : 33;
    const size_t len = (n - from) / 16 * 15;

    memcpy(middle, buf + from, len);
    memset(buf + from, 0xee, len);
    return s->seal(&ossl, buf, n, from, ee_bytes(middle, len), dek, aad);
}

static bool seals_and_opens(const struct ee_suite *s, size_t n)
{
    memcpy(at.sealed, at.plain, n);
    memset(at.opened, 0xee, n);
    return seal_in_parts(s, at.sealed, n, key, aad_of(n)) == 0 &&
           (n < 16 || memcmp(at.sealed, at.plain, n) != 0) &&
           s->open(&ossl, at.opened, ee_bytes(at.sealed, n + EE_TAG_BYTES), key,
                   aad_of(n)) == 0 &&
           memcmp(at.opened, at.plain, n) == 0;
}

static bool wraps_and_unwraps(const struct ee_suite *s, size_t n)
{
    struct ee_bytes sealed = ee_bytes(at.sealed, n + EE_TAG_BYTES);
    struct ee_wrap_key k;

    memset(at.opened, 0xee, n);
    return s->wrap_init(&ossl, &k, key) == 0 &&
           s->wrap(&ossl, &k, at.sealed, nonce, aad_of(n),
                   ee_bytes(at.plain, n)) == 0 &&
           s->unwrap(&ossl, &k, at.opened, nonce, aad_of(n), sealed) == 0 &&
           memcmp(at.opened, at.plain, n) == 0;
}

static const EVP_CIPHER *evp_of(const struct ee_suite *s)
{
    return s == &ee_suite_aes ? EVP_aes_256_gcm() : EVP_chacha20_poly1305();
}

/* What plain OpenSSL makes of the message, without any code of ours. */
static bool evp_seal(const struct ee_suite *s, uint8_t *out, size_t n)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    struct ee_bytes aad = aad_of(n);
    int len = 0;
    bool good = ctx != NULL &&
                EVP_EncryptInit_ex(ctx, evp_of(s), NULL, key, zero_nonce) == 1;

    good =
        good && EVP_EncryptUpdate(ctx, NULL, &len, aad.p, (int)aad.n) == 1 &&
        (n == 0 || EVP_EncryptUpdate(ctx, out, &len, at.plain, (int)n) == 1) &&
        EVP_EncryptFinal_ex(ctx, out + n, &len) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, EE_TAG_BYTES,
                            out + n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

static bool is_what_openssl_makes(const struct ee_suite *s, size_t n)
{
    memcpy(at.sealed, at.plain, n);
    return seal_in_parts(s, at.sealed, n, key, aad_of(n)) == 0 &&
           evp_seal(s, at.other, n) &&
           memcmp(at.sealed, at.other, n + EE_TAG_BYTES) == 0;
}

/* Through ee_ossl_gcm_*(), and through libsodium, whatever the length. */
static bool libraries_agree(const struct ee_suite *s, size_t n)
{
    struct ee_bytes aad = aad_of(n);
    const size_t all = n + EE_TAG_BYTES;
    bool good = ee_ossl_gcm_seal(&ossl, at.sealed, at.sealed + n, key,
                                 zero_nonce, aad, ee_bytes(at.plain, n)) == 0;

    (void)s;
    good = good &&
           crypto_aead_aes256gcm_encrypt(at.other, NULL, at.plain, n, aad.p,
                                         aad.n, NULL, zero_nonce, key) == 0 &&
           memcmp(at.sealed, at.other, all) == 0 &&
           ee_ossl_gcm_open(&ossl, at.opened, key, zero_nonce, aad,
                            ee_bytes(at.other, n), at.other + n) == 0 &&
           memcmp(at.opened, at.plain, n) == 0;
    return good &&
           ee_gcm_seal(&ossl, at.other, key, zero_nonce, aad,
                       ee_bytes(at.plain, n)) == 0 &&
           memcmp(at.sealed, at.other, all) == 0;
}

static bool commits(const struct ee_suite *s, size_t n)
{
    uint8_t commitment[EE_KEY_BYTES];

    memset(at.sealed, 0, EE_KEY_BYTES);
    memcpy(at.sealed + EE_KEY_BYTES, at.plain, n % 100);
    return seal_in_parts(s, at.sealed, EE_KEY_BYTES + n % 100, key,
                         aad_of(n)) == 0 &&
           s->commitment(&ossl, commitment, key) == 0 &&
           memcmp(at.sealed, commitment, sizeof commitment) == 0;
}

static bool is_refused(const struct ee_suite *s, struct ee_bytes in,
                       struct ee_bytes aad)
{
    memset(at.opened, 0xee, in.n);
    return s->open(&ossl, at.opened, in, key, aad) == -1 &&
           ee_is_zero(at.opened, in.n - EE_TAG_BYTES);
}

/* Every bit of the sealed bytes and of the aad. */
static bool flips_are_refused(const struct ee_suite *s, size_t n)
{
    const struct ee_bytes sealed = ee_bytes(at.sealed, n + EE_TAG_BYTES);
    const struct ee_bytes aad = ee_bytes(at.aad, 13);
    /* all of a short message; the ends and the tag of a long one */
    const size_t step = n < 100 ? 1 : n / 50;
    bool refused = true;

    memcpy(at.sealed, at.plain, n);
    if (seal_in_parts(s, at.sealed, n, key, aad) != 0) {
        return false;
    }
    for (size_t i = 0; i < sealed.n; i += i < n ? step : 1) {
        for (int bit = 0; bit < 8; bit++) {
            at.sealed[i] ^= (uint8_t)(1 << bit);
            refused = refused && is_refused(s, sealed, aad);
            at.sealed[i] ^= (uint8_t)(1 << bit);
        }
    }
    for (size_t bit = 0; bit < 8 * aad.n; bit++) {
        at.aad[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused = refused && is_refused(s, sealed, aad);
        at.aad[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    return refused && !is_refused(s, sealed, aad);
}

static void flips(const struct ee_suite *s)
{
    static const size_t lengths[] = {0, 1, 16, 33, 64, 2048};
    bool refused = true;

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        refused = refused && flips_are_refused(s, lengths[i]);
    }
    ok(refused,
       "%s: every flipped bit of message, tag and aad is refused, and "
       "nothing is left in the output",
       s->name);
}

static bool unwrap_is_refused(const struct ee_suite *s,
                              const struct ee_wrap_key *k, const uint8_t *n)
{
    memset(at.opened, 0xee, EE_KEY_BYTES);
    return s->unwrap(&ossl, k, at.opened, n, ee_bytes(at.aad, 13),
                     ee_bytes(at.sealed, EE_WRAPPED_BYTES)) == -1 &&
           ee_is_zero(at.opened, EE_KEY_BYTES);
}

static void wrap_flips(const struct ee_suite *s)
{
    uint8_t n[EE_WRAP_NONCE_BYTES];
    struct ee_wrap_key k;
    bool refused = s->wrap_init(&ossl, &k, key) == 0 &&
                   s->wrap(&ossl, &k, at.sealed, nonce, ee_bytes(at.aad, 13),
                           ee_bytes(at.plain, EE_KEY_BYTES)) == 0;

    memcpy(n, nonce, sizeof n);
    for (size_t bit = 0; bit < 8 * EE_WRAPPED_BYTES; bit++) {
        at.sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused = refused && unwrap_is_refused(s, &k, n);
        at.sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof n; bit++) {
        n[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused = refused && unwrap_is_refused(s, &k, n);
        n[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ok(refused && !unwrap_is_refused(s, &k, n),
       "%s: every flipped bit of W and of its nonce is refused, and nothing "
       "is left in the output",
       s->name);
}

/* The bytes do not depend on what was done with the contexts before. */
static void calls_are_independent(const struct ee_suite *s)
{
    uint8_t first[64 + EE_TAG_BYTES];
    uint8_t second[64 + EE_TAG_BYTES];

    memcpy(first, at.plain, 64);
    memcpy(second, at.plain, 64);
    (void)seal_in_parts(s, first, 64, key, aad_of(7));
    (void)seals_and_opens(s, 2000);
    (void)wraps_and_unwraps(s, 2000);
    (void)is_refused(s, ee_bytes(at.sealed, 2000), aad_of(8));
    (void)seal_in_parts(s, second, 64, key, aad_of(7));
    ok(memcmp(first, second, sizeof first) == 0,
       "%s: a call leaves nothing behind that changes the next", s->name);
}

static void suite_holds(const struct ee_suite *s)
{
    ok(at_every_length(seals_and_opens, s),
       "%s: what is sealed in place opens, 0 to 300 bytes and long", s->name);
    ok(at_every_length(wraps_and_unwraps, s),
       "%s: what is wrapped unwraps, 0 to 300 bytes and long", s->name);
    ok(at_every_length(is_what_openssl_makes, s),
       "%s: the bytes are those that OpenSSL alone makes", s->name);
    ok(at_every_length(commits, s),
       "%s: the commitment is what 32 zeros become", s->name);
    flips(s);
    wrap_flips(s);
    calls_are_independent(s);
    ok(ee_suite_by_id(s->id) == s && ee_suite_by_name(s->name) == s,
       "%s: is found by id and name", s->name);
}

int main(void)
{
    if (sodium_init() < 0 || ee_ossl_init(&ossl) != 0) {
        return 1;
    }
    kit_fill(at.plain, sizeof at.plain, 1);
    kit_fill(at.aad, sizeof at.aad, 2);
    for (size_t i = 0; i < 2; i++) {
        suite_holds(suites[i]);
    }
    if (crypto_aead_aes256gcm_is_available()) {
        ok(at_every_length(libraries_agree, &ee_suite_aes),
           "libsodium and OpenSSL make the same AES-256-GCM at every length");
    } else {
        skip("no AES instructions", "libsodium and OpenSSL agree");
    }
    ok(ee_suite_by_id(0) == NULL && ee_suite_by_id(3) == NULL &&
           ee_suite_by_name("aes") == NULL && ee_suite_by_name("") == NULL,
       "there is no other suite");
    ee_ossl_clear(&ossl);
    return done();
}
