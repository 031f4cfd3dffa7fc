/* SPDX-License-Identifier: MIT
 *
 * ossl_cipher.h: a cipher of OpenSSL by the functions of its provider.
 *
 * provider-cipher(7) is the interface below EVP. It is used because EVP makes
 * a key expensive to change: it asks its context for the key's length each
 * time, by name, which is a third of the whole. Every long value changes the
 * key twice, to its DEK and back to zeros (crypto/ossl.h).
 *
 * OpenSSL runs in a library context of its own and never touches the host's
 * default one, nor its configuration.
 */
#ifndef EE_CRYPTO_OSSL_CIPHER_H
#define EE_CRYPTO_OSSL_CIPHER_H

#include <openssl/core_dispatch.h>
#include <stdbool.h>

/* Never changes once found. The functions return 1, or 0 for a failure. */
struct ee_ossl_cipher {
    void *provider; /* what new_context takes */
    OSSL_FUNC_cipher_newctx_fn *new_context;
    OSSL_FUNC_cipher_freectx_fn *free_context;
    OSSL_FUNC_cipher_encrypt_init_fn *encrypt_init;
    OSSL_FUNC_cipher_decrypt_init_fn *decrypt_init;
    OSSL_FUNC_cipher_update_fn *update;
    OSSL_FUNC_cipher_final_fn *final;
    OSSL_FUNC_cipher_get_ctx_params_fn *get_params;
};

extern struct ee_ossl_cipher ee_aes_256_gcm;
extern struct ee_ossl_cipher ee_aes_256_ecb;

/* Finds both, once for the process. False when OpenSSL is out of memory or
 * lacks one of them. */
bool ee_ossl_ciphers_found(void);

#endif
