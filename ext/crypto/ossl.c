/* SPDX-License-Identifier: MIT
 *
 * ossl.c: AES-256 through OpenSSL, leaving no key behind.
 */
#include "crypto/ossl.h"

#include "base/secret.h"
#include "crypto/ossl_cipher.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#define GCM (&ee_aes_256_gcm)
#define ECB (&ee_aes_256_ecb)

#define NONCE_BYTES 12

static const uint8_t zero_key[EE_KEY_BYTES];

int ee_ossl_init(struct ee_ossl *ossl)
{
    ossl->gcm = NULL;
    ossl->ecb = NULL;
    if (!ee_ossl_ciphers_found()) {
        return -1;
    }
    ossl->gcm = GCM->new_context(GCM->provider);
    ossl->ecb = ECB->new_context(ECB->provider);
    if (ossl->gcm == NULL || ossl->ecb == NULL) {
        ee_ossl_clear(ossl);
        return -1;
    }
    return 0;
}

const char *ee_ossl_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

void ee_ossl_clear(struct ee_ossl *ossl)
{
    if (ossl->gcm != NULL) {
        GCM->free_context(ossl->gcm);
    }
    if (ossl->ecb != NULL) {
        ECB->free_context(ossl->ecb);
    }
    ossl->gcm = NULL;
    ossl->ecb = NULL;
}

/* A new key has GCM forget all of the last message: the key schedule, the
 * hash subkey and its table, counter and key stream. */
static void scrub_gcm(void *ctx)
{
    (void)GCM->encrypt_init(ctx, zero_key, sizeof zero_key, NULL, 0, NULL);
}

/* out == NULL: in is associated data. */
static int update(void *ctx, uint8_t *out, struct ee_bytes in)
{
    size_t n = 0;

    return in.n == 0 || GCM->update(ctx, out, &n, in.n, in.p, in.n) == 1 ? 0
                                                                         : -1;
}

/* Where OpenSSL writes a tag to, or reads it from. */
static OSSL_PARAM tag_param(uint8_t *tag)
{
    return OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag,
                                             EE_TAG_BYTES);
}

int ee_ossl_gcm_seal_parts(struct ee_ossl *ossl, uint8_t *c, uint8_t *tag,
                           const uint8_t *key, const uint8_t *nonce,
                           struct ee_bytes aad, const struct ee_bytes *parts,
                           size_t count)
{
    void *ctx = ossl->gcm;
    OSSL_PARAM get_tag[] = {tag_param(tag), OSSL_PARAM_construct_end()};
    size_t n = 0;
    int rc = -1;

    if (GCM->encrypt_init(ctx, key, EE_KEY_BYTES, nonce, NONCE_BYTES, NULL) ==
        1) {
        rc = update(ctx, NULL, aad);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = update(ctx, c, parts[i]);
        c += parts[i].n;
    }
    if (rc == 0 && (GCM->final(ctx, NULL, &n, 0) != 1 ||
                    GCM->get_params(ctx, get_tag) != 1)) {
        rc = -1;
    }
    scrub_gcm(ctx);
    return rc;
}

int ee_ossl_gcm_seal(struct ee_ossl *ossl, uint8_t *c, uint8_t *tag,
                     const uint8_t *key, const uint8_t *nonce,
                     struct ee_bytes aad, struct ee_bytes m)
{
    return ee_ossl_gcm_seal_parts(ossl, c, tag, key, nonce, aad, &m, 1);
}

int ee_ossl_gcm_open(struct ee_ossl *ossl, uint8_t *m, const uint8_t *key,
                     const uint8_t *nonce, struct ee_bytes aad,
                     struct ee_bytes c, const uint8_t *tag)
{
    void *ctx = ossl->gcm;
    uint8_t expect[EE_TAG_BYTES];
    OSSL_PARAM set_tag[] = {tag_param(expect), OSSL_PARAM_construct_end()};
    size_t n = 0;
    int rc = -1;

    for (int i = 0; i < EE_TAG_BYTES; i++) {
        expect[i] = tag[i]; /* OSSL_PARAM wants it writable */
    }
    if (GCM->decrypt_init(ctx, key, EE_KEY_BYTES, nonce, NONCE_BYTES,
                          set_tag) == 1 &&
        update(ctx, NULL, aad) == 0 && update(ctx, m, c) == 0 &&
        GCM->final(ctx, NULL, &n, 0) == 1) {
        rc = 0;
    } else {
        ee_wipe(m, c.n);
    }
    scrub_gcm(ctx);
    return rc;
}

int ee_ossl_aes_blocks(struct ee_ossl *ossl, uint8_t *out, const uint8_t *key,
                       const uint8_t *in, size_t n)
{
    void *ctx = ossl->ecb;
    size_t len = 0;
    int rc = -1;

    if (ECB->encrypt_init(ctx, key, EE_KEY_BYTES, NULL, 0, NULL) == 1 &&
        ECB->update(ctx, out, &len, n * 16, in, n * 16) == 1) {
        rc = 0;
    }
    (void)ECB->encrypt_init(ctx, zero_key, sizeof zero_key, NULL, 0, NULL);
    return rc;
}
