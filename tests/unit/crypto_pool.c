/* SPDX-License-Identifier: MIT
 *
 * crypto_pool.c: random bytes are handed out once, here and in a fork, and
 * the hedge tells inputs apart when they are not.
 */
#include "base/bytes.h"
#include "base/secret.h"
#include "child.h"
#include "crypto/hedge.h"
#include "crypto/pool.h"
#include "kit.h"
#include "tap.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TAKES       1000000
#define SLICES      31 /* handed out between refills */
#define REFILLS     64 /* between seeds */
#define REFILL_SIZE (EE_KEY_BYTES + SLICES * EE_KEY_BYTES)

/* ---- a source of randomness that counts, and is known ---- */

static struct {
    unsigned calls;
    bool stuck; /* every call gives the same bytes */
} source;

static const char *source_name(void)
{
    return "counted";
}

static void source_bytes(uint8_t *out, size_t n)
{
    source.calls++;
    kit_fill(out, n, source.stuck ? 1 : source.calls);
}

static void source_buf(void *const out, const size_t n)
{
    source_bytes(out, n);
}

static uint32_t source_word(void)
{
    return source.calls++;
}

static randombytes_implementation known_source = {
    .implementation_name = source_name,
    .random = source_word,
    .buf = source_buf,
};

static void use_known_source(bool stuck)
{
    source.calls = 0;
    source.stuck = stuck;
    (void)randombytes_set_implementation(&known_source);
}

static void use_real_source(void)
{
    (void)randombytes_set_implementation(&randombytes_sysrandom_implementation);
}

/* ---- the pool ---- */

