/* SPDX-License-Identifier: MIT
 *
 * attempts.h: which CMK of a key to ask first, and which not to ask just now.
 *
 * A key may have several CMKs, and any of them opens it. The one that answered
 * last is asked first. One that could not be reached is left alone for a
 * second, then for two, at most for 30 (a circuit breaker), so that work goes
 * on through the others without waiting for it each time. Only that it was
 * unreachable is remembered, never why a CMK refused.
 *
 * Beside that it counts the calls, for envelope_stats and envelope_providers.
 */
#ifndef EE_KEYS_ATTEMPTS_H
#define EE_KEYS_ATTEMPTS_H

#include "db/sql.h"
#include "keys/store.h"

#define EE_ATTEMPTS_MAX 32 /* CMKs remembered; the oldest goes */

struct ee_call_counts {
    uint64_t wraps; /* with those that failed */
    uint64_t unwraps;
    uint64_t errors;
    int64_t ms; /* that all of them took */
    int64_t longest_ms;
    int last_error; /* an ee_status */
};

struct ee_attempt {
    char *cmk;          /* URI; sqlite3_free() */
    uint64_t success;   /* when it last answered; 0: never */
    unsigned failures;  /* in a row */
    int64_t not_before; /* monotonic ms */
    struct ee_call_counts calls;
};

struct ee_attempts {
    struct ee_attempt slots[EE_ATTEMPTS_MAX];
    unsigned next_victim;
    uint64_t count; /* of successes */
    struct ee_call_counts total;
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

/* The CMK that answered last, if that was after so many answers; else NULL. */
const char *ee_attempts_latest(const struct ee_attempts *a, uint64_t successes);

enum ee_call_kind { EE_CALL_WRAP, EE_CALL_UNWRAP };

/* A call that began at `began` (ee_monotonic_ms()) is over. */
void ee_attempts_count(struct ee_attempts *a, const char *cmk,
                       enum ee_call_kind kind, int rc, int64_t began);

#endif
