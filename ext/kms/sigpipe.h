/* SPDX-License-Identifier: MIT
 *
 * sigpipe.h: no SIGPIPE of ours reaches the application.
 *
 * A write to a connection that the server has closed raises it, and its
 * default is to end the process. Signal handlers are the application's, so it
 * is blocked in this thread while libcurl works, and one that came is taken.
 */
#ifndef EE_KMS_SIGPIPE_H
#define EE_KMS_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

struct ee_sigpipe {
    sigset_t before;
    bool was_pending; /* it is not ours to take then */
};

void ee_sigpipe_block(struct ee_sigpipe *s);
void ee_sigpipe_restore(const struct ee_sigpipe *s);

#endif
