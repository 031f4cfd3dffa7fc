/* SPDX-License-Identifier: MIT
 *
 * pem_wrap.h: the bytes of a wrap, PEM.md section 2.
 */
#ifndef EE_PROVIDER_PEM_WRAP_H
#define EE_PROVIDER_PEM_WRAP_H

#include "crypto/pubkey.h"

#define EE_PEM_WRAP_VERSION 1
#define EE_PEM_WRAP_HEAD    (2 + EE_PUBKEY_ID_BYTES)

struct ee_pem_wrap {
    uint8_t algorithm; /* enum ee_pubkey_algorithm */
    struct ee_bytes id;
    struct ee_bytes sealed;
};

/* False when it is not version 1 of a wrap. Borrows. Says nothing about
 * sealed but that there is some. */
bool ee_pem_wrap_read(struct ee_pem_wrap *out, struct ee_bytes wrapped);

/* Writes the EE_PEM_WRAP_HEAD bytes before what is sealed. */
void ee_pem_wrap_head(uint8_t *out, const struct ee_pubkey *key);

#endif
