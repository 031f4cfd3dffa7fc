/* SPDX-License-Identifier: MIT
 *
 * key.c: finds it, and asks it.
 */
#include "pkcs11/key.h"

#include "pkcs11/rv.h"
#include "pkcs11/wrap_format.h"

#include <string.h>

CK_RV ee_p11_key_attribute(void *out, size_t *n, CK_FUNCTION_LIST *f,
                           CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                           CK_ATTRIBUTE_TYPE type)
{
    CK_ATTRIBUTE a = {type, out, *n};
    CK_RV rv = f->C_GetAttributeValue(session, key, &a, 1);

    if (rv == CKR_OK && a.ulValueLen > *n) {
        rv = CKR_BUFFER_TOO_SMALL;
    }
    *n = rv == CKR_OK ? a.ulValueLen : 0;
    return rv == CKR_ATTRIBUTE_TYPE_INVALID ? CKR_OK : rv;
}

/* ---- finding ---- */

/* A module may give fewer than it is asked for, and has no more only when it
 * gives none. */
static CK_RV take_two(CK_OBJECT_HANDLE *handle, size_t *count,
                      CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session)
{
    CK_RV rv = CKR_OK;
    CK_ULONG n = 1;

    while (rv == CKR_OK && n > 0 && *count < 2) {
        CK_OBJECT_HANDLE found[2] = {CK_INVALID_HANDLE, CK_INVALID_HANDLE};

        n = 0;
        rv = f->C_FindObjects(session, found, 2, &n);
        if (rv == CKR_OK && n > 0) {
            *handle = found[0];
            *count += n > 2 ? 2 : n;
        }
    }
    return rv;
}

/* Adds the objects of a class that match. */
static int search(CK_OBJECT_HANDLE *handle, size_t *count, P11KitUri *uri,
                  CK_OBJECT_CLASS class, const struct ee_p11_token *token,
                  CK_SESSION_HANDLE session, struct ee_error *err)
{
    CK_FUNCTION_LIST *f = token->f;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE match[4] = {{CKA_CLASS, &class, sizeof class},
                             {CKA_TOKEN, &yes, sizeof yes}};
    CK_ULONG n = 2;
    CK_RV rv = CKR_OK;

    for (size_t i = 0; i < 2; i++) {
        const CK_ATTRIBUTE_TYPE types[] = {CKA_LABEL, CKA_ID};
        const CK_ATTRIBUTE *a = p11_kit_uri_get_attribute(uri, types[i]);

        if (a != NULL) {
            match[n++] = *a;
        }
    }
    rv = f->C_FindObjectsInit(session, match, n);
    if (rv == CKR_OK) {
        rv = take_two(handle, count, f, session);
        (void)f->C_FindObjectsFinal(session);
    }
    return rv == CKR_OK ? EE_OK : ee_p11_fail(err, rv, "look for the key");
}

int ee_p11_key_search(CK_OBJECT_HANDLE *handle, size_t *count, P11KitUri *uri,
                      const struct ee_p11_token *token,
                      CK_SESSION_HANDLE session, struct ee_p11_job *job,
                      struct ee_error *err)
{
    static const CK_OBJECT_CLASS classes[] = {CKO_SECRET_KEY, CKO_PRIVATE_KEY};
    const struct ee_bytes type = ee_p11_uri_attribute(uri, CKA_CLASS);
    int rc = EE_OK;

    *count = 0;
    for (size_t i = 0; i < 2 && rc == EE_OK && *count < 2; i++) {
        if (type.n == sizeof classes[i] &&
            memcmp(type.p, &classes[i], type.n) != 0) { /* lint: memcmp */
            continue;                                   /* on public bytes */
        }
        rc = ee_p11_turn(job, err);
        if (rc == EE_OK) {
            rc = search(handle, count, uri, classes[i], token, session, err);
        }
    }
    return rc;
}

static int find_one(CK_OBJECT_HANDLE *handle, P11KitUri *uri,
                    const struct ee_p11_token *token, CK_SESSION_HANDLE session,
                    struct ee_p11_job *job, struct ee_error *err)
{
    size_t count = 0;
    int rc = ee_p11_key_search(handle, &count, uri, token, session, job, err);

    if (rc == EE_OK && count == 0) {
        rc = ee_fail(err, EE_KEY_UNKNOWN,
                     "token %s has no key that matches the pkcs11: URI: "
                     "p11tool --login --list-all shows what it has",
                     token->name);
    } else if (rc == EE_OK && count > 1) {
        rc = ee_fail(err, EE_CONFIG,
                     "several keys of token %s match the pkcs11: URI: add "
                     "id=%%XX (CKA_ID), object=LABEL or type=secret-key",
                     token->name);
    }
    return rc;
}

/* ---- asking ---- */

/* What the module answered about a key. The first answer that is a failure
 * stays, and is judged at the end: a key of which only half is known is not
 * used. */
struct asked {
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_RV rv;
};

/* Of at most size bytes; returns how many, 0 when the key does not have it. */
static size_t ask(struct asked *a, void *out, size_t size,
                  CK_ATTRIBUTE_TYPE type)
{
    size_t n = size;

    if (a->rv != CKR_OK) {
        return 0;
    }
    a->rv = ee_p11_key_attribute(out, &n, a->f, a->session, a->key, type);
    return n;
}

