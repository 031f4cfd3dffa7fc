/* SPDX-License-Identifier: MIT
 *
 * blind_index.h: 16 bytes to search a sealed column by, FORMAT section 7.
 *
 * Equal values of one key name and scope have equal indexes, in every row and
 * for every key version. That is what it leaks, too.
 */
#ifndef EE_ENVELOPE_BLIND_INDEX_H
#define EE_ENVELOPE_BLIND_INDEX_H

#include "envelope/kek.h"
#include "envelope/value.h"

/* The blind index of value, not NULL, in a scope, given as one context part.
 * Derives the scope's key once and keeps it beside the KEK. out:
 * EE_INDEX_BYTES. */
void ee_blind_index(uint8_t *out, struct ee_kek *kek,
                    struct ee_bytes scope_part, const struct ee_value *value);

#endif
