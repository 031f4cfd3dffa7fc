/* SPDX-License-Identifier: MIT
 *
 * pem_file.h: brings the key of a PEM file into memory.
 */
#ifndef EE_PROVIDER_PEM_FILE_H
#define EE_PROVIDER_PEM_FILE_H

#include "base/secret_file.h"
#include "crypto/pubkey.h"

#define EE_PEM_SHOWN_MAX 160

struct ee_pem_file {
    const char *path;
    const char *shown; /* "…/app.pem", for messages */
    const char *what;  /* "pem:…/app.pem", or the setting that names it */
    enum ee_file_rule rule; /* EE_FILE_PUBLIC: read as EE_FILE_SECRET when it
                               turns out to hold a private key */
    const struct ee_wait *user; /* may be asked for its passphrase; or NULL */
};

/* On failure *key is empty. EE_DENIED: permissions, or the passphrase;
 * EE_CONFIG: not a key that can be used. Free by ee_pubkey_clear(). */
int ee_pem_file_load(struct ee_pubkey *key, const struct ee_pem_file *file,
                     struct ee_error *err) EE_CHECKED;

#endif
