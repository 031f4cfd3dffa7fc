/* SPDX-License-Identifier: MIT
 *
 * hedge.h: a data key that survives a repeated random number.
 *
 * A cloned virtual machine or a torn fork can hand out the same random bytes
 * twice. So DEK = R xor PRF(k, time stamp counter, type, value, A): under a
 * repeated R, different inputs still get different keys (DESIGN section 3).
 * The PRF is SipHash-2-4-128 (Aumasson and Bernstein, 2012) over the input,
 * expanded to 32 bytes by two AES-256 blocks. k, both keys, is a secret of
 * this connection in an arena cell. Nothing here is stored or needs to be
 * repeatable.
 */
#ifndef EE_CRYPTO_HEDGE_H
#define EE_CRYPTO_HEDGE_H

#include "base/bytes.h"
#include "base/status.h"
#include "crypto/aes256.h"

struct ee_hedge; /* the keys; one for each connection, one arena cell */

struct ee_hedge *ee_hedge_new(void) EE_CHECKED;
void ee_hedge_free(struct ee_hedge *hedge); /* NULL-safe; wipes */

/* dek ^= PRF(k, input). dek: EE_KEY_BYTES. 0, or -1 when OpenSSL fails (never
 * with AES instructions). */
int ee_hedge_mix(struct ee_hedge *hedge, struct ee_ossl *ossl, uint8_t *dek,
                 struct ee_bytes input);

/* The CPU's time stamp counter, or the monotonic clock in nanoseconds. */
uint64_t ee_time_stamp(void);

#endif
