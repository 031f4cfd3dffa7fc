/* SPDX-License-Identifier: MIT
 *
 * hedge.c: mixes a keyed hash of the input into a data key.
 */
#include "crypto/hedge.h"

#include "base/secret.h"
#include "crypto/pool.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* ready is false when new and in a forked child: keys are drawn again. */
struct ee_hedge {
    bool ready;
    uint8_t hash_key[crypto_shorthash_siphashx24_KEYBYTES];
    struct ee_aes256 expand;
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
    uint8_t key[EE_KEY_BYTES]; /* secret: wiped below */

    ee_random(hedge->hash_key, sizeof hedge->hash_key);
    ee_random(key, sizeof key);
    ee_aes256_init(&hedge->expand, key);
    hedge->ready = true;
    ee_wipe(key, sizeof key);
}

int ee_hedge_mix(struct ee_hedge *hedge, struct ee_ossl *ossl, uint8_t *dek,
                 struct ee_bytes input)
{
    enum { HASH = crypto_shorthash_siphashx24_BYTES };
    uint8_t mask[2 * EE_AES_BLOCK]; /* secret: wiped below */
    int rc = 0;

    _Static_assert((int)HASH == EE_AES_BLOCK, "a hash is a block");
    _Static_assert(sizeof mask == EE_KEY_BYTES, "two blocks are a mask");
    if (!hedge->ready) {
        draw_keys(hedge);
    }
    (void)crypto_shorthash_siphashx24(mask, input.p, input.n, hedge->hash_key);
    memcpy(mask + HASH, mask, HASH);
    mask[HASH] ^= 1; /* two different blocks for one hash */
    rc = ee_aes256_two_blocks(ossl, &hedge->expand, mask, mask);
    for (int i = 0; i < EE_KEY_BYTES; i++) {
        dek[i] ^= mask[i];
    }
    ee_wipe(mask, sizeof mask);
    return rc;
}
