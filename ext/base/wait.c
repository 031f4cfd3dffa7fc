/* SPDX-License-Identifier: MIT
 *
 * wait.c: waiting that ends.
 */
#include "base/wait.h"

#include "base/clock.h"

#include <time.h>

#define LONGEST_PAUSE_MS 20 /* an interrupt is to be seen within 100 */

void ee_wait_begin(struct ee_wait *w)
{
    w->deadline = ee_monotonic_ms() + w->timeout_ms;
    w->was_interrupted = false;
}

bool ee_wait_on(struct ee_wait *w, int round)
{
    const int64_t left = w->deadline - ee_monotonic_ms();
    int64_t pause = round < LONGEST_PAUSE_MS ? round + 1 : LONGEST_PAUSE_MS;
    struct timespec span = {.tv_sec = 0};

    w->was_interrupted =
        w->interrupted != NULL && w->interrupted(w->interrupted_arg);
    if (w->was_interrupted || left <= 0) {
        return false;
    }
    pause = pause < left ? pause : left;
    span.tv_nsec = (long)pause * 1000000;
    (void)nanosleep(&span, NULL); /* a signal cuts it short */
    return true;
}
