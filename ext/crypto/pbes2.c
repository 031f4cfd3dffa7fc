/* SPDX-License-Identifier: MIT
 *
 * pbes2.c: RFC 8018 sections 6.2 and A.4, by OpenSSL's PBKDF2 and AES.
 */
#include "crypto/pbes2.h"

#include "base/secret.h"
#include "crypto/der.h"
#include "crypto/ossl.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <string.h>

#define IV_BYTES 16

/* 1.2.840.113549.1.5.13 and .12 */
static const uint8_t pbes2_oid[] = {0x2A, 0x86, 0x48, 0x86, 0xF7,
                                    0x0D, 0x01, 0x05, 0x0D};
static const uint8_t pbkdf2_oid[] = {0x2A, 0x86, 0x48, 0x86, 0xF7,
                                     0x0D, 0x01, 0x05, 0x0C};
/* 1.2.840.113549.2.x, hmacWith... */
static const uint8_t hmac_oid[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x02};
/* 2.16.840.1.101.3.4.1.x, aes...-CBC */
static const uint8_t aes_oid[] = {0x60, 0x86, 0x48, 0x01,
                                  0x65, 0x03, 0x04, 0x01};

static const struct {
    uint8_t last;
    const char *name;
} digests[] = {{7, "SHA1"}, {9, "SHA256"}, {10, "SHA384"}, {11, "SHA512"}};

static const struct {
    uint8_t last;
    const char *name;
    size_t key_bytes;
} ciphers[] = {
    {2, "AES-128-CBC", 16}, {22, "AES-192-CBC", 24}, {42, "AES-256-CBC", 32}};

static bool is(struct ee_bytes oid, const uint8_t *bytes, size_t n)
{
    return oid.n == n && ee_equal(oid.p, bytes, n);
}

/* The byte behind the head of an object identifier, or 0. */
static uint8_t last_of(struct ee_bytes oid, const uint8_t *head, size_t n)
{
    return oid.n == n + 1 && ee_equal(oid.p, head, n) ? oid.p[n] : 0;
}

static void read_prf(struct ee_pbes2 *p, struct ee_reader *params)
{
    uint8_t last = 7; /* the default is hmacWithSHA1 */

    if (params->left > 0) {
        struct ee_reader seq = ee_der_enter(params);

        last =
            last_of(ee_der_read(&seq, EE_DER_OID), hmac_oid, sizeof hmac_oid);
        params->bad = params->bad || seq.bad;
    }
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++) {
        if (digests[i].last == last) {
            p->digest = digests[i].name;
        }
    }
}

/* PBKDF2-params. Other functions are not supported: the digest stays NULL. */
static void read_kdf(struct ee_pbes2 *p, struct ee_reader *r)
{
    struct ee_reader seq = ee_der_enter(r);
    struct ee_reader params;

    if (!is(ee_der_read(&seq, EE_DER_OID), pbkdf2_oid, sizeof pbkdf2_oid)) {
        r->bad = r->bad || seq.bad;
        return;
    }
    params = ee_der_enter(&seq);
    p->salt = ee_der_read(&params, EE_DER_OCTETS);
    p->iterations = ee_der_small(&params);
    if (ee_der_next_is(&params, EE_DER_INTEGER)) {
        (void)ee_der_small(&params); /* the cipher's key length says it too */
    }
    read_prf(p, &params);
    r->bad = r->bad || !ee_der_done(&params) || !ee_der_done(&seq);
}

static void read_cipher(struct ee_pbes2 *p, struct ee_reader *r)
{
    struct ee_reader seq = ee_der_enter(r);
    uint8_t last =
        last_of(ee_der_read(&seq, EE_DER_OID), aes_oid, sizeof aes_oid);

    for (size_t i = 0; i < sizeof ciphers / sizeof *ciphers; i++) {
        if (ciphers[i].last == last) {
            p->cipher = ciphers[i].name;
            p->key_bytes = ciphers[i].key_bytes;
        }
    }
    if (p->cipher != NULL) {
        p->iv = ee_der_read(&seq, EE_DER_OCTETS);
        r->bad = r->bad || !ee_der_done(&seq) || p->iv.n != IV_BYTES;
    }
    r->bad = r->bad || seq.bad;
}

bool ee_pbes2_parse(struct ee_pbes2 *out, struct ee_bytes der)
{
    struct ee_pbes2 p = {.cipher = NULL};
    struct ee_reader r = ee_reader(der);
    struct ee_reader seq = ee_der_enter(&r);
    struct ee_reader algorithm = ee_der_enter(&seq);

    *out = p;
    p.data = ee_der_read(&seq, EE_DER_OCTETS);
    if (!ee_der_done(&r) || !ee_der_done(&seq) || p.data.n == 0) {
        return false;
    }
    if (is(ee_der_read(&algorithm, EE_DER_OID), pbes2_oid, sizeof pbes2_oid)) {
        struct ee_reader params = ee_der_enter(&algorithm);

        read_kdf(&p, &params);
        read_cipher(&p, &params);
        algorithm.bad =
            algorithm.bad || !ee_der_done(&params) || !ee_der_done(&algorithm);
    }
    if (algorithm.bad) {
        return false;
    }
    *out = p;
    return true;
}

static int derive(uint8_t *key, const struct ee_pbes2 *p,
                  struct ee_bytes passphrase)
{
    uint64_t iterations = p->iterations;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                         (char *)p->digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD,
                                          (void *)passphrase.p, passphrase.n),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
                                          (void *)p->salt.p, p->salt.n),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_ITER, &iterations),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(ee_ossl_library(), "PBKDF2", NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    int rc = -1;

    if (ctx != NULL && EVP_KDF_derive(ctx, key, p->key_bytes, params) == 1) {
        rc = 0;
    }
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return rc;
}

static int decrypt(uint8_t *out, size_t *n, const struct ee_pbes2 *p,
                   const uint8_t *key)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(ee_ossl_library(), p->cipher, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int first = 0;
    int last = 0;
    int rc = -1;

    if (cipher != NULL && ctx != NULL &&
        EVP_DecryptInit_ex2(ctx, cipher, key, p->iv.p, NULL) == 1) {
        rc = EVP_DecryptUpdate(ctx, out, &first, p->data.p, (int)p->data.n) ==
                         1 &&
                     EVP_DecryptFinal_ex(ctx, out + first, &last) == 1
                 ? 0
                 : 1;
    }
    *n = (size_t)first + (size_t)last;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return rc;
}

int ee_pbes2_open(uint8_t *out, size_t *n, const struct ee_pbes2 *p,
                  struct ee_bytes passphrase)
{
    uint8_t key[EE_KEY_BYTES]; /* secret: wiped at the end */
    int rc = -1;

    *n = 0;
    (void)ERR_set_mark(); /* the host's error queue stays as it was */
    if (derive(key, p, passphrase) == 0) {
        rc = decrypt(out, n, p, key);
    }
    (void)ERR_pop_to_mark();
    ee_wipe(key, sizeof key);
    if (rc != 0) {
        *n = 0;
        ee_wipe(out, p->data.n);
    }
    return rc;
}
