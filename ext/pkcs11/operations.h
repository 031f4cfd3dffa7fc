/* SPDX-License-Identifier: MIT
 *
 * operations.h: what a worker's thread does with a CMK, one function for each
 * function of the provider. What goes in and comes out is in the job.
 */
#ifndef EE_PKCS11_OPERATIONS_H
#define EE_PKCS11_OPERATIONS_H

#include "pkcs11/session.h"
#include "pkcs11/worker.h"

struct envelope_cmk {
    struct ee_p11_worker worker; /* first: it is made and freed as one */
    struct ee_p11_cmk cmk;       /* the thread's, once that has started */
};

int ee_p11_do_open(struct ee_p11_worker *w, struct ee_error *err) EE_CHECKED;
int ee_p11_do_create(struct ee_p11_worker *w, struct ee_error *err) EE_CHECKED;

/* payload and context to wrapped, and back. */
int ee_p11_do_wrap(struct ee_p11_worker *w, struct ee_error *err) EE_CHECKED;
int ee_p11_do_unwrap(struct ee_p11_worker *w, struct ee_error *err) EE_CHECKED;

/* state: an enum envelope_cmk_state. */
int ee_p11_do_state(struct ee_p11_worker *w, struct ee_error *err) EE_CHECKED;

/* line: what describes the CMK. */
int ee_p11_do_describe(struct ee_p11_worker *w,
                       struct ee_error *err) EE_CHECKED;

/* Before the thread ends: closes the session. */
void ee_p11_do_close(struct ee_p11_worker *w);

#endif
