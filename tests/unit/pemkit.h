/* SPDX-License-Identifier: MIT
 *
 * pemkit.h: keys, PEM files of every form in ring_dir, and opening them.
 */
#ifndef TESTS_UNIT_PEMKIT_H
#define TESTS_UNIT_PEMKIT_H

#include "provider/registry.h"

#include <openssl/evp.h>

#define PASSPHRASE "hunter 2" /* of encrypted files */

enum pk_form {
    PK_PUBLIC,
    PK_PUBLIC_PKCS1,
    PK_PRIVATE,
    PK_PRIVATE_PKCS1,
    PK_ENCRYPTED,
    PK_OLD /* encrypted as PEM was before PKCS#8 */
};

extern struct ee_error pk_err; /* of the last call */
extern EVP_PKEY *pk_rsa;       /* 3072 bits */
extern EVP_PKEY *pk_other_rsa; /* NULL after pk_setup() */
extern EVP_PKEY *pk_x25519;
extern EVP_PKEY *pk_other_x25519;

void pk_setup(void); /* ring_setup(), and the keys */
void pk_clear(void);

/* A key as PEM; the caller frees it. */
char *pk_text_of(EVP_PKEY *key, enum pk_form form);

/* Files in ring_dir; a key's mode is 0644 when public, else 0600. */
void pk_write_text(const char *name, const char *text, unsigned mode);
void pk_write_key(const char *name, EVP_PKEY *key, enum pk_form form);
/* rsa.pub, rsa1.pub (PKCS#1), rsa.pem, rsa1.pem, rsa.enc; x.pub, x.pem,
 * x.enc */
void pk_write_all(void);

/* "file#sha256-..." with OpenSSL's idea of the key's SHA-256. One buffer. */
const char *pk_pinned(const char *file, EVP_PKEY *key);

/* Sets ENVELOPE_PEM_PASSPHRASE, or nothing, as the only secret. */
void pk_passphrase(const char *text);

/* Opens pem:REST, relative to ring_dir. */
int pk_open_uri(struct ee_provider **p, const char *rest,
                struct ee_cmk_uri *uri);
int pk_open(struct ee_provider **p, const char *rest);

/* ok(): opening fails with this code and words, which hold no secret. */
void pk_refuses(const char *rest, int code, const char *says, const char *what);

/* ok(): what one file wraps another unwraps. */
void pk_passes(const char *from, const char *to, const char *what);

#endif
