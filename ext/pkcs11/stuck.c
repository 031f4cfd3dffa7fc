/* SPDX-License-Identifier: MIT
 *
 * stuck.c: a number of calls, and when they are overdue.
 *
 * One that a user interrupted may well come back in a moment, and is waited
 * for; one whose time is over is the sign of a module that hangs.
 */
#include "pkcs11/stuck.h"

#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MS 5

/* The process in the upper half, and how many in the lower: a child of fork()
 * has none of its parent's threads. */
static _Atomic uint64_t stuck;
static _Atomic int64_t overdue_at; /* of ee_monotonic_ms() */

static uint64_t none(void)
{
    return (uint64_t)(uint32_t)getpid() << 32;
}

int ee_p11_look(const struct envelope_call *call)
{
    if (call->interrupted(call->arg) != 0) {
        return EE_INTERRUPTED;
    }
    return call->now_ms(call->arg) >= call->deadline_ms ? EE_UNAVAILABLE
                                                        : EE_OK;
}

/* A second one that is added changes nothing in when the first is overdue. */
void ee_p11_stuck_add(int64_t left_ms)
{
    const uint64_t empty = none();
    uint64_t before = atomic_load(&stuck);
    uint64_t after = 0;

    do {
        after = (before >> 32 == empty >> 32 ? before : empty) + 1;
        if (after == empty + 1) {
            atomic_store(&overdue_at, ee_monotonic_ms() + left_ms);
        }
    } while (!atomic_compare_exchange_weak(&stuck, &before, after));
}

void ee_p11_stuck_remove(void)
{
    atomic_fetch_sub(&stuck, 1);
}

bool ee_p11_is_stuck(void)
{
    const uint64_t now = atomic_load(&stuck);

    return now >> 32 == none() >> 32 && (uint32_t)now > 0;
}

int ee_p11_stuck_wait(const struct envelope_call *call, struct ee_error *err)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    int rc = EE_OK;

    while (ee_p11_is_stuck() && rc == EE_OK) {
        if (ee_monotonic_ms() >= atomic_load(&overdue_at)) {
            rc = EE_UNAVAILABLE;
        } else {
            rc = ee_p11_look(call);
            (void)nanosleep(&pause, NULL);
        }
    }
    if (rc == EE_INTERRUPTED) {
        return ee_fail(err, rc, "interrupted");
    }
    return rc == EE_OK
               ? EE_OK
               : ee_fail(err, rc,
                         "the PKCS#11 module has not come back from an earlier "
                         "call: see what its token waits for, and try again; "
                         "if it never does, start the process anew");
}
