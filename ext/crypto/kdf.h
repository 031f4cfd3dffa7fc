/* SPDX-License-Identifier: MIT
 *
 * kdf.h: HMAC-SHA-256 (RFC 2104, FIPS 198-1) and the labelled key derivation
 * of FORMAT section 3 (NIST SP 800-108r1, counter mode, one block).
 */
#ifndef EE_CRYPTO_KDF_H
#define EE_CRYPTO_KDF_H

#include "base/bytes.h"

/* out: EE_MAC_BYTES; key: EE_KEY_BYTES. Cannot fail. */
void ee_hmac(uint8_t *out, const uint8_t *key, struct ee_bytes message);

/* The same of two parts, one after the other, without a copy of them. */
void ee_hmac_two(uint8_t *out, const uint8_t *key, struct ee_bytes first,
                 struct ee_bytes second);

/* out: EE_KEY_BYTES, secret, the caller wipes it. label: ASCII, as in
 * FORMAT section 3. key is used for nothing else (FORMAT R9). Cannot fail. */
void ee_kdf(uint8_t *out, const uint8_t *key, const char *label,
            struct ee_bytes context);

#endif
