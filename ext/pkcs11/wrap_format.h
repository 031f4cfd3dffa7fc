/* SPDX-License-Identifier: MIT
 *
 * wrap_format.h: the bytes of a wrap, PKCS11.md section 3. Structure only; no
 * token, no cryptography.
 */
#ifndef EE_PKCS11_WRAP_FORMAT_H
#define EE_PKCS11_WRAP_FORMAT_H

#include "base/bytes.h"
#include "envelope_provider.h"
#include "pkcs11/settings.h"
#include "pkcs11/uri.h"

#define EE_P11_WRAP_VERSION  1
#define EE_P11_HEAD_MAX      (3 + EE_P11_ID_MAX)
#define EE_P11_IV_BYTES      12
#define EE_P11_SEALED_BYTES  (ENVELOPE_PAYLOAD_BYTES + EE_TAG_BYTES)
#define EE_P11_KW_BYTES      (EE_KEY_BYTES + 8) /* RFC 3394 */
#define EE_P11_RSA_BYTES_MIN 256
#define EE_P11_RSA_BYTES_MAX 1024
#define EE_P11_WRAP_MAX                                                        \
    (EE_P11_HEAD_MAX + EE_P11_RSA_BYTES_MAX + EE_P11_SEALED_BYTES)
#define EE_P11_AAD_PREFIX "sqlite-envelope/v1/pkcs11" /* and its NUL */
#define EE_P11_AAD_MAX                                                         \
    (sizeof EE_P11_AAD_PREFIX + EE_P11_HEAD_MAX + ENVELOPE_CONTEXT_MAX)

struct ee_p11_wrap {
    int mechanism;           /* enum ee_p11_mechanism */
    struct ee_bytes head;    /* all before the body */
    struct ee_bytes id;      /* CKA_ID of the key; may be empty */
    struct ee_bytes iv;      /* AES-GCM only */
    struct ee_bytes carried; /* the others: the local key, as wrapped */
    struct ee_bytes sealed;  /* the payload and its tag */
};

/* False when it is not version 1 of a wrap, or has another length than its
 * mechanism gives. Borrows. On false *out is all zero. */
bool ee_p11_wrap_read(struct ee_p11_wrap *out, struct ee_bytes wrapped);

/* Writes what stands before the body (EE_P11_HEAD_MAX bytes at most) and
 * returns its length. id.n <= EE_P11_ID_MAX. */
size_t ee_p11_wrap_head(uint8_t *out, int mechanism, struct ee_bytes id);

/* Writes the associated data of a wrap (EE_P11_AAD_MAX bytes at most) and
 * returns its length; 0 when the context is too long. */
size_t ee_p11_wrap_aad(uint8_t *out, struct ee_bytes head,
                       struct ee_bytes context);

#endif
