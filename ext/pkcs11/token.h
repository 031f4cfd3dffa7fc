/* SPDX-License-Identifier: MIT
 *
 * token.h: the one token that a URI means.
 */
#ifndef EE_PKCS11_TOKEN_H
#define EE_PKCS11_TOKEN_H

#include "pkcs11/library.h"
#include "pkcs11/uri.h"

struct ee_p11_token {
    CK_FUNCTION_LIST *f;
    CK_SLOT_ID slot;
    CK_TOKEN_INFO info;
    char name[33]; /* its label, for messages */
};

/* EE_UNAVAILABLE: there is none, which may be plugged in later. EE_CONFIG:
 * several. */
int ee_p11_token_find(struct ee_p11_token *out, P11KitUri *uri,
                      struct ee_p11_job *job, struct ee_error *err) EE_CHECKED;

#endif
