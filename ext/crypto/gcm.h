/* SPDX-License-Identifier: MIT
 *
 * gcm.h: AES-256-GCM (NIST SP 800-38D) from whichever library is faster for
 * the length: libsodium's one-shot for short messages, OpenSSL's for long
 * ones and wherever the CPU has no AES instructions. The bytes are the same.
 */
#ifndef EE_CRYPTO_GCM_H
#define EE_CRYPTO_GCM_H

#include "crypto/ossl.h"

#include <stdbool.h>

/* Messages from this many bytes on go to OpenSSL; `make bench` shows the
 * crossover. */
#define EE_GCM_LONG 1024

/* Does a message of n bytes go to OpenSSL here? */
bool ee_gcm_is_long(size_t n);

/* out: m.n + 16 bytes; may begin at m.p. nonce: 12 bytes. 0 or -1. */
int ee_gcm_seal(struct ee_ossl *ossl, uint8_t *out, const uint8_t *key,
                const uint8_t *nonce, struct ee_bytes aad, struct ee_bytes m);

/* out: in.n - 16 bytes, apart from in. in.n >= 16. 0, or -1 with out wiped. */
int ee_gcm_open(struct ee_ossl *ossl, uint8_t *out, const uint8_t *key,
                const uint8_t *nonce, struct ee_bytes aad, struct ee_bytes in);

#endif
