/* SPDX-License-Identifier: MIT
 *
 * ossl.c: AES-256 through OpenSSL, leaving no key behind.
 */
#include "crypto/ossl.h"

#include "base/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdbool.h>

/* One library context for the process: made once, never freed, so that a
 * connection closed after OpenSSL's own exit handler still finds its
 * ciphers. The host's default context and its configuration stay alone. */
static struct {
    pthread_once_t once;
    OSSL_LIB_CTX *ctx;
    EVP_CIPHER *gcm;
    EVP_CIPHER *ecb;
} lib = {.once = PTHREAD_ONCE_INIT};

static void fetch_ciphers(void)
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();

    if (ctx == NULL || OSSL_PROVIDER_load(ctx, "default") == NULL) {
        return;
    }
    lib.ctx = ctx;
    lib.gcm = EVP_CIPHER_fetch(ctx, "AES-256-GCM", NULL);
    lib.ecb = EVP_CIPHER_fetch(ctx, "AES-256-ECB", NULL);
}

/* Padding stays as it is: it matters to nobody here, and a context that has
 * it switched off switches it off again at every key, for 60 ns. */
static EVP_CIPHER_CTX *new_context(const EVP_CIPHER *cipher)
{
    static const uint8_t zero[EE_KEY_BYTES];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    if (ctx != NULL && EVP_EncryptInit_ex2(ctx, cipher, zero, NULL, NULL)) {
        return ctx;
    }
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

int ee_ossl_init(struct ee_ossl *ossl)
{
    ossl->gcm = NULL;
    ossl->ecb = NULL;
    (void)pthread_once(&lib.once, fetch_ciphers);
    if (lib.gcm == NULL || lib.ecb == NULL) {
        return -1;
    }
    ossl->gcm = new_context(lib.gcm);
    ossl->ecb = new_context(lib.ecb);
    if (ossl->gcm == NULL || ossl->ecb == NULL) {
        ee_ossl_clear(ossl);
        return -1;
    }
    return 0;
}

OSSL_LIB_CTX *ee_ossl_library(void)
{
    (void)pthread_once(&lib.once, fetch_ciphers);
    return lib.ctx;
}

const char *ee_ossl_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

void ee_ossl_clear(struct ee_ossl *ossl)
{
    EVP_CIPHER_CTX_free(ossl->gcm);
    EVP_CIPHER_CTX_free(ossl->ecb);
    ossl->gcm = NULL;
    ossl->ecb = NULL;
}

/* Keys the context with zeros and runs a byte through it, so that schedule,
 * hash subkey, counter and key stream of the last message are overwritten. */
static void scrub_gcm(EVP_CIPHER_CTX *ctx)
{
    static const uint8_t zero[EE_KEY_BYTES];
    uint8_t byte = 0;
    int n = 0;

    (void)EVP_EncryptInit_ex2(ctx, NULL, zero, zero, NULL);
    (void)EVP_EncryptUpdate(ctx, &byte, &n, zero, 1);
}

/* EVP counts in int; SQLite's values are shorter than 2^31 bytes, but the
 * headroom of an envelope could pass it, so long input goes in pieces. */
static int update(EVP_CIPHER_CTX *ctx, uint8_t *out, struct ee_bytes in,
                  bool encrypt)
{
    const size_t piece = (size_t)1 << 30;
    int n = 0;

    while (in.n > 0) {
        size_t len = in.n < piece ? in.n : piece;
        int ok = encrypt ? EVP_EncryptUpdate(ctx, out, &n, in.p, (int)len)
                         : EVP_DecryptUpdate(ctx, out, &n, in.p, (int)len);

        if (ok != 1) {
            return -1;
        }
        in.p += len;
        in.n -= len;
        out = out != NULL ? out + len : NULL;
    }
    return 0;
}

int ee_ossl_gcm_seal_parts(struct ee_ossl *ossl, uint8_t *c, uint8_t *tag,
                           const uint8_t *key, const uint8_t *nonce,
                           struct ee_bytes aad, const struct ee_bytes *parts,
                           size_t count)
{
    EVP_CIPHER_CTX *ctx = ossl->gcm;
    uint8_t none[16];
    int n = 0;
    int rc = -1;

    if (EVP_EncryptInit_ex2(ctx, NULL, key, nonce, NULL) == 1) {
        rc = update(ctx, NULL, aad, true);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = update(ctx, c, parts[i], true);
        c += parts[i].n;
    }
    if (rc == 0 && (EVP_EncryptFinal_ex(ctx, none, &n) != 1 ||
                    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG,
                                        EE_TAG_BYTES, tag) != 1)) {
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
    EVP_CIPHER_CTX *ctx = ossl->gcm;
    uint8_t expect[EE_TAG_BYTES];
    uint8_t none[16];
    int n = 0;
    int rc = -1;

    for (int i = 0; i < EE_TAG_BYTES; i++) {
        expect[i] = tag[i]; /* EVP wants it writable */
    }
    if (EVP_DecryptInit_ex2(ctx, NULL, key, nonce, NULL) == 1 &&
        update(ctx, NULL, aad, false) == 0 && update(ctx, m, c, false) == 0 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, EE_TAG_BYTES, expect) ==
            1 &&
        EVP_DecryptFinal_ex(ctx, none, &n) == 1) {
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
    static const uint8_t zero[EE_KEY_BYTES];
    EVP_CIPHER_CTX *ctx = ossl->ecb;
    int len = 0;
    int rc = -1;

    if (EVP_EncryptInit_ex2(ctx, NULL, key, NULL, NULL) == 1 &&
        EVP_EncryptUpdate(ctx, out, &len, in, (int)(n * 16)) == 1) {
        rc = 0;
    }
    (void)EVP_EncryptInit_ex2(ctx, NULL, zero, NULL, NULL);
    return rc;
}
