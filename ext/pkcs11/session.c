/* SPDX-License-Identifier: MIT
 *
 * session.c: connects, and connects again.
 */
#include "pkcs11/session.h"

#include "pkcs11/login.h"
#include "pkcs11/rv.h"

int ee_p11_session_open(struct ee_p11_token *token, CK_SESSION_HANDLE *session,
                        P11KitUri *uri, CK_FLAGS flags, struct ee_p11_job *job,
                        struct ee_error *err)
{
    int rc = ee_p11_token_find(token, uri, job, err);
    CK_RV rv = CKR_OK;

    if (rc == EE_OK) {
        rc = ee_p11_turn(job, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    rv = token->f->C_OpenSession(token->slot, flags | CKF_SERIAL_SESSION, NULL,
                                 NULL, session);
    if (rv != CKR_OK) {
        return ee_p11_fail(err, rv, "open a session with the token");
    }
    rc = ee_p11_login(token, *session, job, err);
    if (rc != EE_OK) {
        (void)token->f->C_CloseSession(*session);
    }
    return rc;
}

int ee_p11_connect(struct ee_p11_cmk *cmk, struct ee_p11_job *job,
                   struct ee_error *err)
{
    struct ee_p11_token token;
    P11KitUri *uri = NULL;
    int rc = ee_p11_uri_parse(&uri, cmk->uri, err);

    if (rc == EE_OK) {
        rc = ee_p11_session_open(&token, &cmk->session, uri, 0, job, err);
    }
    if (rc == EE_OK) {
        rc = ee_p11_key_find(&cmk->key, uri, &token, cmk->session, job, err);
        if (rc != EE_OK) {
            (void)token.f->C_CloseSession(cmk->session);
        }
    }
    if (rc == EE_OK) {
        cmk->f = token.f;
        cmk->slot = token.slot;
        cmk->connected = true;
    }
    p11_kit_uri_free(uri);
    return rc;
}

void ee_p11_disconnect(struct ee_p11_cmk *cmk)
{
    if (cmk->connected) {
        (void)cmk->f->C_CloseSession(cmk->session);
        cmk->connected = false;
    }
}

int ee_p11_work_begin(struct ee_p11_work *w, struct ee_p11_cmk *cmk,
                      struct ee_p11_job *job, struct ee_error *err)
{
    CK_RV rv = CKR_OK;
    int rc = EE_OK;

    w->cmk = cmk;
    w->job = job;
    w->f = NULL;
    w->lost = false;
    if (!cmk->connected) {
        rc = ee_p11_connect(cmk, job, err);
    }
    if (rc == EE_OK) {
        rc = ee_p11_turn(job, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    rv = cmk->f->C_OpenSession(cmk->slot, CKF_SERIAL_SESSION, NULL, NULL,
                               &w->session);
    if (rv != CKR_OK) {
        return ee_p11_work_fail(w, rv, "open a session with the token", err);
    }
    w->f = cmk->f;
    return EE_OK;
}

void ee_p11_work_end(struct ee_p11_work *w)
{
    if (w->f != NULL) {
        (void)w->f->C_CloseSession(w->session);
        w->f = NULL;
    }
    if (w->lost) {
        ee_p11_disconnect(w->cmk);
    }
}

int ee_p11_work_fail(struct ee_p11_work *w, CK_RV rv, const char *doing,
                     struct ee_error *err)
{
    if (ee_p11_is_lost(rv)) {
        w->lost = true;
    }
    return ee_p11_fail(err, rv, doing);
}
