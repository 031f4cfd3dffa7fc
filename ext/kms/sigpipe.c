/* SPDX-License-Identifier: MIT
 *
 * sigpipe.c: blocks, takes, and restores.
 */
#include "kms/sigpipe.h"

#include <stddef.h>
#include <time.h>

static sigset_t only_sigpipe(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    return set;
}

static bool is_pending(void)
{
    sigset_t set;

    return sigpending(&set) == 0 && sigismember(&set, SIGPIPE) == 1;
}

void ee_sigpipe_block(struct ee_sigpipe *s)
{
    const sigset_t set = only_sigpipe();

    s->was_pending = is_pending();
    (void)pthread_sigmask(SIG_BLOCK, &set, &s->before);
}

void ee_sigpipe_restore(const struct ee_sigpipe *s)
{
    const sigset_t set = only_sigpipe();
    const struct timespec at_once = {0};

    if (!s->was_pending && is_pending()) {
        (void)sigtimedwait(&set, NULL, &at_once);
    }
    (void)pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}
