/* SPDX-License-Identifier: MIT
 *
 * envelope.h: seal, open, rewrap and export one value. FORMAT sections 6, 7
 * and 11.
 *
 * No allocation, no system call, no lookup: the caller lends memory and keys.
 * These return a bare ee_status; the caller knows the key's name and words
 * the error. seal.c, open.c; rewrap.c has export too, which is a rewrap.
 */
#ifndef EE_ENVELOPE_ENVELOPE_H
#define EE_ENVELOPE_ENVELOPE_H

#include "envelope/context.h"
#include "envelope/engine.h"
#include "envelope/header.h"
#include "envelope/kek.h"

/* Bytes that ee_seal() will write. flags: EE_FLAG_INDEX, EE_FLAG_PADDED. */
size_t ee_seal_size(const struct ee_value *value, uint8_t flags);

/* Seals value, not NULL, into out, which has ee_seal_size() bytes. index:
 * EE_INDEX_BYTES, or NULL without EE_FLAG_INDEX. EE_OK or EE_INTERNAL. */
int ee_seal(struct ee_engine *engine, const struct ee_kek *kek, uint8_t *out,
            const struct ee_value *value, struct ee_context *context,
            uint8_t flags, const uint8_t *index) EE_CHECKED;

/* Bytes of scratch that ee_open() needs for e. */
size_t ee_open_size(const struct ee_envelope *e);

/* Opens e into scratch, where the bytes of *value then lie; the caller wipes
 * both. EE_OK, or EE_AUTH with scratch wiped: FORMAT R19. */
int ee_open(struct ee_engine *engine, const struct ee_kek *kek,
            uint8_t *scratch, struct ee_value *value,
            const struct ee_envelope *e, struct ee_context *context) EE_CHECKED;

/* Wraps e's DEK under another KEK of the same suite: key id and W, into out
 * (a copy of e's blob, same length). Verifies W and the commitment first.
 * EE_OK, EE_AUTH, or EE_MISUSE when the suites differ (FORMAT R23); out is
 * unchanged on failure. */
int ee_rewrap(struct ee_engine *engine, const struct ee_kek *from,
              const struct ee_kek *to, uint8_t *out,
              const struct ee_envelope *e) EE_CHECKED;

/* Bytes that ee_export() will write. */
size_t ee_export_size(const struct ee_envelope *e, struct ee_bytes record);

/* Like ee_rewrap() to an export KEK, with its record put into out, which has
 * ee_export_size() bytes (FORMAT R36). A record that e has is replaced. */
int ee_export(struct ee_engine *engine, const struct ee_kek *from,
              const struct ee_kek *to, struct ee_bytes record, uint8_t *out,
              const struct ee_envelope *e) EE_CHECKED;

#endif
