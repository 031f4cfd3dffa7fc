/* SPDX-License-Identifier: MIT
 *
 * padding.h: hides the length of a value, FORMAT R15.
 *
 * Short values grow to a multiple of 16 bytes; long ones to their Padme
 * length (Nikitin et al., PETS 2019), which costs at most 12 %.
 */
#ifndef EE_ENVELOPE_PADDING_H
#define EE_ENVELOPE_PADDING_H

#include "base/bytes.h"

#include <stdbool.h>

/* Length of type, value and padding together for a body of n bytes. */
size_t ee_padded_size(size_t n);

/* Writes 80 and zeros from out + used up to out + size. used < size. */
void ee_pad(uint8_t *out, size_t used, size_t size);

/* Strips the padding. False when there is none: FORMAT R15. */
bool ee_unpad(struct ee_bytes *body);

#endif
