/* SPDX-License-Identifier: MIT
 *
 * header.h: where the parts of an envelope lie, FORMAT section 1. No crypto.
 */
#ifndef EE_ENVELOPE_HEADER_H
#define EE_ENVELOPE_HEADER_H

#include "base/bytes.h"
#include "base/status.h"

#define EE_MAGIC_0      0xFE
#define EE_MAGIC_1      0x45
#define EE_VERSION      1
#define EE_FLAG_INDEX   0x01
#define EE_FLAG_RECORD  0x02
#define EE_FLAG_PADDED  0x04
#define EE_FLAGS_KNOWN  0x07
#define EE_FLAGS_IN_A   0x05 /* FORMAT section 5 */
#define EE_FLAGS_IN_WA  0xFD /* FORMAT section 7 */
#define EE_RECORD_MAX   8192
#define EE_COMMIT_BYTES 32
/* magic, version, suite, flags */
#define EE_PREFIX_BYTES 5
#define EE_HEADER_BYTES (EE_PREFIX_BYTES + EE_KEY_ID_BYTES)
/* commitment and type before the body, tag after it */
#define EE_DATA_OVERHEAD (EE_COMMIT_BYTES + 1 + EE_TAG_BYTES)
/* what a plain envelope is longer than its value */
#define EE_OVERHEAD (EE_HEADER_BYTES + EE_WRAPPED_BYTES + EE_DATA_OVERHEAD)

/* A view into a blob; owns nothing. */
struct ee_envelope {
    uint8_t suite;
    uint8_t flags;
    const uint8_t *key_id;  /* EE_KEY_ID_BYTES */
    const uint8_t *index;   /* EE_INDEX_BYTES, or NULL */
    struct ee_bytes record; /* empty without EE_FLAG_RECORD */
    const uint8_t *wrapped; /* EE_WRAPPED_BYTES: W */
    struct ee_bytes data;   /* C and its tag */
};

/* Settles FORMAT R1 to R6. EE_OK, or EE_MALFORMED with a message that says
 * which byte is not as it should be; *e is written only on success. */
int ee_envelope_parse(struct ee_envelope *e, struct ee_bytes blob,
                      struct ee_error *err) EE_CHECKED;

/* Length of an envelope whose data (P) has this many bytes, without tag. */
size_t ee_envelope_size(uint8_t flags, size_t data_bytes);

/* Wa of FORMAT section 7, at most EE_WA_MAX bytes. Returns its length. */
#define EE_WA_MAX (EE_HEADER_BYTES + EE_INDEX_BYTES)
size_t ee_envelope_wrap_aad(uint8_t *out, uint8_t suite, uint8_t flags,
                            const uint8_t *key_id, const uint8_t *index);

#endif
