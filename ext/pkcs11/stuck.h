/* SPDX-License-Identifier: MIT
 *
 * stuck.h: calls of PKCS#11 modules that have not come back, though their
 * callers have gone. While there is one, no other begins in this process: a
 * module that hangs gets no more threads than the application had in it.
 */
#ifndef EE_PKCS11_STUCK_H
#define EE_PKCS11_STUCK_H

#include "base/status.h"
#include "envelope_provider.h"

#include <stdbool.h>

/* EE_OK: go on waiting; EE_INTERRUPTED; EE_UNAVAILABLE: the time is over. */
int ee_p11_look(const struct envelope_call *call);

/* A caller goes. left_ms: of the time that the call may take. After that it is
 * overdue, and nobody waits for it. */
void ee_p11_stuck_add(int64_t left_ms);

/* A call that was added has come back. */
void ee_p11_stuck_remove(void);

bool ee_p11_is_stuck(void);

/* Waits until all have come back. EE_UNAVAILABLE: that is overdue, or takes
 * longer than this caller may wait. */
int ee_p11_stuck_wait(const struct envelope_call *call,
                      struct ee_error *err) EE_CHECKED;

#endif
