/* SPDX-License-Identifier: MIT
 *
 * value.h: typed values and their bytes, FORMAT section 4.
 */
#ifndef EE_ENVELOPE_VALUE_H
#define EE_ENVELOPE_VALUE_H

#include "base/bytes.h"

#include <stdbool.h>

enum ee_type {
    EE_INTEGER = 1,
    EE_REAL = 2,
    EE_TEXT = 3,
    EE_BLOB = 4,
    EE_NULL = 5 /* in a context only */
};

#define EE_NUMBER_BYTES 8

/* Borrows the bytes of a TEXT or BLOB; holds those of a number. A number is
 * as secret as what it came from: wipe with ee_value_wipe(). */
struct ee_value {
    uint8_t type;
    uint64_t number;       /* INTEGER and REAL, big-endian in memory */
    struct ee_bytes bytes; /* TEXT and BLOB */
};

struct ee_value ee_value_null(void);
struct ee_value ee_value_integer(int64_t v);
struct ee_value ee_value_real(double v); /* bit for bit: FORMAT R13 */
struct ee_value ee_value_text(struct ee_bytes utf8);
struct ee_value ee_value_blob(struct ee_bytes bytes);
void ee_value_wipe(struct ee_value *v);

/* The body as FORMAT section 4 has it; points into *v. */
struct ee_bytes ee_value_body(const struct ee_value *v);

/* The reverse. False when type or length is wrong, or for a NaN (FORMAT R12,
 * R13). */
bool ee_value_decode(struct ee_value *v, uint8_t type, struct ee_bytes body);

int64_t ee_value_as_integer(const struct ee_value *v);
double ee_value_as_real(const struct ee_value *v);

/* What a blind index hashes: an integral REAL is its INTEGER (FORMAT R25). */
struct ee_value ee_value_for_index(const struct ee_value *v);

#endif
