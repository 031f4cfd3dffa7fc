/* SPDX-License-Identifier: MIT
 *
 * kw.c: AES key wrap (RFC 3394), CKM_AES_KEY_WRAP. Few modules encrypt bytes
 * with it, all wrap keys: so the local key becomes an object of the session,
 * for as long as that takes. CKM_AES_KEY_WRAP_PAD is never used: modules do two
 * different things by that name.
 */
#include "pkcs11/mechanism.h"

#include "pkcs11/rv.h"

#include <string.h>

static CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
static CK_KEY_TYPE aes = CKK_AES;
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

static CK_MECHANISM mechanism(void)
{
    return (CK_MECHANISM){CKM_AES_KEY_WRAP, NULL, 0};
}

int ee_p11_kw_wrap(struct ee_p11_work *w, uint8_t *carried,
                   struct ee_p11_local *local, struct ee_error *err)
{
    CK_ATTRIBUTE object[] = {{CKA_CLASS, &secret_key, sizeof secret_key},
                             {CKA_KEY_TYPE, &aes, sizeof aes},
                             {CKA_TOKEN, &no, sizeof no},
                             {CKA_EXTRACTABLE, &yes, sizeof yes},
                             {CKA_VALUE, local->key, sizeof local->key}};
    CK_MECHANISM m = mechanism();
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    uint8_t out[2 * EE_P11_KW_BYTES];
    CK_ULONG n = sizeof out;
    CK_RV rv = w->f->C_CreateObject(w->session, object,
                                    sizeof object / sizeof *object, &handle);

    if (rv != CKR_OK) {
        return ee_p11_work_fail(w, rv, "take a key to wrap", err);
    }
    rv = w->f->C_WrapKey(w->session, &m, w->cmk->key.handle, handle, out, &n);
    (void)w->f->C_DestroyObject(w->session, handle);
    if (rv != CKR_OK) {
        return ee_p11_work_fail(w, rv, "wrap by AES key wrap", err);
    }
    if (n != EE_P11_KW_BYTES) {
        return ee_fail(err, EE_UNAVAILABLE,
                       "the PKCS#11 module made %lu bytes by AES key wrap, "
                       "and %d are right: set ENVELOPE_PKCS11_MECHANISMS to "
                       "another mechanism",
                       n, EE_P11_KW_BYTES);
    }
    memcpy(carried, out, n);
    return EE_OK;
}

int ee_p11_kw_unwrap(struct ee_p11_work *w, struct ee_p11_local *local,
                     struct ee_bytes carried, struct ee_error *err)
{
    CK_ATTRIBUTE object[] = {{CKA_CLASS, &secret_key, sizeof secret_key},
                             {CKA_KEY_TYPE, &aes, sizeof aes},
                             {CKA_TOKEN, &no, sizeof no},
                             {CKA_SENSITIVE, &no, sizeof no},
                             {CKA_EXTRACTABLE, &yes, sizeof yes}};
    CK_MECHANISM m = mechanism();
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    size_t n = sizeof local->key;
    CK_RV rv = w->f->C_UnwrapKey(w->session, &m, w->cmk->key.handle,
                                 (uint8_t *)carried.p, carried.n, object,
                                 sizeof object / sizeof *object, &handle);

    if (rv == CKR_MECHANISM_INVALID || rv == CKR_KEY_FUNCTION_NOT_PERMITTED ||
        rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_ATTRIBUTE_READ_ONLY) {
        return ee_p11_work_fail(w, rv, "unwrap by AES key wrap", err);
    }
    if (rv != CKR_OK) {
        return ee_p11_not_opened(w, rv, err);
    }
    rv = ee_p11_key_attribute(local->key, &n, w->f, w->session, handle,
                              CKA_VALUE);
    (void)w->f->C_DestroyObject(w->session, handle);
    if (rv != CKR_OK && rv != CKR_BUFFER_TOO_SMALL) {
        return ee_p11_work_fail(w, rv, "tell what it unwrapped", err);
    }
    return n == sizeof local->key ? EE_OK : ee_fail_auth(err, "a wrap");
}