static int compare_words(const void *a, const void *b)
{
    uint64_t x = 0;
    uint64_t y = 0;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* 64 bits of each tell them apart: chance gives two equal once in 3e7. */
static bool all_differ(uint64_t *words, size_t n)
{
    bool differ = true;

    qsort(words, n, sizeof *words, compare_words);
    for (size_t i = 1; i < n; i++) {
        differ = differ && words[i] != words[i - 1];
    }
    return differ;
}

static void takes_are_distinct(void)
{
    const size_t n = scaled(TAKES);
    uint64_t *words = kit_alloc(n * sizeof *words);
    struct ee_pool *pool = ee_pool_new();
    uint8_t slice[EE_KEY_BYTES];
    uint8_t seen_or[EE_KEY_BYTES] = {0};
    uint8_t seen_and[EE_KEY_BYTES];
    bool varied = true;

    memset(seen_and, 0xff, sizeof seen_and);
    for (size_t i = 0; i < n; i++) {
        ee_pool_take(pool, slice);
        memcpy(&words[i], slice, sizeof *words);
        for (size_t k = 0; k < sizeof slice; k++) {
            seen_or[k] |= slice[k];
            seen_and[k] &= slice[k];
        }
    }
    for (size_t k = 0; k < sizeof slice; k++) {
        varied = varied && seen_or[k] == 0xff && seen_and[k] == 0;
    }
    ok(all_differ(words, n), "%zu takes are all distinct", n);
    ok(varied, "and every bit of them takes both values");
    ee_pool_free(pool);
    free(words);
}

/* One refill, by OpenSSL: ChaCha20 of a key, counter and nonce zero. */
static void expected_refill(uint8_t *out, const uint8_t *key)
{
    static const uint8_t zeros[REFILL_SIZE];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;

    if (ctx == NULL ||
        EVP_EncryptInit_ex(ctx, EVP_chacha20(), NULL, key, zeros) != 1 ||
        EVP_EncryptUpdate(ctx, out, &n, zeros, REFILL_SIZE) != 1) {
        abort();
    }
    EVP_CIPHER_CTX_free(ctx);
}

static void is_fast_key_erasure(void)
{
    struct ee_pool *pool = NULL;
    uint8_t expected[REFILL_SIZE] = {0};
    uint8_t seed[EE_KEY_BYTES];
    uint8_t slice[EE_KEY_BYTES];
    bool same = true;

    use_known_source(false);
    pool = ee_pool_new();
    for (unsigned refill = 0; refill < 2 * REFILLS + 1; refill++) {
        if (refill % REFILLS == 0) {
            kit_fill(seed, sizeof seed, 1 + refill / REFILLS);
            for (size_t i = 0; i < sizeof seed; i++) {
                expected[i] ^= seed[i];
            }
        }
        expected_refill(expected, expected);
        for (int i = SLICES; i > 0; i--) {
            ee_pool_take(pool, slice);
            same = same && memcmp(slice, expected + i * EE_KEY_BYTES,
                                  sizeof slice) == 0;
        }
    }
    use_real_source();
    ee_pool_free(pool);
    ok(same, "the bytes are ChaCha20's, each refill keyed by the one before");
    ok(source.calls == 3,
       "%d refills ask the system 3 times, not for every "
       "take",
       2 * REFILLS + 1);
}

static bool occurs(const void *haystack, size_t n, const uint8_t *key)
{
    return memmem(haystack, n, key, EE_KEY_BYTES) != NULL;
}

static void taken_is_gone(void)
{
    struct ee_pool *pool = ee_pool_new();
    uint8_t taken[3 * SLICES][EE_KEY_BYTES];
    uint8_t before[EE_CELL_BYTES];
    bool gone = true;
    bool was_there = true;

    ee_pool_take(pool, taken[0]);
    for (size_t i = 1; i < 3 * SLICES; i++) {
        memcpy(before, pool, sizeof before);
        ee_pool_take(pool, taken[i]);
        was_there = was_there && (i % SLICES == 0 ||
                                  occurs(before, sizeof before, taken[i]));
        for (size_t k = 0; k <= i; k++) {
            gone = gone && !occurs(pool, EE_CELL_BYTES, taken[k]);
        }
    }
    ok(was_there, "what is to be handed out lies in the pool's cell");
    ok(gone, "what was handed out does not");
    memcpy(before, pool, sizeof before);
    ee_pool_free(pool);
    ok(!ee_is_zero(before, sizeof before) && ee_is_zero(pool, EE_CELL_BYTES),
       "a freed pool is wiped");
}

static void key_is_overwritten(void)
{
    uint8_t key[EE_KEY_BYTES];
    uint8_t slice[EE_KEY_BYTES];
    struct ee_pool *pool = NULL;
    uint8_t first[REFILL_SIZE];
    bool gone = true;

    use_known_source(false);
    pool = ee_pool_new();
    kit_fill(key, sizeof key, 1);
    expected_refill(first, key);
    for (int i = 0; i < SLICES + 1; i++) {
        ee_pool_take(pool, slice);
        gone = gone && !occurs(pool, EE_CELL_BYTES, key);
    }
    gone = gone && !occurs(pool, EE_CELL_BYTES, first);
    use_real_source();
    ee_pool_free(pool);
    ok(gone, "the keys that made earlier bytes are overwritten");
}

static void take_some(void *arg, void *out, size_t n)
{
    for (size_t i = 0; i < n / EE_KEY_BYTES; i++) {
        ee_pool_take(arg, (uint8_t *)out + i * EE_KEY_BYTES);
    }
}

#define FORK_TAKES 100

static void fork_has_its_own(void)
{
    static uint8_t taken[3 * FORK_TAKES * EE_KEY_BYTES];
    const size_t part = sizeof taken / 3;
    uint64_t words[3 * FORK_TAKES];
    struct ee_pool *pool = ee_pool_new();
    uint8_t slice[EE_KEY_BYTES];
    bool ended = false;

    ee_pool_take(pool, slice);
    ended = child_ask(take_some, pool, taken, part) &&
            child_ask(take_some, pool, taken + part, part);
    take_some(pool, taken + 2 * part, part);
    for (size_t i = 0; i < 3 * FORK_TAKES; i++) {
        memcpy(&words[i], taken + i * EE_KEY_BYTES, sizeof *words);
    }
    ok(ended && all_differ(words, 3 * FORK_TAKES),
       "a parent and two children take different bytes from one pool");
    ee_pool_free(pool);
}

static void two_pools_differ(void)
{
    struct ee_pool *a = ee_pool_new();
    struct ee_pool *b = ee_pool_new();
    uint8_t x[EE_KEY_BYTES];
    uint8_t y[EE_KEY_BYTES];

    ee_pool_take(a, x);
    ee_pool_take(b, y);
    ok(memcmp(x, y, sizeof x) != 0, "two pools give different bytes");
    ee_pool_free(a);
    ee_pool_free(b);
}

/* ---- the hedge ---- */

static struct ee_ossl ossl; /* made in main() */

static uint64_t hedged(struct ee_hedge *h, struct ee_bytes input)
{
    uint8_t dek[EE_KEY_BYTES] = "the same R every time, 32 bytes";
    uint64_t word = 0;

    (void)ee_hedge_mix(h, &ossl, dek, input);
    memcpy(&word, dek, sizeof word);
    return word;
}

static void hedge_tells_inputs_apart(void)
{
    uint8_t input[300] = {0};
    uint64_t words[8 * sizeof input + sizeof input + 1];
    struct ee_hedge *h = ee_hedge_new();
    size_t n = 0;

    for (size_t bit = 0; bit < 8 * sizeof input; bit++) {
        input[bit / 8] ^= (uint8_t)(1 << bit % 8);
        words[n++] = hedged(h, ee_bytes(input, sizeof input));
        input[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t i = 0; i <= sizeof input; i++) {
        words[n++] = hedged(h, ee_bytes(input, i));
    }
    ok(all_differ(words, n),
       "with the same R, any bit or length of the input changes the DEK");
    ok(hedged(h, ee_bytes(input, 9)) == hedged(h, ee_bytes(input, 9)),
       "the same input gives the same mask");
    ee_hedge_free(h);
}

static void hedge_keeps_all_of_r(void)
{
    struct ee_hedge *h = ee_hedge_new();
    uint8_t x[EE_KEY_BYTES] = {0};
    uint8_t y[EE_KEY_BYTES];
    uint8_t zero[EE_KEY_BYTES] = {0};
    bool kept = true;

    kit_fill(y, sizeof y, 5);
    memcpy(x, y, sizeof x);
    (void)ee_hedge_mix(h, &ossl, x, ee_bytes("input", 5));
    (void)ee_hedge_mix(h, &ossl, zero, ee_bytes("input", 5));
    for (size_t i = 0; i < sizeof x; i++) {
        kept = kept && x[i] == (y[i] ^ zero[i]);
    }
    ok(kept, "the hedge is added to R: it takes no randomness away");
    ok(memcmp(zero, zero + EE_KEY_BYTES / 2, EE_KEY_BYTES / 2) != 0 &&
           !ee_is_zero(zero, EE_KEY_BYTES / 2) &&
           !ee_is_zero(zero + EE_KEY_BYTES / 2, EE_KEY_BYTES / 2),
       "both halves of R are hedged, differently");
    ee_hedge_free(h);
}

static void mix_one(void *arg, void *out, size_t n)
{
    const uint64_t word = hedged(arg, ee_bytes("input", 5));

    memcpy(out, &word, n);
}

static void hedge_keys_are_own(void)
{
    struct ee_hedge *a = ee_hedge_new();
    struct ee_hedge *b = ee_hedge_new();
    uint64_t words[4] = {hedged(a, ee_bytes("input", 5)),
                         hedged(b, ee_bytes("input", 5)), 0, 0};
    bool ended = child_ask(mix_one, a, &words[2], sizeof *words) &&
                 child_ask(mix_one, a, &words[3], sizeof *words);

    ok(ended && all_differ(words, 4),
       "two hedges, and a hedge after a fork, have keys of their own");
    ee_hedge_free(a);
    ee_hedge_free(b);
}

/* A clone of a machine: two engines with the same random bytes for ever. */
static void seals_survive_stuck_randomness(void)
{
    struct ee_value part = ee_value_integer(7);
    struct shape s = {.suite = 1, .parts = &part, .part_count = 1};
    struct ee_bytes blobs[2];
    struct kit k;

    for (size_t i = 0; i < 2; i++) {
        s.value = ee_value_integer((int64_t)i);
        use_known_source(true);
        kit_init(&k);
        blobs[i] = kit_seal(&k, &s);
        kit_clear(&k);
        use_real_source();
    }
    ok(memcmp(blobs[0].p + EE_HEADER_BYTES + EE_WRAPPED_BYTES,
              blobs[1].p + EE_HEADER_BYTES + EE_WRAPPED_BYTES,
              EE_COMMIT_BYTES) != 0,
       "with every random byte repeated, two values get different DEKs");
    free((void *)blobs[0].p);
    free((void *)blobs[1].p);
}

int main(void)
{
    if (sodium_init() < 0 || ee_ossl_init(&ossl) != 0) {
        return 1;
    }
    takes_are_distinct();
    is_fast_key_erasure();
    taken_is_gone();
    key_is_overwritten();
    fork_has_its_own();
    two_pools_differ();
    hedge_tells_inputs_apart();
    hedge_keeps_all_of_r();
    hedge_keys_are_own();
    seals_survive_stuck_randomness();
    ee_ossl_clear(&ossl);
    return done();
}
