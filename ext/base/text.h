/* SPDX-License-Identifier: MIT
 *
 * text.h: hexadecimal, numbers, and lists of words.
 */
#ifndef EE_BASE_TEXT_H
#define EE_BASE_TEXT_H

#include "base/bytes.h"

#include <stdbool.h>

/* out: 2 * in.n + 1 chars, lower case, NUL-terminated. For public bytes. */
void ee_hex(char *out, struct ee_bytes in);

/* Reads exactly 2 * n hex digits. False otherwise. */
bool ee_unhex(uint8_t *out, size_t n, const char *text, size_t text_n);

/* A number from 1 to max, in digits only and without leading zeros, so that no
 * sign, space or unit slips in. False otherwise. */
bool ee_number(const char *text, size_t n, uint64_t max, uint64_t *out);

/* '90d', '12h', '60s' as seconds, from 1 to max of them. False otherwise. */
bool ee_duration(const char *text, size_t n, uint64_t max, uint64_t *seconds);

/* The next word of a list with spaces or line ends between them, and *text
 * moved behind it. False at the end. */
bool ee_next_word(const char **text, struct ee_bytes *word);

#endif
