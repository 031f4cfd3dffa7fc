/* SPDX-License-Identifier: MIT
 *
 * provider_pem.c: every kind of PEM file that works, wraps, and pins.
 */
#include "base/secret.h"
#include "child.h"
#include "pemkit.h"
#include "ring.h"
#include "tap.h"

#include <ctype.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void kinds_of_files(void)
{
    pk_passphrase(PASSPHRASE);
    pk_write_all();
    pk_passes("rsa.pub", "rsa.pem", "RSA: public to PKCS#8");
    pk_passes("rsa1.pub", "rsa1.pem", "RSA: PKCS#1 to PKCS#1");
    pk_passes("rsa.pem", "rsa.enc", "RSA: private to encrypted");
    pk_passes("rsa.enc", "rsa.pem", "RSA: encrypted to private");
    pk_passes("x.pub", "x.pem", "X25519: public to private");
    pk_passes("x.pem", "x.enc", "X25519: private to encrypted");
    pk_passes("x.enc", "x.pem", "X25519: encrypted to private");
}

static void text_around_it(void)
{
    char *key = pk_text_of(pk_x25519, PK_PRIVATE);
    char text[2000];

    (void)snprintf(text, sizeof text, "Bag Attributes\n  name: x\n%s\nbye\n",
                   key);
    pk_write_text("around.pem", text, 0600);
    pk_passes("x.pub", "around.pem", "text before and after the block");
    (void)snprintf(text, sizeof text, "%s%s", key, key);
    pk_write_text("two.pem", text, 0600);
    pk_refuses("two.pem", EE_CONFIG, "more than one", "two keys in a file");
    strstr(key, "-----END")[0] = '\0';
    pk_write_text("cut.pem", key, 0600);
    pk_refuses("cut.pem", EE_CONFIG, "truncated", "a file cut short");
    free(key);
}

/* Slow checkers look at fewer bytes. */
static size_t step(void)
{
    return scaled(8) < 8 ? 19 : 1;
}

static void wraps(const char *public_file, const char *private_file,
                  size_t size)
{
    uint8_t wrapped[EE_CMK_WRAPPED_MAX];
    uint8_t payload[EE_PAYLOAD_BYTES];
    struct ee_provider *p = NULL;
    size_t n = 0;
    size_t refused = 0;
    size_t tried = 0;
    size_t told_apart = 0;

    ring_must(pk_open(&p, public_file) == EE_OK);
    ring_must(ring_wrap(p, 4, wrapped, &n, &pk_err) == EE_OK);
    ee_provider_close(p);
    ok(n == size, "%s: a wrap has %zu bytes", public_file, size);
    ring_must(pk_open(&p, private_file) == EE_OK);
    ok(ee_provider_unwrap(p, payload, ee_bytes(wrapped, n),
                          ee_bytes("Context", 7), &pk_err) == EE_AUTH &&
           ee_is_zero(payload, sizeof payload),
       "%s: another context: %s", private_file, pk_err.msg);
    for (size_t i = 0; i < n; i += step(), tried++) {
        int rc = EE_OK;

        wrapped[i] ^= 1;
        rc = ring_unwrap(p, 4, wrapped, n, &pk_err);
        refused += rc == EE_AUTH;
        told_apart += rc == EE_KEY_UNKNOWN;
        wrapped[i] ^= 1;
    }
    ok(refused + told_apart == tried && told_apart == (step() == 1 ? 32 : 1),
       "%s: every changed byte is refused, the key's as another key: %zu, %zu",
       private_file, refused, told_apart);
    refused = 0;
    for (size_t i = 0; i < n; i++) {
        refused += ring_unwrap(p, 4, wrapped, i, &pk_err) == EE_AUTH;
    }
    refused += ring_unwrap(p, 4, wrapped, n + 1, &pk_err) == EE_AUTH;
    ok(refused == n + 1, "%s: every other length is refused", private_file);
    wrapped[1] ^= 3;
    ok(ring_unwrap(p, 4, wrapped, n, &pk_err) == EE_AUTH,
       "%s: so is the other algorithm", private_file);
    wrapped[1] ^= 3;
    ok(ring_unwrap(p, 4, wrapped, n, &pk_err) == EE_OK,
       "%s: as it was, it opens", private_file);
    ee_provider_close(p);
}

