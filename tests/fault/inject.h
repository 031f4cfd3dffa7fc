/* SPDX-License-Identifier: MIT
 *
 * inject.h: allocations of a module that fail.
 *
 * The linker puts functions of ours in the place of malloc() and of the calls
 * that hand out secret memory (Makefile: INJECTED), for what is compiled into
 * the program: the module, and libraries that use its heap. A library that
 * calls malloc() by itself is not touched. One thread.
 */
#ifndef TESTS_FAULT_INJECT_H
#define TESTS_FAULT_INJECT_H

#include <stdbool.h>

/* Allocation n from now on fails, and with for_ever all that come after. */
void inject_start(long n, bool for_ever);

/* How many have failed. From here on none does. */
long inject_stop(void);

/* Counts what a program replaces besides: must it fail? */
bool inject_must_fail(void);

/* In between, allocations are the test's own. */
void inject_pause(void);
void inject_resume(void);

/* What is allocated and not given back, but for the test's own. */
long inject_live(void);

/* Fails allocation 1, 2, 3, … of what `attempt` does until it does it
 * untouched, once and for ever, and says ok() for each. An attempt does the
 * work between inject_start() and inject_stop(), looks at what came of it, and
 * gives what inject_stop() gave; < 0: something is wrong, which it has told. */
typedef long inject_attempt(const void *arg, long n, bool for_ever);
void inject_sweep(const char *name, inject_attempt *attempt, const void *arg);

#endif
