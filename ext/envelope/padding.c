/* SPDX-License-Identifier: MIT
 *
 * padding.c: FORMAT R15. Runs after authentication, so its timing tells
 * nothing but the length that the caller is about to learn.
 */
#include "envelope/padding.h"

#include <string.h>

#define SHORT_MAX  256
#define SHORT_STEP 16

static unsigned log2_floor(size_t n)
{
    unsigned e = 0;

    while (n > 1) {
        n >>= 1;
        e++;
    }
    return e;
}

static size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

size_t ee_padded_size(size_t n)
{
    const size_t len = 1 + n + 1; /* type, body, the byte 80 */
    unsigned e = 0;
    unsigned s = 0;

    if (len <= SHORT_MAX) {
        return round_up(len, SHORT_STEP);
    }
    e = log2_floor(len);
    s = log2_floor(e) + 1;
    return round_up(len, (size_t)1 << (e - s));
}

void ee_pad(uint8_t *out, size_t used, size_t size)
{
    out[used] = 0x80;
    memset(out + used + 1, 0, size - used - 1);
}

bool ee_unpad(struct ee_bytes *body)
{
    size_t n = body->n;

    while (n > 0 && body->p[n - 1] == 0) {
        n--;
    }
    if (n == 0 || body->p[n - 1] != 0x80) {
        return false;
    }
    body->n = n - 1;
    return true;
}
