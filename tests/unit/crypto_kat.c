/* SPDX-License-Identifier: MIT
 *
 * crypto_kat.c: known answers, from tests/vectors/crypto.
 *
 * Our HMAC takes 32-byte keys. HMAC (RFC 2104) pads a shorter key with zeros
 * and hashes one longer than 64 bytes, so every published case becomes one
 * with a 32-byte key; HKDF (RFC 5869) is made of HMAC.
 */
#include "crypto/kdf.h"
#include "crypto/suite.h"
#include "kit.h"
#include "tap.h"
#include "vec.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static struct ee_ossl ossl;

/* A key of any length as the 32 bytes that mean the same to HMAC. */
static bool hmac_key(uint8_t *key, struct ee_bytes any)
{
    memset(key, 0, EE_KEY_BYTES);
    if (any.n > 64) {
        (void)crypto_hash_sha256(key, any.p, any.n);
        return true;
    }
    if (any.n > 0 && any.n <= EE_KEY_BYTES) {
        memcpy(key, any.p, any.n);
    }
    return any.n <= EE_KEY_BYTES;
}

static bool hmac_is_right(struct vec_case *c)
{
    struct ee_bytes output = vec_bytes(c, "output");
    struct ee_bytes message = vec_bytes(c, "message");
    uint8_t key[EE_KEY_BYTES];
    uint8_t mac[EE_MAC_BYTES];
    bool right = hmac_key(key, vec_bytes(c, "key")) && output.n >= 16;

    ee_hmac(mac, key, message);
    right = right && memcmp(mac, output.p, output.n) == 0;
    for (size_t cut = 0; cut <= message.n; cut++) {
        ee_hmac_two(mac, key, ee_bytes(message.p, cut),
                    ee_bytes(message.p + cut, message.n - cut));
        right = right && memcmp(mac, output.p, output.n) == 0;
    }
    return right;
}

/* T(i) = HMAC(PRK, T(i - 1) | info | i) */
static bool hkdf_expands(const uint8_t *prk, struct ee_bytes info,
                         struct ee_bytes output)
{
    uint8_t input[EE_MAC_BYTES + 256 + 1];
    uint8_t t[EE_MAC_BYTES];
    size_t used = 0;

    for (uint8_t i = 1; output.n > 0; i++) {
        const size_t n = output.n < sizeof t ? output.n : sizeof t;

        if (info.n > 0) {
            memcpy(input + used, info.p, info.n);
        }
        input[used + info.n] = i;
        ee_hmac(t, prk, ee_bytes(input, used + info.n + 1));
        if (memcmp(t, output.p, n) != 0) {
            return false;
        }
        memcpy(input, t, sizeof t);
        used = sizeof t;
        output = ee_bytes(output.p + n, output.n - n);
    }
    return true;
}

static bool hkdf_is_right(struct vec_case *c)
{
    uint8_t salt[EE_KEY_BYTES];
    uint8_t prk[EE_MAC_BYTES];
    const bool usable = hmac_key(salt, vec_bytes(c, "salt"));

    ee_hmac(prk, salt, vec_bytes(c, "ikm"));
    return usable && memcmp(prk, vec_exact(c, "prk", 32), sizeof prk) == 0 &&
           vec_bytes(c, "info").n <= 256 &&
           hkdf_expands(prk, vec_bytes(c, "info"), vec_bytes(c, "output"));
}

static bool kdf_is_right(struct vec_case *c)
{
    uint8_t out[EE_KEY_BYTES];

    ee_kdf(out, vec_exact(c, "key", EE_KEY_BYTES), vec_text(c, "label"),
           vec_bytes(c, "ctx"));
    return memcmp(out, vec_exact(c, "output", sizeof out), sizeof out) == 0;
}

/* Wraps and unwraps as a suite does, whatever the message's length. */
static bool wrap_is_right(const struct ee_suite *s, struct vec_case *c)
{
    const uint8_t *nonce = vec_exact(c, "nonce", EE_WRAP_NONCE_BYTES);
    struct ee_bytes message = vec_bytes(c, "message");
    struct ee_bytes sealed = vec_bytes(c, "sealed");
    uint8_t *out = kit_alloc(sealed.n);
    uint8_t *back = kit_alloc(message.n);
    struct ee_wrap_key k;
    bool right = sealed.n == message.n + EE_TAG_BYTES &&
                 s->wrap_init(&ossl, &k, vec_exact(c, "key", 32)) == 0;

    right =
        right &&
        s->wrap(&ossl, &k, out, nonce, vec_bytes(c, "aad"), message) == 0 &&
        memcmp(out, sealed.p, sealed.n) == 0 &&
        s->unwrap(&ossl, &k, back, nonce, vec_bytes(c, "aad"), sealed) == 0 &&
        memcmp(back, message.p, message.n) == 0;
    if (vec_has(c, "k1")) {
        right =
            right && memcmp(k.k1, vec_exact(c, "k1", EE_AES_BLOCK), 16) == 0;
    }
    free(out);
    free(back);
    return right;
}

