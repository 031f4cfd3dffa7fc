/* SPDX-License-Identifier: MIT
 *
 * tap.h: what a test program prints, in the Test Anything Protocol.
 *
 * One ok() for each statement proven, not for each round of a loop.
 */
#ifndef TESTS_UNIT_TAP_H
#define TESTS_UNIT_TAP_H

#include <stddef.h>

/* Prints `ok N - name` or `not ok N - name`; name is printf-style. */
void ok(int cond, const char *name, ...) __attribute__((format(printf, 2, 3)));

/* Prints a test that cannot run here, and why. Both are plain text. */
void skip(const char *why, const char *name);

/* Prints a line about what failed, as a comment. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints the plan. Returns the exit status: 0 when nothing failed. */
int done(void);

/* n rounds times EE_SCALE, at least 1: slow checkers ask for fewer. */
size_t scaled(size_t n);

#endif
