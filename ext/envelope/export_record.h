/* SPDX-License-Identifier: MIT
 *
 * export_record.h: the record of a portable envelope, FORMAT section 11.
 *
 * Holds an export KEK, wrapped under one or more CMKs. Reading is bounded and
 * owns nothing; nothing read is believed before ee_export_authentic(). Knows
 * no provider: who wraps and unwraps is the caller's affair.
 */
#ifndef EE_ENVELOPE_EXPORT_RECORD_H
#define EE_ENVELOPE_EXPORT_RECORD_H

#include "envelope/header.h"

#include <stdbool.h>

#define EE_EXPORT_VERSION   1
#define EE_EXPORT_WRAPS_MAX 16
#define EE_EXPORT_URI_MAX   1023
/* the KEK, then the record's secret X */
#define EE_EXPORT_PAYLOAD_BYTES ((size_t)2 * EE_KEY_BYTES)

struct ee_export_wrap {
    struct ee_bytes uri; /* printable ASCII, without NUL */
    struct ee_bytes wrapped;
};

/* A view into a record; owns nothing. */
struct ee_export_record {
    uint8_t suite;
    const uint8_t *fingerprint; /* EE_MAC_BYTES: F */
    size_t count;
    struct ee_export_wrap wraps[EE_EXPORT_WRAPS_MAX];
    struct ee_bytes tagged; /* what the tag covers */
    const uint8_t *tag;     /* EE_MAC_BYTES */
};

/* EE_OK, or EE_MALFORMED (FORMAT R30); *r is written only on success. */
int ee_export_record_parse(struct ee_export_record *r, struct ee_bytes in,
                           struct ee_error *err) EE_CHECKED;

/* Are suite and key id of e the record's? Proves nothing (FORMAT R31). */
bool ee_export_is_for(const struct ee_export_record *r,
                      const struct ee_envelope *e);

/* Is the record what the maker of this payload, EE_EXPORT_PAYLOAD_BYTES,
 * wrote? FORMAT R34. */
bool ee_export_authentic(const struct ee_export_record *r,
                         const uint8_t *payload);

/* What a provider authenticates with the payload: FORMAT R33. out:
 * EE_EXPORT_CONTEXT_BYTES. */
#define EE_EXPORT_CONTEXT_BYTES (26 + 1 + EE_MAC_BYTES)
void ee_export_context(uint8_t *out, uint8_t suite, const uint8_t *fingerprint);

/* A record in the making: begin, add for each CMK, finish. Sticky: what does
 * not fit is noticed at the end. */
struct ee_export_draft {
    size_t used;
    size_t count;
    bool bad;
    uint8_t bytes[EE_RECORD_MAX];
};

void ee_export_begin(struct ee_export_draft *d, uint8_t suite,
                     const uint8_t *fingerprint);
/* uri: its bytes that are not printable ASCII are written as %XX. */
void ee_export_add(struct ee_export_draft *d, struct ee_bytes uri,
                   struct ee_bytes wrapped);
/* Writes count and tag. False when the record is too long or has no wrap. */
bool ee_export_finish(struct ee_export_draft *d, const uint8_t *payload);

#endif
