/* SPDX-License-Identifier: MIT
 *
 * der.h: reads DER (ITU-T X.690), the little that key files need.
 *
 * Why not OpenSSL: its decoders leave copies of a private key in the heap
 * when they are done (provider/PEM.md section 5). This reads in place.
 *
 * Failure is sticky, as in base/wire.h: read straight down, ask at the end.
 * Lengths are below 64 KiB, definite, and as short as can be.
 */
#ifndef EE_CRYPTO_DER_H
#define EE_CRYPTO_DER_H

#include "base/wire.h"

#define EE_DER_INTEGER  0x02
#define EE_DER_BITS     0x03
#define EE_DER_OCTETS   0x04
#define EE_DER_NULL     0x05
#define EE_DER_OID      0x06
#define EE_DER_SEQUENCE 0x30

/* The contents of the next element, which must have this tag. */
struct ee_bytes ee_der_read(struct ee_reader *r, uint8_t tag);

/* A reader of the contents of the next element, a SEQUENCE; bad when r is. */
struct ee_reader ee_der_enter(struct ee_reader *r);

/* A number that is not negative: its bytes without leading zeros, none for
 * 0. */
struct ee_bytes ee_der_number(struct ee_reader *r);

/* The same when it is known to be small; turns r bad above 2^56. */
uint64_t ee_der_small(struct ee_reader *r);

/* Is tag the next element's? */
bool ee_der_next_is(const struct ee_reader *r, uint8_t tag);

/* All was there, and nothing is left. */
bool ee_der_done(const struct ee_reader *r);

#endif
