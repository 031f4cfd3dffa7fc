/* SPDX-License-Identifier: MIT
 *
 * attempts.c: memory of the CMKs that were asked.
 */
#include "keys/attempts.h"

#include "base/clock.h"

#include <string.h>

#define FIRST_PAUSE_MS   1000
#define LONGEST_PAUSE_MS 30000

void ee_attempts_clear(struct ee_attempts *a)
{
    for (int i = 0; i < EE_ATTEMPTS_MAX; i++) {
        sqlite3_free(a->slots[i].cmk);
        a->slots[i].cmk = NULL;
    }
}

/* The slot of a CMK, or -1. */
static int find(const struct ee_attempts *a, const char *cmk)
{
    for (int i = 0; i < EE_ATTEMPTS_MAX; i++) {
        if (a->slots[i].cmk != NULL && strcmp(a->slots[i].cmk, cmk) == 0) {
            return i;
        }
    }
    return -1;
}

static uint64_t last_success(const struct ee_attempts *a, const char *cmk)
{
    const int i = find(a, cmk);

    return i < 0 ? 0 : a->slots[i].success;
}

void ee_attempts_order(const struct ee_attempts *a, struct ee_wrap **list)
{
    struct ee_wrap **best = list;
    struct ee_wrap *first = NULL;
    uint64_t most = 0;

    for (struct ee_wrap **link = list; *link != NULL; link = &(*link)->next) {
        const uint64_t success = last_success(a, (*link)->cmk);

        if (success > most) {
            most = success;
            best = link;
        }
    }
    first = *best;
    if (best != list) {
        *best = first->next;
        first->next = *list;
        *list = first;
    }
}

int64_t ee_attempts_wait(const struct ee_attempts *a, const char *cmk)
{
    const int i = find(a, cmk);
    int64_t wait = 0;

    if (i >= 0 && a->slots[i].failures > 0) {
        wait = a->slots[i].not_before - ee_monotonic_ms();
    }
    return wait > 0 ? wait : 0;
}

static int slot_for(struct ee_attempts *a, const char *cmk)
{
    int i = find(a, cmk);
    char *copy = NULL;

    if (i >= 0) {
        return i;
    }
    copy = sqlite3_mprintf("%s", cmk);
    if (copy == NULL) {
        return -1;
    }
    i = (int)a->next_victim;
    a->next_victim = (a->next_victim + 1) % EE_ATTEMPTS_MAX;
    sqlite3_free(a->slots[i].cmk);
    memset(&a->slots[i], 0, sizeof a->slots[i]);
    a->slots[i].cmk = copy;
    return i;
}

static int64_t pause_after(unsigned failures)
{
    int64_t pause = FIRST_PAUSE_MS;

    while (failures-- > 1 && pause < LONGEST_PAUSE_MS) {
        pause *= 2;
    }
    return pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS;
}

void ee_attempts_note(struct ee_attempts *a, const char *cmk, int rc)
{
    const int i = rc == EE_OK || rc == EE_UNAVAILABLE ? slot_for(a, cmk) : -1;

    if (i < 0) {
        return;
    }
    if (rc == EE_OK) {
        a->slots[i].success = ++a->count;
        a->slots[i].failures = 0;
    } else {
        a->slots[i].failures++;
        a->slots[i].not_before =
            ee_monotonic_ms() + pause_after(a->slots[i].failures);
    }
}

const char *ee_attempts_latest(const struct ee_attempts *a, uint64_t successes)
{
    for (int i = 0; a->count > successes && i < EE_ATTEMPTS_MAX; i++) {
        if (a->slots[i].cmk != NULL && a->slots[i].success == a->count) {
            return a->slots[i].cmk;
        }
    }
    return NULL;
}

static void add_call(struct ee_call_counts *c, enum ee_call_kind kind, int rc,
                     int64_t ms)
{
    *(kind == EE_CALL_WRAP ? &c->wraps : &c->unwraps) += 1;
    c->ms += ms;
    c->longest_ms = ms > c->longest_ms ? ms : c->longest_ms;
    if (rc != EE_OK) {
        c->errors++;
        c->last_error = rc;
    }
}

void ee_attempts_count(struct ee_attempts *a, const char *cmk,
                       enum ee_call_kind kind, int rc, int64_t began)
{
    const int64_t ms = ee_monotonic_ms() - began;
    const int i = slot_for(a, cmk);

    add_call(&a->total, kind, rc, ms);
    if (i >= 0) {
        add_call(&a->slots[i].calls, kind, rc, ms);
    }
}
