/* SPDX-License-Identifier: MIT
 *
 * turn.h: whose turn it is. A call into a PKCS#11 module cannot be stopped or
 * be given a deadline; so before each one it is asked whether to make it at
 * all. And one lock for what all threads of the process share: the modules
 * that are loaded, and logging in.
 */
#ifndef EE_PKCS11_TURN_H
#define EE_PKCS11_TURN_H

#include "base/status.h"
#include "envelope_provider.h"

/* EE_INTERRUPTED or EE_UNAVAILABLE: do not begin another call. */
int ee_p11_turn(const struct envelope_call *call,
                struct ee_error *err) EE_CHECKED;

/* EE_UNAVAILABLE when there is no randomness. */
int ee_p11_random(const struct envelope_call *call, void *out, size_t n,
                  struct ee_error *err) EE_CHECKED;

/* Waits for the lock as long as it may: ee_p11_turn()'s results. A child of
 * fork() takes it from a thread that it does not have. */
int ee_p11_lock(const struct envelope_call *call,
                struct ee_error *err) EE_CHECKED;
void ee_p11_unlock(void);

#endif
