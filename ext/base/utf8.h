/* SPDX-License-Identifier: MIT
 *
 * utf8.h: UTF-8 from untrusted bytes, and what of it may be shown.
 */
#ifndef EE_BASE_UTF8_H
#define EE_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length of the valid UTF-8 character at p, of n bytes; 0 when there is
 * none. */
size_t ee_utf8_length(const uint8_t *p, size_t n);

/* Puts '?' in the place of each byte of text that a terminal may obey, or show
 * as something else: control characters (C0, DEL, C1), line separators, marks
 * that turn the direction of text, and what is not UTF-8. */
void ee_utf8_make_printable(char *text);

#endif
