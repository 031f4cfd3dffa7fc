/* SPDX-License-Identifier: MIT
 *
 * inside.c: a count, and the process it is of.
 */
#include "pkcs11/inside.h"

#include <stdatomic.h>
#include <sys/types.h>
#include <unistd.h>

static _Atomic int count;
static _Atomic pid_t process; /* written before the count is more than 0 */

void ee_p11_inside_enter(void)
{
    atomic_store(&process, getpid());
    atomic_fetch_add(&count, 1);
}

void ee_p11_inside_leave(void)
{
    atomic_fetch_sub(&count, 1);
}

/* The count is read first: whoever made it more than 0 in this process has
 * written which process it is before. */
int ee_p11_inside_check(struct ee_error *err)
{
    if (atomic_load(&count) > 0 && atomic_load(&process) != getpid()) {
        return ee_fail(err, EE_UNAVAILABLE,
                       "a thread was in a call of a PKCS#11 module when this "
                       "process was forked, and the module may hang here: "
                       "fork before keys on tokens are used, or have the new "
                       "process run its program by exec()");
    }
    return EE_OK;
}