static void other_keys(void)
{
    uint8_t wrapped[EE_CMK_WRAPPED_MAX];
    struct ee_provider *p = NULL;
    size_t n = 0;

    pk_write_key("other.pem", pk_other_rsa, PK_PRIVATE);
    pk_write_key("otherx.pem", pk_other_x25519, PK_PRIVATE);
    ring_must(pk_open(&p, "rsa.pub") == EE_OK &&
              ring_wrap(p, 5, wrapped, &n, &pk_err) == EE_OK);
    ok(!ee_provider_can_unwrap(p), "a public key says that it cannot unwrap");
    ok(ring_unwrap(p, 5, wrapped, n, &pk_err) == EE_DENIED &&
           strstr(pk_err.msg, "public key, which seals but does not open") &&
           strstr(pk_err.msg, "ENVELOPE_PEM_KEYFILE"),
       "a public key: %s", pk_err.msg);
    ee_provider_close(p);
    ring_must(pk_open(&p, "other.pem") == EE_OK);
    ok(ee_provider_can_unwrap(p), "a private key says that it can");
    ok(ring_unwrap(p, 5, wrapped, n, &pk_err) == EE_KEY_UNKNOWN &&
           strstr(pk_err.msg, "another key") != NULL,
       "another RSA key: %s", pk_err.msg);
    ee_provider_close(p);
    ring_must(pk_open(&p, "otherx.pem") == EE_OK);
    ok(ring_unwrap(p, 5, wrapped, n, &pk_err) == EE_KEY_UNKNOWN,
       "an X25519 key: %s", pk_err.msg);
    ee_provider_close(p);
}

/* ---- pins ---- */

static void is_stored_as(const char *given, const char *expected)
{
    char stored[EE_CMK_URI_MAX];
    struct ee_provider *p = NULL;
    struct ee_cmk_uri uri;
    int rc = pk_open_uri(&p, given, &uri);

    rc = rc == EE_OK ? ee_provider_canonical(p, stored, &uri, &pk_err) : rc;
    ok(rc == EE_OK && strncmp(stored, "pem:", 4) == 0 &&
           strcmp(stored + 4, expected) == 0,
       "pem:%s is stored as pem:%s", given, expected);
    ee_provider_close(p);
}

static void pins(void)
{
    char upper[400];
    size_t at = 0;

    is_stored_as("rsa.pub", pk_pinned("rsa.pub", pk_rsa));
    is_stored_as("rsa1.pem", pk_pinned("rsa1.pem", pk_rsa));
    is_stored_as("x.enc", pk_pinned("x.enc", pk_x25519));
    is_stored_as("x%2epub", pk_pinned("x%2epub", pk_x25519));
    is_stored_as(pk_pinned("x.pub", pk_x25519), pk_pinned("x.pub", pk_x25519));
    (void)snprintf(upper, sizeof upper, "%s", pk_pinned("x.pub", pk_x25519));
    for (at = strcspn(upper, "-") + 1; upper[at] != '\0'; at++) {
        upper[at] = (char)toupper((unsigned char)upper[at]);
    }
    is_stored_as(upper, pk_pinned("x.pub", pk_x25519));
    pk_refuses(pk_pinned("x.pub", pk_other_x25519), EE_KEY_UNKNOWN,
               "another key than the one that its URI pins", "a swapped file");
    pk_refuses(pk_pinned("x.pem", pk_rsa), EE_KEY_UNKNOWN, "pins",
               "of another kind");
    pk_refuses("x.pub#key1", EE_CONFIG, "sha256-", "a fragment that is no pin");
    pk_refuses("x.pub#sha256-00", EE_CONFIG, "64", "a pin too short");
    memset(upper + strlen(upper) - 1, 'g', 1);
    pk_refuses(upper, EE_CONFIG, "hexadecimal",
               "a pin that is not hexadecimal");
}

