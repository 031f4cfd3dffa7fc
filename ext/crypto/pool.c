/* SPDX-License-Identifier: MIT
 *
 * pool.c: a fast-key-erasure generator in one arena cell.
 */
#include "crypto/pool.h"

#include "base/bytes.h"
#include "base/secret.h"

#include <sodium.h>
#include <string.h>

/* with the next key, two of the 512 bytes that ChaCha20 makes at once */
#define POOL_BYTES     (1024 - EE_KEY_BYTES)
#define REFILLS_A_SEED 64

/* All of it is zero in a forked child and when new: left == 0 is "empty",
 * refills == 0 is "not seeded". */
struct ee_pool {
    uint32_t left;    /* ready bytes not yet handed out, from the front */
    uint32_t refills; /* refills still allowed before the next seed */
    uint8_t bytes[EE_KEY_BYTES + POOL_BYTES]; /* next key, then ready bytes */
};

_Static_assert(sizeof(struct ee_pool) <= EE_CELL_BYTES, "a pool is one cell");

struct ee_pool *ee_pool_new(void)
{
    return ee_cell_new();
}

void ee_pool_free(struct ee_pool *pool)
{
    ee_cell_free(pool);
}

void ee_random(void *out, size_t n)
{
    randombytes_buf(out, n);
}

/* The old key stays in the mix, so a bad seed cannot make things worse. */
static void seed(struct ee_pool *pool)
{
    uint8_t fresh[EE_KEY_BYTES]; /* secret: wiped below */

    ee_random(fresh, sizeof fresh);
    for (int i = 0; i < EE_KEY_BYTES; i++) {
        pool->bytes[i] ^= fresh[i];
    }
    pool->refills = REFILLS_A_SEED;
    ee_wipe(fresh, sizeof fresh);
}

/* One call makes the next key and the bytes to hand out, and overwrites the
 * key that made them. */
static void refill(struct ee_pool *pool)
{
    static const uint8_t zero_nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
    uint8_t key[EE_KEY_BYTES]; /* secret: wiped below */

    if (pool->refills == 0) {
        seed(pool);
    }
    pool->refills--;
    memcpy(key, pool->bytes, sizeof key);
    (void)crypto_stream_chacha20_ietf(pool->bytes, sizeof pool->bytes,
                                      zero_nonce, key);
    pool->left = POOL_BYTES;
    ee_wipe(key, sizeof key);
}

void ee_pool_take(struct ee_pool *pool, uint8_t *out)
{
    uint8_t *slice = NULL;

    if (pool->left == 0) {
        refill(pool);
    }
    pool->left -= EE_KEY_BYTES; /* advance before use */
    slice = pool->bytes + EE_KEY_BYTES + pool->left;
    memcpy(out, slice, EE_KEY_BYTES);
    ee_wipe(slice, EE_KEY_BYTES);
}
