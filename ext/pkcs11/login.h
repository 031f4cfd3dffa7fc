/* SPDX-License-Identifier: MIT
 *
 * login.h: logs in to a token, with a PIN that is tried once.
 *
 * The login is the process's, for all its sessions with the token, and ends
 * with the last of them. So nobody here logs out: that would end the work of
 * other connections.
 */
#ifndef EE_PKCS11_LOGIN_H
#define EE_PKCS11_LOGIN_H

#include "pkcs11/token.h"

/* The PIN comes from the caller (ee_p11_worker_ask_pin()). EE_OK also when the
 * process is logged in, or need not be. */
int ee_p11_login(const struct ee_p11_token *token, CK_SESSION_HANDLE session,
                 struct ee_p11_job *job, struct ee_error *err) EE_CHECKED;

#endif
