/* SPDX-License-Identifier: MIT
 *
 * pem.h: the text around a key (RFC 7468): one block, base64 inside.
 *
 * Why not OpenSSL: see crypto/der.h.
 */
#ifndef EE_CRYPTO_PEM_H
#define EE_CRYPTO_PEM_H

#include "base/bytes.h"
#include "base/status.h"

#include <stdbool.h>

#define EE_PEM_MAX 65536 /* bytes of a PEM file, and of what is in it */

enum ee_pem_label {
    EE_PEM_PUBLIC = 1,  /* PUBLIC KEY: SubjectPublicKeyInfo, RFC 5280 */
    EE_PEM_RSA_PUBLIC,  /* RSA PUBLIC KEY: PKCS#1, RFC 8017 */
    EE_PEM_PRIVATE,     /* PRIVATE KEY: PKCS#8, RFC 5208 and 5958 */
    EE_PEM_RSA_PRIVATE, /* RSA PRIVATE KEY: PKCS#1 */
    EE_PEM_ENCRYPTED    /* ENCRYPTED PRIVATE KEY: PKCS#8 under PBES2 */
};

static inline bool ee_pem_is_private(int label)
{
    return label >= EE_PEM_PRIVATE;
}

/* Decodes the only block of text into der (EE_PEM_MAX bytes, secret, the
 * caller's to wipe). file names it in messages. EE_CONFIG when it is not one
 * block of a label above; text beside the block is ignored. */
int ee_pem_read(int *label, uint8_t *der, size_t *n, struct ee_bytes text,
                const char *file, struct ee_error *err) EE_CHECKED;

#endif
