/* SPDX-License-Identifier: MIT
 *
 * ossl_cipher.c: finds ciphers in OpenSSL's default provider.
 */
#include "crypto/ossl_cipher.h"

#include "crypto/ossl.h"

#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <string.h>

struct ee_ossl_cipher ee_aes_256_gcm;
struct ee_ossl_cipher ee_aes_256_ecb;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static OSSL_LIB_CTX *library; /* NULL until its provider is loaded */
static bool found;

/* Names are "AES-256-GCM:id-aes256-GCM:2.16.840…": the first one counts. */
static const OSSL_DISPATCH *functions_of(const OSSL_ALGORITHM *a,
                                         const char *name)
{
    const size_t n = strlen(name);

    for (; a != NULL && a->algorithm_names != NULL; a++) {
        if (strcspn(a->algorithm_names, ":") == n &&
            strncmp(a->algorithm_names, name, n) == 0) {
            return a->implementation;
        }
    }
    return NULL;
}

static void take(struct ee_ossl_cipher *c, const OSSL_DISPATCH *f)
{
    switch (f->function_id) {
    case OSSL_FUNC_CIPHER_NEWCTX:
        c->new_context = OSSL_FUNC_cipher_newctx(f);
        break;
    case OSSL_FUNC_CIPHER_FREECTX:
        c->free_context = OSSL_FUNC_cipher_freectx(f);
        break;
    case OSSL_FUNC_CIPHER_ENCRYPT_INIT:
        c->encrypt_init = OSSL_FUNC_cipher_encrypt_init(f);
        break;
    case OSSL_FUNC_CIPHER_DECRYPT_INIT:
        c->decrypt_init = OSSL_FUNC_cipher_decrypt_init(f);
        break;
    case OSSL_FUNC_CIPHER_UPDATE:
        c->update = OSSL_FUNC_cipher_update(f);
        break;
    case OSSL_FUNC_CIPHER_FINAL:
        c->final = OSSL_FUNC_cipher_final(f);
        break;
    case OSSL_FUNC_CIPHER_GET_CTX_PARAMS:
        c->get_params = OSSL_FUNC_cipher_get_ctx_params(f);
        break;
    default:
        break;
    }
}

static bool find(struct ee_ossl_cipher *c, const OSSL_PROVIDER *provider,
                 const char *name)
{
    int no_cache = 0;
    const OSSL_DISPATCH *f = functions_of(
        OSSL_PROVIDER_query_operation(provider, OSSL_OP_CIPHER, &no_cache),
        name);

    for (; f != NULL && f->function_id != 0; f++) {
        take(c, f);
    }
    c->provider = OSSL_PROVIDER_get0_provider_ctx(provider);
    return c->new_context && c->free_context && c->encrypt_init &&
           c->decrypt_init && c->update && c->final && c->get_params;
}

/* The library context is never freed, so that a connection closed after
 * OpenSSL's own exit handler still finds its ciphers. */
static void find_both(void)
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
    const OSSL_PROVIDER *provider =
        ctx != NULL ? OSSL_PROVIDER_load(ctx, "default") : NULL;

    library = provider != NULL ? ctx : NULL;
    found = provider != NULL &&
            find(&ee_aes_256_gcm, provider, "AES-256-GCM") &&
            find(&ee_aes_256_ecb, provider, "AES-256-ECB");
}

bool ee_ossl_ciphers_found(void)
{
    (void)pthread_once(&once, find_both);
    return found;
}

OSSL_LIB_CTX *ee_ossl_library(void)
{
    (void)pthread_once(&once, find_both);
    return library;
}
