/* SPDX-License-Identifier: MIT
 *
 * create.c: C_GenerateKey with the template of PKCS11.md section 5.
 */
#include "pkcs11/create.h"

#include "pkcs11/rv.h"
#include "pkcs11/session.h"

#include <string.h>

#define NEW_ID_BYTES 8 /* where the URI names the key by its label alone */

/* AES-GCM, or else key wrap: a key gets the rights of one of them. */
static int choose_gcm(CK_BBOOL *gcm, const struct ee_p11_token *token,
                      const struct ee_p11_settings *settings,
                      struct ee_error *err)
{
    const CK_FLAGS both = CKF_ENCRYPT | CKF_DECRYPT;
    CK_MECHANISM_INFO info = {.flags = 0};
    CK_RV rv = CKR_MECHANISM_INVALID;

    if ((settings->mechanisms & 1U << EE_P11_AES_GCM) != 0) {
        rv = token->f->C_GetMechanismInfo(token->slot, CKM_AES_GCM, &info);
    }
    *gcm = rv == CKR_OK && (info.flags & both) == both;
    return rv == CKR_OK || rv == CKR_MECHANISM_INVALID
               ? EE_OK
               : ee_p11_fail(err, rv, "say whether it has AES-GCM");
}

static CK_RV generate(CK_OBJECT_HANDLE *handle,
                      const struct ee_p11_token *token,
                      CK_SESSION_HANDLE session, struct ee_bytes label,
                      struct ee_bytes id, CK_BBOOL gcm)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_ULONG bytes = EE_KEY_BYTES;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_BBOOL wrap = !gcm;
    CK_ATTRIBUTE key[] = {{CKA_CLASS, &class, sizeof class},
                          {CKA_KEY_TYPE, &type, sizeof type},
                          {CKA_VALUE_LEN, &bytes, sizeof bytes},
                          {CKA_LABEL, (uint8_t *)label.p, label.n},
                          {CKA_ID, (uint8_t *)id.p, id.n},
                          {CKA_TOKEN, &yes, sizeof yes},
                          {CKA_PRIVATE, &yes, sizeof yes},
                          {CKA_SENSITIVE, &yes, sizeof yes},
                          {CKA_EXTRACTABLE, &no, sizeof no},
                          {CKA_MODIFIABLE, &no, sizeof no},
                          {CKA_ENCRYPT, &gcm, sizeof gcm},
                          {CKA_DECRYPT, &gcm, sizeof gcm},
                          {CKA_WRAP, &wrap, sizeof wrap},
                          {CKA_UNWRAP, &wrap, sizeof wrap},
                          {CKA_SIGN, &no, sizeof no},
                          {CKA_VERIFY, &no, sizeof no},
                          {CKA_DERIVE, &no, sizeof no}};
    CK_MECHANISM m = {CKM_AES_KEY_GEN, NULL, 0};

    return token->f->C_GenerateKey(session, &m, key, sizeof key / sizeof *key,
                                   handle);
}

/* The token is logged in to, and has no such key. */
static int make(CK_OBJECT_HANDLE *handle, P11KitUri *uri,
                const struct ee_p11_token *token, CK_SESSION_HANDLE session,
                struct ee_p11_job *job, struct ee_error *err)
{
    struct ee_bytes label = ee_p11_uri_attribute(uri, CKA_LABEL);
    struct ee_bytes id = ee_p11_uri_attribute(uri, CKA_ID);
    uint8_t new_id[NEW_ID_BYTES];
    CK_BBOOL gcm = CK_FALSE;
    CK_RV rv = CKR_OK;
    int rc = choose_gcm(&gcm, token, &job->settings, err);