/* ---- the accumulated XAES vector ---- */

struct source {
    uint8_t *p;
    size_t left;
};

static const uint8_t *read_from(struct source *s, size_t n)
{
    const uint8_t *p = s->p;

    if (n > s->left) {
        note("the source has run dry");
        exit(1);
    }
    s->p += n;
    s->left -= n;
    return p;
}

/* One round: seal, check that it opens, absorb. */
static bool round_is_right(struct source *s, EVP_MD_CTX *digest)
{
    const uint8_t *key = read_from(s, EE_KEY_BYTES);
    const uint8_t *nonce = read_from(s, EE_WRAP_NONCE_BYTES);
    const size_t message_n = *read_from(s, 1);
    struct ee_bytes message = ee_bytes(read_from(s, message_n), message_n);
    const size_t aad_n = *read_from(s, 1);
    struct ee_bytes aad = ee_bytes(read_from(s, aad_n), aad_n);
    uint8_t sealed[255 + EE_TAG_BYTES];
    uint8_t back[255];
    struct ee_wrap_key k;

    return ee_suite_aes.wrap_init(&ossl, &k, key) == 0 &&
           ee_suite_aes.wrap(&ossl, &k, sealed, nonce, aad, message) == 0 &&
           ee_suite_aes.unwrap(&ossl, &k, back, nonce, aad,
                               ee_bytes(sealed, message_n + EE_TAG_BYTES)) ==
               0 &&
           memcmp(back, message.p, message_n) == 0 &&
           EVP_DigestUpdate(digest, sealed, message_n + EE_TAG_BYTES) == 1;
}

static bool accumulated_is_right(struct vec_case *c)
{
    const size_t rounds = vec_number(c, "rounds");
    const size_t n = rounds * 320 + 4096; /* a round reads 313 on average */
    uint8_t *bytes = kit_alloc(n);
    struct source s = {bytes, n};
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    uint8_t out[32];
    bool right = digest != NULL &&
                 EVP_DigestInit_ex(digest, EVP_shake128(), NULL) == 1 &&
                 EVP_DigestFinalXOF(digest, bytes, n) == 1 &&
                 EVP_DigestInit_ex(digest, EVP_shake128(), NULL) == 1;

    for (size_t i = 0; right && i < rounds; i++) {
        right = round_is_right(&s, digest);
    }
    right = right && EVP_DigestFinalXOF(digest, out, sizeof out) == 1 &&
            memcmp(out, vec_exact(c, "digest", sizeof out), sizeof out) == 0;
    EVP_MD_CTX_free(digest);
    free(bytes);
    return right;
}

/* ---- which case is what ---- */

static bool is_too_long(const struct vec_case *c)
{
    return vec_is(c, "op", "xaes-256-gcm-accumulated") &&
           vec_number(c, "rounds") > 10000 && scaled(100) < 100;
}

/* -1: an operation that is not ours. */
static int is_right(struct vec_case *c)
{
    if (vec_is(c, "op", "hmac-sha-256")) {
        return hmac_is_right(c);
    }
    if (vec_is(c, "op", "hkdf-sha-256")) {
        return hkdf_is_right(c);
    }
    if (vec_is(c, "op", "kdf")) {
        return kdf_is_right(c);
    }
    if (vec_is(c, "op", "xaes-256-gcm")) {
        return wrap_is_right(&ee_suite_aes, c);
    }
    if (vec_is(c, "op", "xaes-256-gcm-accumulated")) {
        return accumulated_is_right(c);
    }
    if (vec_is(c, "op", "xchacha20-poly1305")) {
        return wrap_is_right(&ee_suite_chacha, c);
    }
    return vec_is(c, "op", "hchacha20") ? -1 : 0;
}

static void run_case(struct vec_case *c, const char *file, size_t number)
{
    char name[256];
    int right = 0;

    (void)snprintf(name, sizeof name, "%s, case %zu: %s", file, number,
                   vec_text(c, "op"));
    if (is_too_long(c)) {
        skip("takes long with EE_SCALE below 1", name);
        return;
    }
    right = is_right(c);
    if (right < 0) {
        skip("inside libsodium, not called by us", name);
        return;
    }
    ok(right, "%s", name);
}

static void run_file(const char *path, void *arg)
{
    const char *slash = strrchr(path, '/');
    struct vec_case c = {0};
    FILE *file = vec_open(path);

    (void)arg;
    for (size_t i = 1; vec_next(file, &c); i++) {
        run_case(&c, slash + 1, i);
    }
    (void)fclose(file);
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0 || ee_ossl_init(&ossl) != 0) {
        return 1;
    }
    ok(vec_each_file(vec_folder(argc, argv), "crypto", run_file, NULL) >= 5,
       "the vectors are there");
    ee_ossl_clear(&ossl);
    return done();
}
