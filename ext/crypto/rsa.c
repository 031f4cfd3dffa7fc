/* SPDX-License-Identifier: MIT
 *
 * rsa.c: the numbers and their arithmetic by OpenSSL, and OAEP around them.
 */
#include "crypto/rsa.h"

#include "base/secret.h"
#include "crypto/ossl.h"
#include "crypto/pool.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <string.h>

#define HASH_BYTES 32

/* ---- the key ---- */

size_t ee_rsa_bits(struct ee_bytes n)
{
    size_t bits = n.n * 8;

    for (unsigned top = n.n > 0 ? n.p[0] : 0; top > 0 && top < 0x80;
         top <<= 1) {
        bits--;
    }
    return bits;
}

void ee_rsa_native(uint8_t *number, size_t n)
{
    const uint16_t one = 1;

    if (*(const uint8_t *)&one == 0) {
        return; /* big-endian */
    }
    for (size_t i = 0; i < n / 2; i++) {
        uint8_t byte = number[i];

        number[i] = number[n - 1 - i];
        number[n - 1 - i] = byte;
    }
}

struct evp_pkey_st *ee_rsa_new(const struct ee_bytes *number, bool has_private)
{
    static const char *const names[EE_RSA_NUMBERS] = {
        OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    const size_t count = has_private ? EE_RSA_NUMBERS : EE_RSA_D;
    OSSL_PARAM params[EE_RSA_NUMBERS + 1];
    EVP_PKEY_CTX *ctx = NULL;
    EVP_PKEY *rsa = NULL;

    for (size_t i = 0; i < count; i++) {
        params[i] = OSSL_PARAM_construct_BN(
            names[i], (unsigned char *)number[i].p, number[i].n);
    }
    params[count] = OSSL_PARAM_construct_end();
    (void)ERR_set_mark(); /* the host's error queue stays as it was */
    ctx = EVP_PKEY_CTX_new_from_name(ee_ossl_library(), "RSA", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &rsa,
                          has_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                          params) != 1) {
        EVP_PKEY_free(rsa);
        rsa = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    (void)ERR_pop_to_mark();
    return rsa;
}

void ee_rsa_free(struct evp_pkey_st *rsa)
{
    EVP_PKEY_free(rsa);
}

int ee_rsa_id(uint8_t *id, const struct evp_pkey_st *rsa)
{
    unsigned char *der = NULL;
    int n = 0;

    (void)ERR_set_mark();
    n = i2d_PUBKEY(rsa, &der);
    (void)ERR_pop_to_mark();
    if (n <= 0) {
        return -1;
    }
    (void)crypto_hash_sha256(id, der, (unsigned)n);
    OPENSSL_free(der);
    return 0;
}

/* RSAEP or RSADP (RFC 8017 section 5.1) on k bytes; out may be in. 0, 1 when
 * in is not below the modulus, or -1. */
static int raw(EVP_PKEY *rsa, bool secret, uint8_t *out, const uint8_t *in,
               size_t k)
{
    EVP_PKEY_CTX *ctx = NULL;
    size_t n = k;
    int rc = -1;
    int ok = 0;

    (void)ERR_set_mark();
    ctx = EVP_PKEY_CTX_new_from_pkey(ee_ossl_library(), rsa, NULL);
    if (ctx != NULL && secret) {
        ok = EVP_PKEY_decrypt_init(ctx) == 1 &&
             EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
             EVP_PKEY_decrypt(ctx, out, &n, in, k) == 1;
    } else if (ctx != NULL) {
        ok = EVP_PKEY_encrypt_init(ctx) == 1 &&
             EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
             EVP_PKEY_encrypt(ctx, out, &n, in, k) == 1;
    }
    if (!ok && ERR_GET_REASON(ERR_peek_last_error()) ==
                   RSA_R_DATA_TOO_LARGE_FOR_MODULUS) {
        rc = 1;
    }
    EVP_PKEY_CTX_free(ctx);
    (void)ERR_pop_to_mark();
    return ok && n == k ? 0 : rc;
}

/* ---- the padding ---- */

/* Adds MGF1(seed) to n bytes (RFC 8017 appendix B.2.1). */
static void mask(uint8_t *bytes, size_t n, const uint8_t *seed, size_t seed_n)
{
    uint8_t block[HASH_BYTES]; /* secret: wiped at the end */
    crypto_hash_sha256_state state;

    for (size_t at = 0; at < n; at += sizeof block) {
        const size_t count = at / sizeof block; /* below 2^8: one byte of it */
        const uint8_t counter[4] = {0, 0, 0, (uint8_t)count};

        (void)crypto_hash_sha256_init(&state);
        (void)crypto_hash_sha256_update(&state, seed, seed_n);
        (void)crypto_hash_sha256_update(&state, counter, sizeof counter);
        (void)crypto_hash_sha256_final(&state, block);
        for (size_t i = 0; i < sizeof block && at + i < n; i++) {
            bytes[at + i] ^= block[i];
        }
    }
    ee_wipe(block, sizeof block);
    ee_wipe(&state, sizeof state);
}

_Static_assert(EE_RSA_BYTES_MAX <= 256 * HASH_BYTES, "the counter of mask()");

/* EM = 00 ‖ seed (32) ‖ DB, DB = SHA-256(label) ‖ 00… ‖ 01 ‖ message. */
static size_t db_bytes(size_t k)
{
    return k - 1 - HASH_BYTES;
}

int ee_rsa_seal(struct evp_pkey_st *rsa, size_t k, uint8_t *out,
                struct ee_bytes label, struct ee_bytes message)
{
    uint8_t em[EE_RSA_BYTES_MAX]; /* secret: wiped at the end */
    uint8_t *seed = em + 1;
    uint8_t *db = seed + HASH_BYTES;
    int rc = -1;

