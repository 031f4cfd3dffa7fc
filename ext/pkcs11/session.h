/* SPDX-License-Identifier: MIT
 *
 * session.h: an open CMK: a session that holds the login, and the key.
 *
 * Each operation has a session of its own besides (struct ee_p11_work): some
 * modules leave a failed operation active in its session, and closing it
 * removes what was made in it. The first session stays open, because the last
 * one to close takes the login with it.
 */
#ifndef EE_PKCS11_SESSION_H
#define EE_PKCS11_SESSION_H

#include "pkcs11/key.h"

/* The worker's: no other thread looks at it. */
struct ee_p11_cmk {
    bool connected; /* f to key are valid */
    CK_FUNCTION_LIST *f;
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    struct ee_p11_key key;
    char uri[ENVELOPE_URI_MAX]; /* normalized */
};

/* Finds the token, opens a session, logs in. Close it with C_CloseSession.
 * flags: CKF_RW_SESSION or 0. */
int ee_p11_session_open(struct ee_p11_token *token, CK_SESSION_HANDLE *session,
                        P11KitUri *uri, CK_FLAGS flags, struct ee_p11_job *job,
                        struct ee_error *err) EE_CHECKED;

/* cmk->uri is set. On failure nothing is left open. */
int ee_p11_connect(struct ee_p11_cmk *cmk, struct ee_p11_job *job,
                   struct ee_error *err) EE_CHECKED;
void ee_p11_disconnect(struct ee_p11_cmk *cmk);

/* One operation with the key of a CMK. */
struct ee_p11_work {
    struct ee_p11_cmk *cmk;
    struct ee_p11_job *job;
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
    bool lost; /* the session or the key was gone: worth one more try */
};

/* Connects anew where the last operation found the session lost. */
int ee_p11_work_begin(struct ee_p11_work *w, struct ee_p11_cmk *cmk,
                      struct ee_p11_job *job, struct ee_error *err) EE_CHECKED;
void ee_p11_work_end(struct ee_p11_work *w);

/* ee_p11_fail(), and takes note of a lost session. */
int ee_p11_work_fail(struct ee_p11_work *w, CK_RV rv, const char *doing,
                     struct ee_error *err);

#endif
