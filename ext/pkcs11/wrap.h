/* SPDX-License-Identifier: MIT
 *
 * wrap.h: wraps a payload under the key of a CMK, and unwraps it. PKCS11.md
 * section 3 is the format, section 4 what it protects.
 */
#ifndef EE_PKCS11_WRAP_H
#define EE_PKCS11_WRAP_H

#include "pkcs11/session.h"

/* wrapped: room for ENVELOPE_WRAPPED_MAX bytes. */
int ee_p11_wrap(struct ee_p11_work *w, uint8_t *wrapped, size_t *wrapped_n,
                const uint8_t *payload, struct ee_bytes context,
                struct ee_error *err) EE_CHECKED;

/* payload is all zero on failure. */
int ee_p11_unwrap(struct ee_p11_work *w, uint8_t *payload,
                  struct ee_bytes wrapped, struct ee_bytes context,
                  struct ee_error *err) EE_CHECKED;

/* The mechanism that the next wrap would use; 0: none can. Asking may leave the
 * session good for nothing else. */
int ee_p11_wrap_mechanism(struct ee_p11_work *w);

#endif
