/* SPDX-License-Identifier: MIT
 *
 * der.c: tags, lengths and numbers. X.690 sections 8.1, 8.3 and 10.1.
 */
#include "crypto/der.h"

static void spoil(struct ee_reader *r)
{
    r->bad = true;
    r->left = 0;
}

static size_t read_length(struct ee_reader *r)
{
    const size_t first = ee_read_u8(r);
    size_t least = 0;
    size_t n = first;

    if (first == 0x81) {
        n = ee_read_u8(r);
        least = 0x80;
    } else if (first == 0x82) {
        n = ee_read_u16(r);
        least = 0x100;
    } else if (first >= 0x80) {
        spoil(r);
    }
    if (n < least) {
        spoil(r);
    }
    return n;
}

struct ee_bytes ee_der_read(struct ee_reader *r, uint8_t tag)
{
    if (ee_read_u8(r) != tag) {
        spoil(r);
    }
    return ee_read_bytes(r, read_length(r));
}

struct ee_reader ee_der_enter(struct ee_reader *r)
{
    struct ee_reader inner = ee_reader(ee_der_read(r, EE_DER_SEQUENCE));

    inner.bad = r->bad;
    return inner;
}

struct ee_bytes ee_der_number(struct ee_reader *r)
{
    struct ee_bytes b = ee_der_read(r, EE_DER_INTEGER);

    if (b.n == 0 || b.p[0] >= 0x80) {
        spoil(r); /* no byte, or negative */
        return ee_bytes(NULL, 0);
    }
    if (b.p[0] != 0) {
        return b;
    }
    if (b.n > 1 && b.p[1] < 0x80) {
        spoil(r); /* a zero that is not needed */
        return ee_bytes(NULL, 0);
    }
    return ee_bytes(b.p + 1, b.n - 1);
}

uint64_t ee_der_small(struct ee_reader *r)
{
    struct ee_bytes b = ee_der_number(r);
    uint64_t value = 0;

    if (b.n > 7) {
        spoil(r);
        return 0;
    }
    for (size_t i = 0; i < b.n; i++) {
        value = value << 8 | b.p[i];
    }
    return value;
}

bool ee_der_next_is(const struct ee_reader *r, uint8_t tag)
{
    return r->left > 0 && r->p[0] == tag;
}

bool ee_der_done(const struct ee_reader *r)
{
    return !r->bad && r->left == 0;
}
