/* SPDX-License-Identifier: MIT
 *
 * key.h: the one key on a token that a URI means, and what may be done with
 * it.
 */
#ifndef EE_PKCS11_KEY_H
#define EE_PKCS11_KEY_H

#include "pkcs11/token.h"

#include <stdbool.h>

enum ee_p11_may {
    EE_P11_MAY_ENCRYPT = 1,
    EE_P11_MAY_DECRYPT = 2,
    EE_P11_MAY_WRAP = 4,
    EE_P11_MAY_UNWRAP = 8
};

struct ee_p11_key {
    CK_OBJECT_HANDLE handle;
    CK_KEY_TYPE type; /* CKK_AES, of 32 bytes, or CKK_RSA, the private key */
    CK_ULONG bytes;   /* of the key, or of the modulus */
    unsigned may;     /* enum ee_p11_may */
    bool protected;   /* its value cannot leave the token, nor be planted */
    uint8_t id_n;
    uint8_t id[EE_P11_ID_MAX]; /* CKA_ID */
};

/* May it neither decrypt nor unwrap? Tokens keep no other state of keys. */
static inline bool ee_p11_key_is_disabled(const struct ee_p11_key *k)
{
    return (k->may & (EE_P11_MAY_DECRYPT | EE_P11_MAY_UNWRAP)) == 0;
}

/* How many keys match: 0, 1, or 2 for more. *handle is that of one of them. */
int ee_p11_key_search(CK_OBJECT_HANDLE *handle, size_t *count, P11KitUri *uri,
                      const struct ee_p11_token *token,
                      CK_SESSION_HANDLE session, struct ee_p11_job *job,
                      struct ee_error *err) EE_CHECKED;

/* EE_KEY_UNKNOWN: no such key. EE_CONFIG: several, or of another kind. What the
 * module fails to tell of it is an error, and never taken for something that
 * the key does not have. */
int ee_p11_key_find(struct ee_p11_key *out, P11KitUri *uri,
                    const struct ee_p11_token *token, CK_SESSION_HANDLE session,
                    struct ee_p11_job *job, struct ee_error *err) EE_CHECKED;

/* Reads an attribute of at most *n bytes. CKR_OK and 0 bytes: the key does not
 * have it. CKR_BUFFER_TOO_SMALL: it is longer. After a failure *n is 0. */
CK_RV ee_p11_key_attribute(void *out, size_t *n, CK_FUNCTION_LIST *f,
                           CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                           CK_ATTRIBUTE_TYPE type) EE_CHECKED;

#endif
