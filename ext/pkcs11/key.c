/* SPDX-License-Identifier: MIT
 *
 * key.c: finds it, and asks it.
 */
#include "pkcs11/key.h"

#include "pkcs11/rv.h"
#include "pkcs11/wrap_format.h"

#include <string.h>

void ee_p11_key_attribute(void *out, size_t *n, CK_FUNCTION_LIST *f,
                          CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                          CK_ATTRIBUTE_TYPE type)
{
    CK_ATTRIBUTE a = {type, out, *n};
    CK_RV rv = f->C_GetAttributeValue(session, key, &a, 1);

    *n = rv == CKR_OK && a.ulValueLen <= *n ? a.ulValueLen : 0;
}

/* ---- finding ---- */

/* Counts the objects of a class that match: 0, 1, or 2 for more. */
static int search(CK_OBJECT_HANDLE *handle, CK_ULONG *count, P11KitUri *uri,
                  CK_OBJECT_CLASS class, const struct ee_p11_token *token,
                  CK_SESSION_HANDLE session, struct ee_error *err)
{
    CK_FUNCTION_LIST *f = token->f;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE match[4] = {{CKA_CLASS, &class, sizeof class},
                             {CKA_TOKEN, &yes, sizeof yes}};
    CK_ULONG n = 2;
    CK_OBJECT_HANDLE found[2];
    CK_RV rv = CKR_OK;

    *count = 0;
    for (size_t i = 0; i < 2; i++) {
        const CK_ATTRIBUTE_TYPE types[] = {CKA_LABEL, CKA_ID};
        const CK_ATTRIBUTE *a = p11_kit_uri_get_attribute(uri, types[i]);

        if (a != NULL) {
            match[n++] = *a;
        }
    }
    rv = f->C_FindObjectsInit(session, match, n);
    if (rv == CKR_OK) {
        rv = f->C_FindObjects(session, found, 2, count);
        (void)f->C_FindObjectsFinal(session);
    }
    if (rv != CKR_OK) {
        return ee_p11_fail(err, rv, "look for the key");
    }
    if (*count > 0) {
        *handle = found[0];
    }
    return EE_OK;
}

static int find_one(CK_OBJECT_HANDLE *handle, P11KitUri *uri,
                    const struct ee_p11_token *token, CK_SESSION_HANDLE session,
                    struct ee_p11_job *job, struct ee_error *err)
{
    static const CK_OBJECT_CLASS classes[] = {CKO_SECRET_KEY, CKO_PRIVATE_KEY};
    const struct ee_bytes type = ee_p11_uri_attribute(uri, CKA_CLASS);
    CK_ULONG total = 0;
    int rc = EE_OK;

    for (size_t i = 0; i < 2 && rc == EE_OK; i++) {
        CK_ULONG count = 0;

        if (type.n == sizeof classes[i] &&
            memcmp(type.p, &classes[i], type.n) != 0) { /* lint: memcmp */
            continue;                                   /* on public bytes */
        }
        rc = ee_p11_turn(job, err);
        if (rc == EE_OK) {
            rc = search(handle, &count, uri, classes[i], token, session, err);
        }
        total += count;
    }
    if (rc == EE_OK && total == 0) {
        rc = ee_fail(err, EE_KEY_UNKNOWN,
                     "token %s has no key that matches the pkcs11: URI: "
                     "p11tool --login --list-all shows what it has",
                     token->name);
    } else if (rc == EE_OK && total > 1) {
        rc = ee_fail(err, EE_CONFIG,
                     "several keys of token %s match the pkcs11: URI: add "
                     "id=%%XX (CKA_ID), object=LABEL or type=secret-key",
                     token->name);
    }
    return rc;
}

/* ---- asking ---- */

static CK_ULONG number(const struct ee_p11_key *k, CK_FUNCTION_LIST *f,
                       CK_SESSION_HANDLE session, CK_ATTRIBUTE_TYPE type)
{
    CK_ULONG v = 0;
    size_t n = sizeof v;

    ee_p11_key_attribute(&v, &n, f, session, k->handle, type);
    return n == sizeof v ? v : CK_UNAVAILABLE_INFORMATION;
}