static CK_ULONG number(struct asked *a, CK_ATTRIBUTE_TYPE type)
{
    CK_ULONG v = 0;

    return ask(a, &v, sizeof v, type) == sizeof v ? v
                                                  : CK_UNAVAILABLE_INFORMATION;
}

/* What a key does not have is taken for the worse. */
static bool says(struct asked *a, CK_ATTRIBUTE_TYPE type, bool if_unsaid)
{
    CK_BBOOL v = CK_FALSE;

    return ask(a, &v, sizeof v, type) == sizeof v ? v == CK_TRUE : if_unsaid;
}

static void ask_uses(struct asked *a, struct ee_p11_key *k)
{
    k->may = (says(a, CKA_ENCRYPT, false) ? EE_P11_MAY_ENCRYPT : 0) |
             (says(a, CKA_DECRYPT, false) ? EE_P11_MAY_DECRYPT : 0) |
             (says(a, CKA_WRAP, false) ? EE_P11_MAY_WRAP : 0) |
             (says(a, CKA_UNWRAP, false) ? EE_P11_MAY_UNWRAP : 0);
    /* anybody may make an object that is not private, without a PIN */
    k->protected = says(a, CKA_SENSITIVE, false) &&
                   !says(a, CKA_EXTRACTABLE, true) &&
                   says(a, CKA_PRIVATE, false);
}

/* Of the modulus, without zeros in front. */
static size_t modulus_bytes(struct asked *a)
{
    uint8_t modulus[EE_P11_RSA_BYTES_MAX + 8];
    const size_t n = ask(a, modulus, sizeof modulus, CKA_MODULUS);
    size_t zeros = 0;

    while (zeros < n && modulus[zeros] == 0) {
        zeros++;
    }
    return n - zeros;
}

static bool ask_kind(struct asked *a, struct ee_p11_key *k)
{
    k->type = number(a, CKA_KEY_TYPE);
    if (k->type == CKK_AES) {
        k->bytes = number(a, CKA_VALUE_LEN);
        return k->bytes == EE_KEY_BYTES;
    }
    if (k->type == CKK_RSA) {
        k->bytes = modulus_bytes(a);
        return k->bytes >= EE_P11_RSA_BYTES_MIN &&
               k->bytes <= EE_P11_RSA_BYTES_MAX;
    }
    return false;
}

static int check_kind(struct asked *a, struct ee_p11_key *k,
                      const struct ee_p11_token *token, struct ee_error *err)
{
    const bool right = ask_kind(a, k);

    if (a->rv != CKR_OK && a->rv != CKR_BUFFER_TOO_SMALL) {
        return ee_p11_fail(err, a->rv, "say what kind of key it has");
    }
    return right ? EE_OK
                 : ee_fail(err, EE_CONFIG,
                           "the key on token %s is neither AES of 256 bits nor "
                           "RSA of 2048 to 8192 bits: name another one",
                           token->name);
}

/* A wrap holds it, and is not opened by a key with another one. */
static int read_id(struct asked *a, struct ee_p11_key *k,
                   const struct ee_p11_token *token, struct ee_error *err)
{
    k->id_n = (uint8_t)ask(a, k->id, sizeof k->id, CKA_ID);
    if (a->rv == CKR_BUFFER_TOO_SMALL) {
        return ee_fail(err, EE_CONFIG,
                       "the key on token %s has a CKA_ID of more than %d "
                       "bytes: give it a shorter one before anything is "
                       "sealed, or name another key",
                       token->name, EE_P11_ID_MAX);
    }
    return a->rv == CKR_OK ? EE_OK
                           : ee_p11_fail(err, a->rv, "say the key's CKA_ID");
}

static int read_key(struct asked *a, struct ee_p11_key *k,
                    const struct ee_p11_token *token, struct ee_error *err)
{
    bool each_time = false;
    int rc = check_kind(a, k, token, err);

    if (rc != EE_OK) {
        return rc;
    }
    ask_uses(a, k);
    each_time = says(a, CKA_ALWAYS_AUTHENTICATE, false);
    if (a->rv != CKR_OK) {
        return ee_p11_fail(err, a->rv, "say what the key may do");
    }
    if (each_time) {
        return ee_fail(err, EE_CONFIG,
                       "the key on token %s wants the PIN at each use "
                       "(CKA_ALWAYS_AUTHENTICATE), which is not done here: "
                       "name another one",
                       token->name);
    }
    return read_id(a, k, token, err);
}

int ee_p11_key_find(struct ee_p11_key *out, P11KitUri *uri,
                    const struct ee_p11_token *token, CK_SESSION_HANDLE session,
                    struct ee_p11_job *job, struct ee_error *err)
{
    struct asked a = {.f = token->f, .session = session, .rv = CKR_OK};
    int rc = EE_OK;

    memset(out, 0, sizeof *out);
    rc = find_one(&out->handle, uri, token, session, job, err);
    if (rc != EE_OK) {
        return rc;
    }
    a.key = out->handle;
    return read_key(&a, out, token, err);
}
