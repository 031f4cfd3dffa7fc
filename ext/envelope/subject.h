/* SPDX-License-Identifier: MIT
 *
 * subject.h: the KEK of a data subject under the KEK of its parent, FORMAT
 * section 12.
 */
#ifndef EE_ENVELOPE_SUBJECT_H
#define EE_ENVELOPE_SUBJECT_H

#include "envelope/kek.h"

/* A drawn KEK's key id (FORMAT R10). kek: EE_KEY_BYTES; out: EE_KEY_ID_BYTES.
 */
void ee_subject_key_id(uint8_t *out, const uint8_t *kek,
                       const struct ee_suite *suite);

/* Wraps kek (EE_KEY_BYTES) under the parent. nonce: EE_WRAP_NONCE_BYTES, random
 * and never used before (FORMAT R52). out: EE_WRAPPED_BYTES. EE_OK or
 * EE_INTERNAL. */
int ee_subject_wrap(struct ee_ossl *ossl, struct ee_kek *parent, uint8_t *out,
                    const uint8_t *nonce, struct ee_bytes aad,
                    const uint8_t *kek) EE_CHECKED;

/* The reverse: a new KEK with the parent's suite and secret S (FORMAT R57).
 * key_id is taken as it is: aad holds it (FORMAT R53). EE_OK, EE_AUTH,
 * EE_NOMEM or EE_INTERNAL; *out is NULL but for EE_OK. */
int ee_subject_unwrap(struct ee_kek **out, struct ee_ossl *ossl,
                      struct ee_kek *parent, const uint8_t *key_id,
                      const uint8_t *nonce, struct ee_bytes aad,
                      const uint8_t *wrapped, struct ee_error *err) EE_CHECKED;

#endif
