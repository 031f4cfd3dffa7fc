/* SPDX-License-Identifier: MIT
 *
 * pbes2.h: opens a PKCS#8 key that is encrypted under a passphrase: PBES2
 * with PBKDF2 and AES-CBC (RFC 8018), which openssl writes.
 */
#ifndef EE_CRYPTO_PBES2_H
#define EE_CRYPTO_PBES2_H

#include "base/bytes.h"

#include <stdbool.h>

/* More would let a file stall its reader for many seconds. */
#define EE_PBES2_ITERATIONS_MAX 10000000

struct ee_pbes2 {
    const char *cipher; /* OpenSSL's names; NULL: one that is not supported, */
    const char *digest; /* or a KDF that is not */
    size_t key_bytes;
    uint64_t iterations;
    struct ee_bytes salt;
    struct ee_bytes iv;
    struct ee_bytes data;
};

/* Reads an EncryptedPrivateKeyInfo; false when der is none. Borrows. */
bool ee_pbes2_parse(struct ee_pbes2 *out, struct ee_bytes der);

/* out: p->data.n bytes, may be where p->data lies; secret. *n: those of the
 * key. 0; 1 when the passphrase is wrong, most likely, or -1 when OpenSSL is
 * out of memory. out is wiped unless 0. */
int ee_pbes2_open(uint8_t *out, size_t *n, const struct ee_pbes2 *p,
                  struct ee_bytes passphrase);

#endif
