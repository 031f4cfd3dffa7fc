/* SPDX-License-Identifier: MIT
 *
 * terminal.h: asks a person for a passphrase.
 */
#ifndef EE_BASE_TERMINAL_H
#define EE_BASE_TERMINAL_H

#include "base/status.h"
#include "base/wait.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True when standard input and standard error are terminals and this process
 * is in the foreground: a question would be seen and could be answered. */
bool ee_terminal_present(void);

/* Shows prompt on standard error and reads one line from standard input
 * without echo, at most size bytes, without its newline. out should be an
 * arena cell: it is secret and the caller's to wipe, after a failure too.
 * Ctrl-C, a caught signal and user->interrupted cancel with EE_INTERRUPTED;
 * echo is on again whatever happens. Of *user nothing else is used: a person
 * has patience of another kind. */
int ee_terminal_ask(uint8_t *out, size_t size, size_t *n, const char *prompt,
                    const struct ee_wait *user,
                    struct ee_error *err) EE_CHECKED;

#endif
