/* SPDX-License-Identifier: MIT
 *
 * clock.h: time that only goes forward, for deadlines and time limits.
 */
#ifndef EE_BASE_CLOCK_H
#define EE_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since some moment (CLOCK_MONOTONIC): not moved by whoever sets
 * the clock of the machine. */
int64_t ee_monotonic_ms(void);

/* The same in the steps of the kernel's tick, a few ms: a third of the price,
 * for what each statement asks. */
int64_t ee_coarse_ms(void);

#endif
