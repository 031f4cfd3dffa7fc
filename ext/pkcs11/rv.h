/* SPDX-License-Identifier: MIT
 *
 * rv.h: what a module's return value means for the caller.
 */
#ifndef EE_PKCS11_RV_H
#define EE_PKCS11_RV_H

#include "base/status.h"

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

/* doing: "log in to". Fills *err and returns its code. */
int ee_p11_fail(struct ee_error *err, CK_RV rv, const char *doing);

/* The session, the login or the handle of the key is gone, and a new one may
 * do. */
bool ee_p11_is_lost(CK_RV rv);

/* The token refused the PIN, and counts it; or will refuse it until somebody
 * sets a new one. */
bool ee_p11_is_refused_pin(CK_RV rv);

/* The token or the library fails, whatever it was given. What else comes of a
 * decryption says that the ciphertext is not authentic: modules give
 * CKR_GENERAL_ERROR, CKR_ENCRYPTED_DATA_INVALID and more for that. */
bool ee_p11_is_trouble(CK_RV rv);

#endif
