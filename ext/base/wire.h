/* SPDX-License-Identifier: MIT
 *
 * wire.h: bounded big-endian reading and writing with sticky failure.
 *
 * A reader or writer that ran out of room turns bad and stays bad: it reads
 * zeros, or writes nothing. Code runs straight down like the table in the
 * specification and asks once, at the end, whether all of it was there.
 * Neither owns memory.
 */
#ifndef EE_BASE_WIRE_H
#define EE_BASE_WIRE_H

#include "base/bytes.h"

#include <stdbool.h>

struct ee_reader {
    const uint8_t *p;
    size_t left;
    bool bad;
};

struct ee_writer {
    uint8_t *p; /* next byte to write */
    size_t left;
    size_t used;
    bool bad;
};

struct ee_reader ee_reader(struct ee_bytes in);
uint8_t ee_read_u8(struct ee_reader *r);
uint16_t ee_read_u16(struct ee_reader *r);
uint32_t ee_read_u32(struct ee_reader *r);
uint64_t ee_read_u64(struct ee_reader *r);
/* n bytes in place, or {NULL, 0} when fewer are left. */
struct ee_bytes ee_read_bytes(struct ee_reader *r, size_t n);

void ee_write_bytes(struct ee_writer *w, struct ee_bytes v);

/* The rest is inline: each row writes a context. */

static inline struct ee_writer ee_writer(uint8_t *out, size_t size)
{
    return (struct ee_writer){.p = out, .left = size, .used = 0, .bad = false};
}

/* Takes n bytes, or turns bad and gives NULL. */
static inline uint8_t *ee_write_room(struct ee_writer *w, size_t n)
{
    uint8_t *p = w->p;

    if (w->bad || n > w->left) {
        w->bad = true;
        return NULL;
    }
    w->p += n;
    w->left -= n;
    w->used += n;
    return p;
}

/* The compiler makes one byte swap and one store of each of these. */

static inline void ee_write_u8(struct ee_writer *w, uint8_t v)
{
    uint8_t *p = ee_write_room(w, 1);

    if (p != NULL) {
        *p = v;
    }
}

static inline void ee_write_u16(struct ee_writer *w, uint16_t v)
{
    uint8_t *p = ee_write_room(w, 2);

    if (p != NULL) {
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
    }
}

static inline void ee_write_u32(struct ee_writer *w, uint32_t v)
{
    uint8_t *p = ee_write_room(w, 4);

    if (p != NULL) {
        p[0] = (uint8_t)(v >> 24);
        p[1] = (uint8_t)(v >> 16);
        p[2] = (uint8_t)(v >> 8);
        p[3] = (uint8_t)v;
    }
}

static inline void ee_write_u64(struct ee_writer *w, uint64_t v)
{
    uint8_t *p = ee_write_room(w, 8);

    if (p != NULL) {
        p[0] = (uint8_t)(v >> 56);
        p[1] = (uint8_t)(v >> 48);
        p[2] = (uint8_t)(v >> 40);
        p[3] = (uint8_t)(v >> 32);
        p[4] = (uint8_t)(v >> 24);
        p[5] = (uint8_t)(v >> 16);
        p[6] = (uint8_t)(v >> 8);
        p[7] = (uint8_t)v;
    }
}

#endif
