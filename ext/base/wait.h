/* SPDX-License-Identifier: MIT
 *
 * wait.h: waiting that ends: at a deadline, or when the user interrupts.
 *
 * One struct ee_wait serves one operation after the other. Whoever waits for
 * something that somebody else holds (a lock, an answer) looks at it, sleeps
 * for a moment with ee_wait_on(), and looks again.
 */
#ifndef EE_BASE_WAIT_H
#define EE_BASE_WAIT_H

#include <stdbool.h>
#include <stdint.h>

struct ee_wait {
    int64_t timeout_ms;             /* of one operation */
    bool (*interrupted)(void *arg); /* NULL: never */
    void *interrupted_arg;
    int64_t deadline;     /* of the one that runs */
    bool was_interrupted; /* why the waiting ended */
};

/* An operation begins. */
void ee_wait_begin(struct ee_wait *w);

/* Sleeps for some milliseconds: 1, then longer, never more than 20. round: how
 * often it has been called for the same thing. False when the time is over, or
 * the user interrupts: then without sleeping. */
bool ee_wait_on(struct ee_wait *w, int round);

#endif
