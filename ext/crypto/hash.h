/* SPDX-License-Identifier: MIT
 *
 * hash.h: SHA-256 (FIPS 180-4) of public bytes.
 */
#ifndef EE_CRYPTO_HASH_H
#define EE_CRYPTO_HASH_H

#include "base/bytes.h"

#define EE_HASH_BYTES 32

/* out: EE_HASH_BYTES. Cannot fail. Not for secrets: nothing is wiped. */
void ee_sha256(uint8_t *out, struct ee_bytes in);

#endif
