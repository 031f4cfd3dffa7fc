/* SPDX-License-Identifier: MIT
 *
 * turn.h: whose turn it is, on a worker's thread. Before each call into a
 * PKCS#11 module it is asked whether to make it at all. And one lock for what
 * all threads of the process share: the modules that are loaded, and logging
 * in.
 */
#ifndef EE_PKCS11_TURN_H
#define EE_PKCS11_TURN_H

#include "base/status.h"
#include "pkcs11/job.h"

/* EE_INTERRUPTED when the caller has gone: do not begin another call. */
int ee_p11_turn(const struct ee_p11_job *job, struct ee_error *err) EE_CHECKED;

/* Of what the caller drew; no byte is given twice. EE_UNAVAILABLE when there is
 * no more. */
int ee_p11_random(struct ee_p11_job *job, void *out, size_t n,
                  struct ee_error *err) EE_CHECKED;

/* Waits for the lock as long as the caller does: ee_p11_turn()'s results. A
 * child of fork() takes it from a thread that it does not have. */
int ee_p11_lock(const struct ee_p11_job *job, struct ee_error *err) EE_CHECKED;
void ee_p11_unlock(void);

#endif
