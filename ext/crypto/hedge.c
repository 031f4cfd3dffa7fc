/* SPDX-License-Identifier: MIT
 *
 * hedge.c: mixes a keyed hash of the input into a data key.
 */
#include "crypto/hedge.h"

#include "base/secret.h"
#include "crypto/pool.h"

#include <sodium.h>
#include <stdbool.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* ready is false when new and in a forked child: keys are drawn again. */
struct ee_hedge {
    bool ready;
    uint8_t hash_key[crypto_shorthash_siphashx24_KEYBYTES];
    uint8_t expand_key[crypto_shorthash_siphashx24_KEYBYTES];
};

struct ee_hedge *ee_hedge_new(void)
{
    return ee_cell_new();
}

void ee_hedge_free(struct ee_hedge *hedge)
{
    ee_cell_free(hedge);
}

uint64_t ee_time_stamp(void)
{
#if defined(__x86_64__)
    return __rdtsc();
#else
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

static void draw_keys(struct ee_hedge *hedge)
{
    ee_random(hedge->hash_key, sizeof hedge->hash_key);
    ee_random(hedge->expand_key, sizeof hedge->expand_key);
    hedge->ready = true;
}

void ee_hedge_mix(struct ee_hedge *hedge, uint8_t *dek, struct ee_bytes input)
{
    enum { HALF = crypto_shorthash_siphashx24_BYTES };
    uint8_t hash[HALF + 1]; /* secret: wiped below */
    uint8_t mask[2 * HALF]; /* secret: wiped below */

    _Static_assert(2 * HALF == EE_KEY_BYTES, "two hashes make a mask");
    if (!hedge->ready) {
        draw_keys(hedge);
    }
    (void)crypto_shorthash_siphashx24(hash, input.p, input.n, hedge->hash_key);
    for (uint8_t i = 0; i < 2; i++) {
        hash[HALF] = i;
        (void)crypto_shorthash_siphashx24(mask + (size_t)i * HALF, hash,
                                          sizeof hash, hedge->expand_key);
    }
    for (int i = 0; i < EE_KEY_BYTES; i++) {
        dek[i] ^= mask[i];
    }
    ee_wipe(hash, sizeof hash);
    ee_wipe(mask, sizeof mask);
}
