/* SPDX-License-Identifier: MIT
 *
 * unwrap.h: takes the DEK out of an envelope, for open and rewrap.
 */
#ifndef EE_ENVELOPE_UNWRAP_H
#define EE_ENVELOPE_UNWRAP_H

#include "envelope/envelope.h"

/* dek: EE_KEY_BYTES, secret, the caller wipes it; all zero on failure.
 * EE_OK or EE_AUTH (FORMAT R8, R20). */
int ee_unwrap_dek(struct ee_engine *engine, const struct ee_kek *kek,
                  uint8_t *dek, const struct ee_envelope *e) EE_CHECKED;

#endif
