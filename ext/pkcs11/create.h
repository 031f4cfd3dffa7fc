/* SPDX-License-Identifier: MIT
 *
 * create.h: makes the key that a URI names, on its token.
 */
#ifndef EE_PKCS11_CREATE_H
#define EE_PKCS11_CREATE_H

#include "base/status.h"
#include "pkcs11/job.h"

/* AES of 256 bits that cannot leave the token, with the least rights that one
 * mechanism needs. EE_CONFIG: it exists, or the token cannot make keys.
 * EE_UNAVAILABLE also when another process made one at the same time. What was
 * made and is not told of is destroyed. */
int ee_p11_create(const char *uri, struct ee_p11_job *job,
                  struct ee_error *err) EE_CHECKED;

#endif
