/* SPDX-License-Identifier: MIT
 *
 * child.h: asks a forked child a question.
 */
#ifndef TESTS_UNIT_CHILD_H
#define TESTS_UNIT_CHILD_H

#include <stdbool.h>
#include <stddef.h>

/* Forks, runs answer(arg, out, n) in the child, and brings out's n bytes back
 * to the parent. False when the child did not end well. */
bool child_ask(void (*answer)(void *arg, void *out, size_t n), void *arg,
               void *out, size_t n);

#endif
