/* SPDX-License-Identifier: MIT
 *
 * inside.h: is a thread of ours inside a PKCS#11 module, or inside p11-kit?
 *
 * fork() copies their locks as they are just then. In the child nobody is there
 * to release what such a thread holds, and what it was changing stays half
 * changed. So a child of such a fork calls no module: it could hang for ever.
 */
#ifndef EE_PKCS11_INSIDE_H
#define EE_PKCS11_INSIDE_H

#include "base/status.h"

/* Around all that a worker's thread does with modules. It is counted for all
 * modules as one: p11-kit, which loads them, has locks for all of them. */
void ee_p11_inside_enter(void);
void ee_p11_inside_leave(void);

/* EE_UNAVAILABLE, for good, in a process that was forked while a thread of its
 * parent was inside; and in all that it forks. */
int ee_p11_inside_check(struct ee_error *err) EE_CHECKED;

#endif
