/* SPDX-License-Identifier: MIT
 *
 * attempts.h: which CMK of a key to ask first, and which not to ask just now.
 *
 * A key may have several CMKs, and any of them opens it. The one that answered
 * last is asked first. One that could not be reached is left alone for a
 * second, then for two, at most for 30 (a circuit breaker), so that work goes
 * on through the others without waiting for it each time. Only that it was
 * unreachable is remembered, never why a CMK refused.
 */
#ifndef EE_KEYS_ATTEMPTS_H
#define EE_KEYS_ATTEMPTS_H

#include "db/sql.h"
#include "keys/store.h"

#define EE_ATTEMPTS_MAX 32 /* CMKs remembered; the oldest goes */

struct ee_attempts {
    struct {
        char *cmk;          /* URI; sqlite3_free() */
        uint64_t success;   /* when it last answered; 0: never */
        unsigned failures;  /* in a row */
        int64_t not_before; /* monotonic ms */
    } slots[EE_ATTEMPTS_MAX];
    unsigned next_victim;
    uint64_t count; /* of successes */
};

void ee_attempts_clear(struct ee_attempts *a);

/* Brings the wrap whose CMK answered last to the front; else keeps the order.
 */
void ee_attempts_order(const struct ee_attempts *a, struct ee_wrap **list);

/* Milliseconds until the CMK may be asked again; 0: now. */
int64_t ee_attempts_wait(const struct ee_attempts *a, const char *cmk);

/* What came of asking it: EE_OK, EE_UNAVAILABLE; others are not noted. Where
 * memory is short it is not noted, either. */
void ee_attempts_note(struct ee_attempts *a, const char *cmk, int rc);

#endif
