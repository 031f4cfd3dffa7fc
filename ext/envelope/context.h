/* SPDX-License-Identifier: MIT
 *
 * context.h: the context parts and the associated data A, FORMAT section 5.
 *
 * The caller lends one buffer. The parts are written behind a headroom, into
 * which A's fixed head, and before it the input of the hedge, are put later:
 * A and the hedge's input are each one run of bytes without a copy.
 */
#ifndef EE_ENVELOPE_CONTEXT_H
#define EE_ENVELOPE_CONTEXT_H

#include "envelope/value.h"

/* A's head: prefix, index, count. */
#define EE_AAD_HEAD_MAX (5 + EE_INDEX_BYTES + 4)
/* The hedge's input before A: time stamp, length, type, two ends of a value. */
#define EE_HEDGE_END        128
#define EE_HEDGE_MAX        (8 + 8 + 1 + 2 * EE_HEDGE_END)
#define EE_CONTEXT_HEADROOM (EE_AAD_HEAD_MAX + EE_HEDGE_MAX)

struct ee_context {
    uint8_t *buf; /* lent */
    size_t size;
    size_t end; /* end of the last part; starts at EE_CONTEXT_HEADROOM */
    uint32_t count;
    bool overflow; /* buf was too small: a caller's bug */
};

/* size >= EE_CONTEXT_HEADROOM + the sum of ee_context_part_size(). */
void ee_context_init(struct ee_context *c, uint8_t *buf, size_t size);
size_t ee_context_part_size(const struct ee_value *part);
void ee_context_add(struct ee_context *c, const struct ee_value *part);
/* The same for a part that is encoded: it was added to a context before. */
void ee_context_add_encoded(struct ee_context *c, struct ee_bytes part);

/* The first part, encoded: the scope of a blind index (FORMAT R26). Empty when
 * there is none. */
struct ee_bytes ee_context_first(const struct ee_context *c);

/* A, in place; valid until the next call on c. index: NULL without flag 01. */
struct ee_bytes ee_context_aad(struct ee_context *c, uint8_t suite,
                               uint8_t flags, const uint8_t *index);

/* What the hedge hashes: stamp, value (its first and last 128 bytes), aad.
 * aad is what ee_context_aad() just returned. The value's bytes stay in the
 * buffer until ee_context_forget(). */
struct ee_bytes ee_context_hedge_input(struct ee_context *c,
                                       struct ee_bytes aad, uint64_t stamp,
                                       const struct ee_value *value);
void ee_context_forget(struct ee_context *c, struct ee_bytes hedge_input,
                       struct ee_bytes aad);

/* part (FORMAT section 5) into out; false when it does not fit. */
bool ee_context_write_part(uint8_t *out, size_t size, size_t *used,
                           const struct ee_value *part);

#endif
