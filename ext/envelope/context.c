/* SPDX-License-Identifier: MIT
 *
 * context.c: the associated data A, FORMAT section 5 (R16).
 */
#include "envelope/context.h"

#include "base/secret.h"
#include "base/wire.h"
#include "envelope/header.h"

#include <string.h>

#define PART_HEAD (1 + 8) /* type, length */

void ee_context_init(struct ee_context *c, uint8_t *buf, size_t size)
{
    c->buf = buf;
    c->size = size;
    c->end = EE_CONTEXT_HEADROOM;
    c->count = 0;
    c->overflow = size < EE_CONTEXT_HEADROOM;
}

size_t ee_context_part_size(const struct ee_value *part)
{
    return PART_HEAD + ee_value_body(part).n;
}

bool ee_context_write_part(uint8_t *out, size_t size, size_t *used,
                           const struct ee_value *part)
{
    struct ee_bytes body = ee_value_body(part);
    struct ee_writer w = ee_writer(out, size);

    ee_write_u8(&w, part->type);
    ee_write_u64(&w, body.n);
    ee_write_bytes(&w, body);
    *used = w.used;
    return !w.bad;
}

void ee_context_add(struct ee_context *c, const struct ee_value *part)
{
    size_t used = 0;

    if (c->overflow || !ee_context_write_part(c->buf + c->end, c->size - c->end,
                                              &used, part)) {
        c->overflow = true;
        return;
    }
    c->end += used;
    c->count++;
}

void ee_context_add_encoded(struct ee_context *c, struct ee_bytes part)
{
    if (c->overflow || part.n > c->size - c->end) {
        c->overflow = true;
        return;
    }
    memcpy(c->buf + c->end, part.p, part.n);
    c->end += part.n;
    c->count++;
}

struct ee_bytes ee_context_first(const struct ee_context *c)
{
    const uint8_t *start = c->buf + EE_CONTEXT_HEADROOM;
    struct ee_reader r =
        ee_reader(ee_bytes(start, c->end - EE_CONTEXT_HEADROOM));

    if (c->overflow || c->count == 0) {
        return ee_bytes(NULL, 0);
    }
    (void)ee_read_u8(&r);
    return ee_bytes(start, PART_HEAD + (size_t)ee_read_u64(&r));
}

struct ee_bytes ee_context_aad(struct ee_context *c, uint8_t suite,
                               uint8_t flags, const uint8_t *index)
{
    const uint8_t prefix[EE_PREFIX_BYTES] = {EE_MAGIC_0, EE_MAGIC_1, EE_VERSION,
                                             suite, flags & EE_FLAGS_IN_A};
    const size_t head =
        sizeof prefix + (index != NULL ? EE_INDEX_BYTES : 0) + 4;
    uint8_t *start = c->buf + EE_CONTEXT_HEADROOM - head;
    struct ee_writer w = ee_writer(start, head);

    ee_write_bytes(&w, ee_bytes(prefix, sizeof prefix));
    if (index != NULL) {
        ee_write_bytes(&w, ee_bytes(index, EE_INDEX_BYTES));
    }
    ee_write_u32(&w, c->count);
    return ee_bytes(start, c->end - (EE_CONTEXT_HEADROOM - head));
}

struct ee_bytes ee_context_hedge_input(struct ee_context *c,
                                       struct ee_bytes aad, uint64_t stamp,
                                       const struct ee_value *value)
{
    const struct ee_bytes body = ee_value_body(value);
    const size_t first = body.n < EE_HEDGE_END ? body.n : EE_HEDGE_END;
    const size_t rest = body.n - first;
    const size_t last = rest < EE_HEDGE_END ? rest : EE_HEDGE_END;
    const size_t head = 8 + 8 + 1 + first + last;
    uint8_t *start = c->buf + (aad.p - c->buf) - head;
    const uint64_t n = body.n;

    /* never stored, so in this machine's own byte order */
    memcpy(start, &stamp, 8);
    memcpy(start + 8, &n, 8);
    start[16] = value->type;
    if (first > 0) {
        memcpy(start + 17, body.p, first);
    }
    if (last > 0) {
        memcpy(start + 17 + first, body.p + body.n - last, last);
    }
    return ee_bytes(start, head + aad.n);
}

void ee_context_forget(struct ee_context *c, struct ee_bytes hedge_input,
                       struct ee_bytes aad)
{
    ee_wipe(c->buf + (hedge_input.p - c->buf), hedge_input.n - aad.n);
}
