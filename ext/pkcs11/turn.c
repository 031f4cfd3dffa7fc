/* SPDX-License-Identifier: MIT
 *
 * turn.c: deadline and interrupt, and the lock.
 *
 * The lock is the number of the process that holds it, and not a mutex: after
 * fork() a child sees that the holder is another process, and takes it. What
 * it guards is left in a state that holds at any moment (library.c, pin.c).
 */
#include "pkcs11/turn.h"

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MS 5

static _Atomic pid_t holder; /* 0: nobody */

int ee_p11_turn(const struct envelope_call *call, struct ee_error *err)
{
    if (call->interrupted(call->arg) != 0) {
        return ee_fail(err, EE_INTERRUPTED, "interrupted");
    }
    if (call->now_ms(call->arg) >= call->deadline_ms) {
        return ee_fail(err, EE_UNAVAILABLE,
                       "the PKCS#11 token did not answer in time: try again, "
                       "or raise the setting provider_timeout");
    }
    return EE_OK;
}

int ee_p11_random(const struct envelope_call *call, void *out, size_t n,
                  struct ee_error *err)
{
    if (call->random(call->arg, out, n) != 0) { /* lint: random: the core's */
        return ee_fail(err, EE_UNAVAILABLE, "there is no randomness");
    }
    return EE_OK;
}

int ee_p11_lock(const struct envelope_call *call, struct ee_error *err)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    const pid_t me = getpid();
    int rc = EE_OK;

    for (;;) {
        pid_t held = 0;

        if (atomic_compare_exchange_strong(&holder, &held, me) ||
            (held != me &&
             atomic_compare_exchange_strong(&holder, &held, me))) {
            return EE_OK;
        }
        rc = ee_p11_turn(call, err);
        if (rc != EE_OK) {
            return rc;
        }
        (void)nanosleep(&pause, NULL);
    }
}

void ee_p11_unlock(void)
{
    atomic_store(&holder, 0);
}
