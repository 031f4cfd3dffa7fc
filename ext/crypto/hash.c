/* SPDX-License-Identifier: MIT
 *
 * hash.c: SHA-256, by libsodium.
 */
#include "crypto/hash.h"

#include <sodium.h>

void ee_sha256(uint8_t *out, struct ee_bytes in)
{
    (void)crypto_hash_sha256(out, in.p, in.n);
}
