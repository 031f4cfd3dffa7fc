/* SPDX-License-Identifier: MIT
 *
 * clock.c: the monotonic clock.
 */
#include "base/clock.h"

#include <time.h>

static int64_t read_ms(clockid_t clock)
{
    struct timespec t = {0};

    (void)clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t ee_monotonic_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t ee_coarse_ms(void)
{
    return read_ms(CLOCK_MONOTONIC_COARSE);
}