/* What a key does not say is taken for the worse. */
static bool says(const struct ee_p11_key *k, CK_FUNCTION_LIST *f,
                 CK_SESSION_HANDLE session, CK_ATTRIBUTE_TYPE type,
                 bool if_unsaid)
{
    CK_BBOOL v = CK_FALSE;
    size_t n = sizeof v;

    ee_p11_key_attribute(&v, &n, f, session, k->handle, type);
    return n == sizeof v ? v == CK_TRUE : if_unsaid;
}

static void ask_uses(struct ee_p11_key *k, CK_FUNCTION_LIST *f,
                     CK_SESSION_HANDLE session)
{
    k->may =
        (says(k, f, session, CKA_ENCRYPT, false) ? EE_P11_MAY_ENCRYPT : 0) |
        (says(k, f, session, CKA_DECRYPT, false) ? EE_P11_MAY_DECRYPT : 0) |
        (says(k, f, session, CKA_WRAP, false) ? EE_P11_MAY_WRAP : 0) |
        (says(k, f, session, CKA_UNWRAP, false) ? EE_P11_MAY_UNWRAP : 0);
    /* anybody may make an object that is not private, without a PIN */
    k->protected = says(k, f, session, CKA_SENSITIVE, false) &&
                   !says(k, f, session, CKA_EXTRACTABLE, true) &&
                   says(k, f, session, CKA_PRIVATE, false);
}

/* Of the modulus, without zeros in front. */
static size_t modulus_bytes(const struct ee_p11_key *k, CK_FUNCTION_LIST *f,
                            CK_SESSION_HANDLE session)
{
    uint8_t modulus[EE_P11_RSA_BYTES_MAX + 8];
    size_t n = sizeof modulus;
    size_t zeros = 0;

    ee_p11_key_attribute(modulus, &n, f, session, k->handle, CKA_MODULUS);
    while (zeros < n && modulus[zeros] == 0) {
        zeros++;
    }
    return n - zeros;
}

static int ask_kind(struct ee_p11_key *k, const struct ee_p11_token *token,
                    CK_SESSION_HANDLE session, struct ee_error *err)
{
    k->type = number(k, token->f, session, CKA_KEY_TYPE);
    if (k->type == CKK_AES) {
        k->bytes = number(k, token->f, session, CKA_VALUE_LEN);
        if (k->bytes == EE_KEY_BYTES) {
            return EE_OK;
        }
    } else if (k->type == CKK_RSA) {
        k->bytes = modulus_bytes(k, token->f, session);
        if (k->bytes >= EE_P11_RSA_BYTES_MIN &&
            k->bytes <= EE_P11_RSA_BYTES_MAX) {
            return EE_OK;
        }
    }
    return ee_fail(err, EE_CONFIG,
                   "the key on token %s is neither AES of 256 bits nor RSA of "
                   "2048 to 8192 bits: name another one",
                   token->name);
}

int ee_p11_key_find(struct ee_p11_key *out, P11KitUri *uri,
                    const struct ee_p11_token *token, CK_SESSION_HANDLE session,
                    struct ee_p11_job *job, struct ee_error *err)
{
    size_t id_n = sizeof out->id;
    int rc = EE_OK;

    memset(out, 0, sizeof *out);
    rc = find_one(&out->handle, uri, token, session, job, err);
    if (rc == EE_OK) {
        rc = ask_kind(out, token, session, err);
    }
    if (rc == EE_OK &&
        says(out, token->f, session, CKA_ALWAYS_AUTHENTICATE, false)) {
        rc = ee_fail(err, EE_CONFIG,
                     "the key on token %s wants the PIN at each use "
                     "(CKA_ALWAYS_AUTHENTICATE), which is not done here: name "
                     "another one",
                     token->name);
    }
    if (rc != EE_OK) {
        return rc;
    }
    ask_uses(out, token->f, session);
    ee_p11_key_attribute(out->id, &id_n, token->f, session, out->handle,
                         CKA_ID);
    out->id_n = (uint8_t)id_n;
    return EE_OK;
}
