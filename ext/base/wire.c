/* SPDX-License-Identifier: MIT
 *
 * wire.c: bounded big-endian reading and writing.
 */
#include "base/wire.h"

#include <string.h>

struct ee_reader ee_reader(struct ee_bytes in)
{
    return (struct ee_reader){.p = in.p, .left = in.n, .bad = false};
}

struct ee_bytes ee_read_bytes(struct ee_reader *r, size_t n)
{
    struct ee_bytes out = {NULL, 0};

    if (r->bad || n > r->left) {
        r->bad = true;
        return out;
    }
    out = ee_bytes(r->p, n);
    r->p += n;
    r->left -= n;
    return out;
}

static uint64_t read_uint(struct ee_reader *r, size_t n)
{
    struct ee_bytes b = ee_read_bytes(r, n);
    uint64_t v = 0;

    for (size_t i = 0; i < b.n; i++) {
        v = v << 8 | b.p[i];
    }
    return v;
}

uint8_t ee_read_u8(struct ee_reader *r)
{
    struct ee_bytes b = ee_read_bytes(r, 1);

    return b.n == 1 ? b.p[0] : 0;
}

uint16_t ee_read_u16(struct ee_reader *r)
{
    return (uint16_t)read_uint(r, 2);
}

uint32_t ee_read_u32(struct ee_reader *r)
{
    return (uint32_t)read_uint(r, 4);
}

uint64_t ee_read_u64(struct ee_reader *r)
{
    return read_uint(r, 8);
}

void ee_write_bytes(struct ee_writer *w, struct ee_bytes v)
{
    uint8_t *p = ee_write_room(w, v.n);

    if (p != NULL && v.n > 0) {
        memcpy(p, v.p, v.n);
    }
}
