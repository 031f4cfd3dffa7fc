/* SPDX-License-Identifier: MIT
 *
 * pool.h: random bytes for data keys without a system call for each.
 *
 * A fast-key-erasure generator (Bernstein, 2017) over ChaCha20, RFC 8439:
 * each refill replaces the key with the first bytes it makes, so what was
 * handed out cannot be computed again. Seeded, and reseeded every 64 refills,
 * from the operating system. The whole state lies in one arena cell: a forked
 * child sees zeros, which mean "empty, not seeded".
 *
 * One pool belongs to one connection and one thread at a time.
 */
#ifndef EE_CRYPTO_POOL_H
#define EE_CRYPTO_POOL_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct ee_pool;

/* NULL when the arena is out of memory. Not seeded before its first use. */
struct ee_pool *ee_pool_new(void) EE_CHECKED;
void ee_pool_free(struct ee_pool *pool); /* NULL-safe; wipes */

/* 32 bytes that nobody gets again. */
void ee_pool_take(struct ee_pool *pool, uint8_t *out);

/* Unbuffered bytes of the operating system, for keys, salts and nonces made
 * rarely. Aborts the process when there is no randomness, as libsodium does. */
void ee_random(void *out, size_t n);

#endif
