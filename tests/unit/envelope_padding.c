/* SPDX-License-Identifier: MIT
 *
 * envelope_padding.c: FORMAT R15.
 */
#include "envelope/padding.h"
#include "kit.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* R15 as it is written: E = floor(log2 len), S = floor(log2 E) + 1. */
static size_t as_written(size_t body)
{
    const size_t len = 1 + body + 1;
    const int e = ilogb((double)len);
    const int s = ilogb((double)e) + 1;
    const size_t step = len <= 256 ? 16 : (size_t)1 << (e - s);

    return (len + step - 1) / step * step;
}

static void sizes_are_as_written(void)
{
    const size_t top = scaled(200000);
    bool same = true;
    bool short_ones = true;
    bool grows = true;
    bool cheap = true;

    for (size_t n = 0; n < top; n++) {
        const size_t size = ee_padded_size(n);

        same = same && size == as_written(n);
        short_ones = short_ones &&
                     (n + 2 > 256 || (size % 16 == 0 && size < n + 2 + 16));
        grows = grows && size >= n + 2 && ee_padded_size(n + 1) >= size;
        cheap = cheap && (n + 2 <= 256 || (size - n - 2) * 100 <= 12 * (n + 2));
    }
    for (unsigned shift = 17; shift < 40; shift++) {
        for (size_t d = 0; d < 8; d++) {
            const size_t n = ((size_t)1 << shift) - 6 + d;

            same = same && ee_padded_size(n) == as_written(n);
        }
    }
    ok(same, "sizes are those of the formula in R15");
    ok(short_ones, "up to 256 bytes: the next multiple of 16");
    ok(grows, "a longer value never gets a shorter envelope");
    ok(cheap, "above that, at most 12 %% are added");
}

static void few_sizes_are_seen(void)
{
    size_t sizes = 0;
    size_t last = 0;

    for (size_t n = 0; n < 65536; n++) {
        if (ee_padded_size(n) != last) {
            last = ee_padded_size(n);
            sizes++;
        }
    }
    /* 16 up to 256, then 16 for each doubling, and the one above */
    ok(sizes == 16 + 8 * 16 + 1, "65536 lengths show as %zu", sizes);
}

/* n bytes of 0x80 and 00 in every order look like padding themselves. */
static bool survives(uint8_t *buf, size_t n, uint32_t pattern)
{
    const size_t size = ee_padded_size(n) - 1; /* without the type */
    struct ee_bytes body = ee_bytes(buf, size);
    uint8_t value[32];

    for (size_t i = 0; i < n; i++) {
        value[i] = (uint8_t)((pattern >> i & 1) << 7);
    }
    memcpy(buf, value, n);
    memset(buf + n, 0xee, size - n);
    ee_pad(buf, n, size);
    return ee_unpad(&body) && body.p == buf && body.n == n &&
           memcmp(buf, value, n) == 0;
}

static void round_trips(void)
{
    uint8_t buf[64];
    uint8_t *big = kit_alloc(70000);
    struct ee_bytes body;
    bool good = true;

    for (size_t n = 0; n <= 10; n++) {
        for (uint32_t pattern = 0; pattern < 1u << n; pattern++) {
            good = good && survives(buf, n, pattern);
        }
    }
    ok(good, "values that end like padding come back whole");
    good = true;
    for (size_t n = 0; n < 60000; n += 1 + n / 50) {
        const size_t size = ee_padded_size(n) - 1;

        memset(big, 0, n);
        ee_pad(big, n, size);
        body = ee_bytes(big, size);
        good = good && ee_unpad(&body) && body.n == n;
    }
    ok(good, "values of zeros of any length come back whole");
    free(big);
}

static bool unpads(const void *p, size_t n)
{
    struct ee_bytes body = ee_bytes(p, n);

    return ee_unpad(&body);
}

static void no_padding_is_refused(void)
{
    bool refused = true;

    for (unsigned last = 1; last < 256; last++) {
        const uint8_t body[4] = {0x80, (uint8_t)last, 0, 0};

        refused = refused && unpads(body, 4) == (last == 0x80);
    }
    ok(refused, "a body whose last byte but zeros is not 80 is refused");
    ok(!unpads(NULL, 0) && !unpads("\0\0\0", 3), "so are nothing, and zeros");
    ok(unpads("\x80", 1), "80 alone is an empty value");
}

/* ---- in an envelope ---- */

static void lengths_are_hidden(void)
{
    struct ee_value part = ee_value_integer(1);
    struct shape s = {
        .suite = 1, .flags = EE_FLAG_PADDED, .parts = &part, .part_count = 1};
    uint8_t bytes[600];
    struct kit k;
    bool good = true;

    kit_init(&k);
    memset(bytes, 0x80, sizeof bytes);
    for (size_t n = 0; n < sizeof bytes; n++) {
        struct ee_bytes blob;
        bool equal = false;

        s.value = ee_value_blob(ee_bytes(bytes, n));
        s.suite = (uint8_t)(1 + n % 2);
        blob = kit_seal(&k, &s);
        good = good && blob.n == EE_OVERHEAD - 1 + ee_padded_size(n) &&
               kit_opens(&k, k.kek[s.suite], blob, &s, &equal) == EE_OK &&
               equal;
        free((void *)blob.p);
    }
    ok(good,
       "a padded envelope shows the padded length and opens to the value");
    kit_clear(&k);
}

int main(void)
{
    sizes_are_as_written();
    few_sizes_are_seen();
    round_trips();
    no_padding_is_refused();
    lengths_are_hidden();
    return done();
}
