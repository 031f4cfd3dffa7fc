/* SPDX-License-Identifier: MIT
 *
 * turn.c: has the caller gone; and the lock.
 *
 * The lock is the number of the process that holds it, and not a mutex: after
 * fork() a child sees that the holder is another process, and takes it. What
 * it guards is left in a state that holds at any moment (library.c, login.c).
 */
#include "pkcs11/turn.h"

#include "base/secret.h"

#include <time.h>
#include <unistd.h>

#define PAUSE_MS 5

static _Atomic pid_t holder; /* 0: nobody */

int ee_p11_turn(const struct ee_p11_job *job, struct ee_error *err)
{
    return atomic_load(&job->cancelled)
               ? ee_fail(err, EE_INTERRUPTED, "nobody waits for this any more")
               : EE_OK;
}

int ee_p11_random(struct ee_p11_job *job, void *out, size_t n,
                  struct ee_error *err)
{
    if (n > sizeof job->random - job->random_used) {
        return ee_fail(err, EE_UNAVAILABLE, "there is no randomness");
    }
    memcpy(out, job->random + job->random_used, n);
    ee_wipe(job->random + job->random_used, n);
    job->random_used += n;
    return EE_OK;
}

int ee_p11_lock(const struct ee_p11_job *job, struct ee_error *err)
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
        rc = ee_p11_turn(job, err);
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
