/* SPDX-License-Identifier: MIT
 *
 * operations.c: each one in a session of its own, and once more when that was
 * lost.
 */
#include "pkcs11/operations.h"

#include "pkcs11/create.h"
#include "pkcs11/wrap.h"

#include <p11-kit/p11-kit.h>
#include <stdio.h>

typedef int operation(struct ee_p11_work *w, struct ee_error *err);

static struct ee_p11_cmk *cmk_of(struct ee_p11_worker *w)
{
    return &((struct envelope_cmk *)w)->cmk;
}

/* A lost session, or a key that was made anew, is worth one more try. */
static int twice(struct ee_p11_worker *worker, operation *op,
                 struct ee_error *err)
{
    struct ee_p11_cmk *cmk = cmk_of(worker);
    struct ee_p11_work w;
    int rc = EE_OK;

    for (int i = 0; i < 2; i++) {
        rc = ee_p11_work_begin(&w, cmk, &worker->job, err);
        if (rc == EE_OK) {
            rc = op(&w, err);
        }
        ee_p11_work_end(&w);
        if (rc == EE_OK || !w.lost) {
            break;
        }
    }
    if (rc == EE_KEY_STATE) {
        ee_p11_disconnect(cmk); /* look again, next time */
    }
    return rc;
}

/* ---- one try ---- */

static struct ee_bytes context_of(const struct ee_p11_job *job)
{
    return ee_bytes(job->context, job->context_n);
}

static int wrap(struct ee_p11_work *w, struct ee_error *err)
{
    struct ee_p11_job *job = w->job;

    return ee_p11_wrap(w, job->wrapped, &job->wrapped_n, job->payload,
                       context_of(job), err);
}

static int unwrap(struct ee_p11_work *w, struct ee_error *err)
{
    struct ee_p11_job *job = w->job;

    return ee_p11_unwrap(w, job->payload,
                         ee_bytes(job->wrapped, job->wrapped_n),
                         context_of(job), err);
}

/* A token keeps no states. What says that a key is not to be used is that it
 * may not decrypt, or is not there. */
static int state(struct ee_p11_work *w, struct ee_error *err)
{
    const struct ee_p11_token token = {.f = w->f, .slot = w->cmk->slot};
    struct ee_p11_key key;
    P11KitUri *uri = NULL;
    int rc = ee_p11_uri_parse(&uri, w->cmk->uri, err);

    if (rc == EE_OK) {
        rc = ee_p11_key_find(&key, uri, &token, w->session, w->job, err);
    }
    p11_kit_uri_free(uri);
    if (rc == EE_KEY_UNKNOWN) {
        w->job->state = ENVELOPE_CMK_DESTROYED;
        return EE_OK;
    }
    if (rc == EE_OK) {
        w->job->state = ee_p11_key_is_disabled(&key) ? ENVELOPE_CMK_DISABLED
                                                     : ENVELOPE_CMK_ENABLED;
    }
    return rc;
}

static int describe(struct ee_p11_work *w, struct ee_error *err)
{
    const struct ee_p11_key *key = &w->cmk->key;
    const bool aes = key->type == CKK_AES;
    const int m = ee_p11_wrap_mechanism(w);
    CK_TOKEN_INFO token;
    CK_INFO info;

    if (w->f->C_GetInfo(&info) != CKR_OK ||
        w->f->C_GetTokenInfo(w->cmk->slot, &token) != CKR_OK) {
        return ee_fail(err, EE_UNAVAILABLE,
                       "the PKCS#11 module does not describe its token");
    }
    (void)snprintf(w->job->line, sizeof w->job->line,
                   "PKCS#11 %.*s %u.%u, token %.*s, %s of %lu bits%s, %s",
                   (int)p11_kit_space_strlen(info.libraryDescription,
                                             sizeof info.libraryDescription),
                   (const char *)info.libraryDescription,
                   info.libraryVersion.major, info.libraryVersion.minor,
                   (int)p11_kit_space_strlen(token.label, sizeof token.label),
                   (const char *)token.label, aes ? "AES" : "RSA",
                   key->bytes * 8,
                   key->protected ? "" : " that is not protected",
                   m == 0 ? "no mechanism to wrap" : ee_p11_mechanism_name(m));
    return EE_OK;
}

/* ---- on the worker's thread ---- */

int ee_p11_do_open(struct ee_p11_worker *w, struct ee_error *err)
{
    return ee_p11_connect(cmk_of(w), &w->job, err);
}

int ee_p11_do_create(struct ee_p11_worker *w, struct ee_error *err)
{
    return ee_p11_create(cmk_of(w)->uri, &w->job, err);
}

int ee_p11_do_wrap(struct ee_p11_worker *w, struct ee_error *err)
{
    return twice(w, wrap, err);
}

int ee_p11_do_unwrap(struct ee_p11_worker *w, struct ee_error *err)
{
    return twice(w, unwrap, err);
}

int ee_p11_do_state(struct ee_p11_worker *w, struct ee_error *err)
{
    return twice(w, state, err);
}

int ee_p11_do_describe(struct ee_p11_worker *w, struct ee_error *err)
{
    return twice(w, describe, err);
}

void ee_p11_do_close(struct ee_p11_worker *w)
{
    ee_p11_disconnect(cmk_of(w));
}