    if (rc == EE_OK && id.n == 0) {
        rc = ee_p11_random(job, new_id, sizeof new_id, err);
        id = ee_bytes(new_id, sizeof new_id);
    }
    if (rc == EE_OK) {
        rc = ee_p11_turn(job, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    rv = generate(handle, token, session, label, id, gcm);
    if (rv == CKR_FUNCTION_NOT_SUPPORTED || rv == CKR_MECHANISM_INVALID) {
        return ee_fail(err, EE_CONFIG,
                       "token %s makes no AES keys by PKCS#11: make the key "
                       "with the token's own tool, and then use it",
                       token->name);
    }
    return rv == CKR_OK ? EE_OK : ee_p11_fail(err, rv, "make the key");
}

static int check_new(P11KitUri *uri, const struct ee_p11_token *token,
                     CK_SESSION_HANDLE session, struct ee_p11_job *job,
                     struct ee_error *err)
{
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    size_t count = 0;
    int rc = ee_p11_key_search(&handle, &count, uri, token, session, job, err);

    return rc != EE_OK || count == 0
               ? rc
               : ee_fail(err, EE_CONFIG,
                         "token %s has this key already: use it, or give the "
                         "new one another name",
                         token->name);
}

/* Another process may have looked when this one did, and made its key, too.
 * Whoever sees two takes back his own: so the last to look does, and there are
 * never two that stay. */
static int check_alone(P11KitUri *uri, const struct ee_p11_token *token,
                       CK_SESSION_HANDLE session, struct ee_p11_job *job,
                       struct ee_error *err)
{
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    size_t count = 0;
    int rc = ee_p11_key_search(&handle, &count, uri, token, session, job, err);

    return rc != EE_OK || count < 2
               ? rc
               : ee_fail(err, EE_UNAVAILABLE,
                         "another process made a key of this name on token %s "
                         "at the same time, and this one was taken back: use "
                         "the other's, or try again if there is none",
                         token->name);
}

/* Lock held: no other thread of this process looks or makes meanwhile. A key
 * that nobody is told of does not stay. */
static int make_new(P11KitUri *uri, const struct ee_p11_token *token,
                    CK_SESSION_HANDLE session, struct ee_p11_job *job,
                    struct ee_error *err)
{
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    CK_RV rv = CKR_OK;
    int rc = check_new(uri, token, session, job, err);

    if (rc == EE_OK) {
        rc = make(&handle, uri, token, session, job, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    rc = check_alone(uri, token, session, job, err);
    if (rc != EE_OK) {
        rv = token->f->C_DestroyObject(session, handle);
    }
    return rv == CKR_OK
               ? rc
               : ee_fail(err, EE_UNAVAILABLE,
                         "a key was made on token %s that may not be the only "
                         "one of its name, and that cannot be taken back: "
                         "p11tool --login --list-all shows them; delete one",
                         token->name);
}

static int check_type(P11KitUri *uri, struct ee_error *err)
{
    static const CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
    const struct ee_bytes type = ee_p11_uri_attribute(uri, CKA_CLASS);

    if (type.n == sizeof secret &&
        memcmp(type.p, &secret, type.n) != 0) { /* lint: memcmp */
        return ee_fail(err, EE_CONFIG,
                       "only AES keys are made here: leave type=private out, "
                       "or make the RSA pair with the token's own tool");
    }
    return EE_OK;
}

int ee_p11_create(const char *uri, struct ee_p11_job *job, struct ee_error *err)
{
    struct ee_p11_token token;
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    P11KitUri *parsed = NULL;
    int rc = ee_p11_uri_parse(&parsed, uri, err);

    if (rc == EE_OK) {
        rc = check_type(parsed, err);
    }
    if (rc == EE_OK) {
        rc = ee_p11_session_open(&token, &session, parsed, CKF_RW_SESSION, job,
                                 err);
        if (rc == EE_OK) {
            rc = ee_p11_lock(job, err);
            if (rc == EE_OK) {
                rc = make_new(parsed, &token, session, job, err);
                ee_p11_unlock();
            }
            (void)token.f->C_CloseSession(session);
        }
    }
    p11_kit_uri_free(parsed);
    return rc;
}
