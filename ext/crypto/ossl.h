/* SPDX-License-Identifier: MIT
 *
 * ossl.h: the OpenSSL side of AES-256, with contexts made once.
 *
 * The contexts live in OpenSSL's heap, which is neither locked nor wiped. So
 * no key stays in them: every call ends by keying them with zeros, which
 * overwrites the key schedule, the hash subkey and its table.
 *
 * One struct ee_ossl belongs to one connection and one thread at a time.
 */
#ifndef EE_CRYPTO_OSSL_H
#define EE_CRYPTO_OSSL_H

#include "base/bytes.h"

struct ossl_lib_ctx_st;

struct ee_ossl {
    void *gcm; /* context of AES-256-GCM */
    void *ecb; /* context of AES-256, one block at a time */
};

/* 0, or -1 when OpenSSL is out of memory or lacks a cipher. */
int ee_ossl_init(struct ee_ossl *ossl);
void ee_ossl_clear(struct ee_ossl *ossl); /* NULL-safe members */

/* The library context of our own, for the files of ext/crypto: made at
 * first use, never freed. NULL when OpenSSL is out of memory. */
struct ossl_lib_ctx_st *ee_ossl_library(void);

/* For envelope_debug(). */
const char *ee_ossl_version(void);

/* AES-256-GCM with a 12-byte nonce. c: m.n bytes, may be m.p; tag: 16 bytes.
 * 0 or -1. */
int ee_ossl_gcm_seal(struct ee_ossl *ossl, uint8_t *c, uint8_t *tag,
                     const uint8_t *key, const uint8_t *nonce,
                     struct ee_bytes aad, struct ee_bytes m);

/* The same for a message in count parts, one after the other in c. A part may
 * lie where its ciphertext goes. */
int ee_ossl_gcm_seal_parts(struct ee_ossl *ossl, uint8_t *c, uint8_t *tag,
                           const uint8_t *key, const uint8_t *nonce,
                           struct ee_bytes aad, const struct ee_bytes *parts,
                           size_t count);

/* 0, or -1 with m wiped. m: c.n bytes, may be c.p. */
int ee_ossl_gcm_open(struct ee_ossl *ossl, uint8_t *m, const uint8_t *key,
                     const uint8_t *nonce, struct ee_bytes aad,
                     struct ee_bytes c, const uint8_t *tag);

/* n blocks of 16 bytes, in and out may be the same. 0 or -1. */
int ee_ossl_aes_blocks(struct ee_ossl *ossl, uint8_t *out, const uint8_t *key,
                       const uint8_t *in, size_t n);

#endif