    if (k > sizeof em || k < 2 * HASH_BYTES + 2 ||
        message.n > k - 2 * HASH_BYTES - 2) {
        return -1;
    }
    memset(em, 0, k);
    ee_random(seed, HASH_BYTES);
    (void)crypto_hash_sha256(db, label.p, label.n);
    em[k - message.n - 1] = 1;
    if (message.n > 0) {
        memcpy(em + k - message.n, message.p, message.n);
    }
    mask(db, db_bytes(k), seed, HASH_BYTES);
    mask(seed, HASH_BYTES, db, db_bytes(k));
    rc = raw(rsa, false, out, em, k);
    ee_wipe(em, sizeof em);
    return rc;
}

/* The length is known, so all before the message is: compare it whole. One
 * answer for every fault (Manger, CRYPTO 2001). */
static int check(const uint8_t *em, size_t k, size_t n, struct ee_bytes label)
{
    uint8_t expected[EE_RSA_BYTES_MAX]; /* of DB, before the message */
    const uint8_t *db = em + 1 + HASH_BYTES;
    const size_t head = db_bytes(k) - n;
    bool good = false;

    memset(expected, 0, head);
    (void)crypto_hash_sha256(expected, label.p, label.n);
    expected[head - 1] = 1;
    good = ee_equal(db, expected, head);
    good = (int)good & (int)(em[0] == 0);
    return good ? 0 : 1;
}

int ee_rsa_open(struct evp_pkey_st *rsa, size_t k, uint8_t *out, size_t n,
                struct ee_bytes label, const uint8_t *sealed)
{
    uint8_t em[EE_RSA_BYTES_MAX]; /* secret: wiped at the end */
    uint8_t *seed = em + 1;
    uint8_t *db = seed + HASH_BYTES;
    int rc = 1;

    if (k > sizeof em || k < 2 * HASH_BYTES + 2 || n > k - 2 * HASH_BYTES - 2) {
        return 1;
    }
    rc = raw(rsa, true, em, sealed, k);
    if (rc == 0) {
        mask(seed, HASH_BYTES, db, db_bytes(k));
        mask(db, db_bytes(k), seed, HASH_BYTES);
        rc = check(em, k, n, label);
    }
    ee_wipe(out, n);
    if (rc == 0 && n > 0) {
        memcpy(out, em + k - n, n);
    }
    ee_wipe(em, sizeof em);
    return rc;
}