static void other_half(void)
{
    const char *lost = "nowhere.pem";

    pk_passphrase(NULL);
    pk_refuses(pk_pinned(lost, pk_rsa), EE_CONFIG, "ENVELOPE_PEM_KEYFILE",
               "a file that is not there");
    (void)setenv("ENVELOPE_PEM_KEYFILE", ring_path("rsa.pem"), 1);
    pk_passes("rsa.pub", "rsa.pub", "ENVELOPE_PEM_KEYFILE is the other half");
    pk_passes("rsa.pub", pk_pinned(lost, pk_rsa),
              "also where the file is not there");
    pk_refuses(lost, EE_CONFIG, "No such file", "but not without a pin");
    pk_refuses(pk_pinned(lost, pk_other_rsa), EE_CONFIG, "there is no PEM file",
               "nor for another pin");
    pk_passes("x.pub", "x.pem", "and it does not matter to other keys");
    (void)setenv("ENVELOPE_PEM_KEYFILE", ring_path("rsa.pub"), 1);
    pk_refuses("rsa.pub", EE_DENIED,
               "others may read the file of "
               "ENVELOPE_PEM_KEYFILE",
               "it is a secret file");
    ring_must(chmod(ring_path("rsa.pub"), 0600) == 0);
    pk_refuses("rsa.pub", EE_CONFIG, "names a public key",
               "with a private key");
    ring_must(chmod(ring_path("rsa.pub"), 0644) == 0);
    (void)setenv("ENVELOPE_PEM_KEYFILE", "", 1);
    pk_refuses("rsa.pub", EE_CONFIG, "set but empty", "set to nothing");
    (void)setenv("ENVELOPE_PEM_KEYFILE", "/nowhere/x", 1);
    pk_refuses("rsa.pub", EE_CONFIG, "cannot open the file of", "to no file");
    (void)unsetenv("ENVELOPE_PEM_KEYFILE");
    (void)setenv("CREDENTIALS_DIRECTORY", ring_dir, 1);
    pk_write_key("envelope_pem_keyfile", pk_rsa, PK_ENCRYPTED);
    (void)ring_write("envelope_pem_passphrase", "hunter 2\n", 9, 0440);
    ring_must(chmod(ring_path("envelope_pem_keyfile"), 0440) == 0);
    pk_passes("rsa.pub", "rsa.pub", "key and passphrase may be credentials");
    pk_passphrase(NULL);
}

static void in_child(void *arg, void *out, size_t n)
{
    uint8_t wrapped[EE_CMK_WRAPPED_MAX];
    size_t length = 0;

    (void)n;
    *(int *)out = ring_wrap(arg, 1, wrapped, &length, &pk_err) == EE_MISUSE &&
                  strstr(pk_err.msg, "fork") != NULL;
}

static void forks(void)
{
    const char *files[] = {"rsa.pem", "x.pem"};

    for (size_t i = 0; i < 2; i++) {
        struct ee_provider *p = NULL;
        int good = 0;

        ring_must(pk_open(&p, files[i]) == EE_OK);
        ok(child_ask(in_child, p, &good, sizeof good) && good,
           "%s: a forked child is told to open it again", files[i]);
        ee_provider_close(p);
    }
}

static void not_at_the_provider(void)
{
    struct ee_provider *p = NULL;
    uint32_t version = 0;

    ring_must(pk_open(&p, "x.pem") == EE_OK);
    ok(ee_provider_rotate(p, &version, &pk_err) == EE_CONFIG, "rotate: %s",
       pk_err.msg);
    ok(ee_provider_destroy(p, 1, &pk_err) == EE_CONFIG, "destroy: %s",
       pk_err.msg);
    ee_provider_close(p);
}

int main(void)
{
    struct ee_arena_report arena;

    pk_setup();
    pk_other_rsa = EVP_RSA_gen(3072);
    ring_must(pk_other_rsa != NULL);
    kinds_of_files();
    text_around_it();
    wraps("rsa.pub", "rsa.pem", 34 + 384);
    wraps("x.pub", "x.pem", 34 + 144);
    other_keys();
    pins();
    other_half();
    forks();
    not_at_the_provider();
    pk_clear();
    ee_arena_report(&arena);
    ok(arena.cells_used == 0, "every arena cell was given back");
    return done();
}
