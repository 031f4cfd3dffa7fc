/* SPDX-License-Identifier: MIT
 *
 * base64.h: RFC 4648 section 4, with padding, in constant time: it carries
 * keys.
 */
#ifndef EE_BASE_BASE64_H
#define EE_BASE_BASE64_H

#include "base/wire.h"

/* The characters of n bytes. */
#define EE_BASE64_CHARS(n) (((n) + 2) / 3 * 4)

/* Writes in as text. Needs room for one byte more, which it gives back. */
void ee_write_base64(struct ee_writer *w, struct ee_bytes in);

/* False for what is no base64 in its one spelling (no line ends, no missing
 * padding, no stray bits), and for more than size bytes; out is then zero. */
bool ee_unbase64(uint8_t *out, size_t size, size_t *n, struct ee_bytes text);

#endif
