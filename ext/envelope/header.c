/* SPDX-License-Identifier: MIT
 *
 * header.c: the one parser of envelopes. Bounded, allocates nothing.
 */
#include "envelope/header.h"

#include "base/wire.h"

#include <string.h>

static int check_prefix(uint8_t version, uint8_t suite, uint8_t flags,
                        struct ee_error *err)
{
    if (version != EE_VERSION) { /* FORMAT R3 */
        return ee_fail(err, EE_MALFORMED,
                       "envelope version %u is not supported (this build "
                       "reads version 1)",
                       version);
    }
    if (suite != 1 && suite != 2) { /* FORMAT R4 */
        return ee_fail(err, EE_MALFORMED,
                       "envelope suite %u is not supported (this build reads "
                       "suites 1 and 2)",
                       suite);
    }
    if ((flags & ~EE_FLAGS_KNOWN) != 0) { /* FORMAT R5 */
        return ee_fail(err, EE_MALFORMED,
                       "envelope flags %02x are not supported", flags);
    }
    return EE_OK;
}

static int read_record(struct ee_reader *r, struct ee_bytes *record,
                       struct ee_error *err)
{
    uint16_t n = ee_read_u16(r);

    if (!r->bad && (n < 1 || n > EE_RECORD_MAX)) { /* FORMAT R6 */
        return ee_fail(err, EE_MALFORMED,
                       "envelope with an embedded record of %u bytes (1 to "
                       "8192 are allowed)",
                       n);
    }
    *record = ee_read_bytes(r, n);
    return EE_OK;
}

/* Field by field, for the reason in value.c. */
static void commit(struct ee_envelope *e, const struct ee_envelope *parsed)
{
    e->suite = parsed->suite;
    e->flags = parsed->flags;
    e->key_id = parsed->key_id;
    e->index = parsed->index;
    e->record.p = parsed->record.p;
    e->record.n = parsed->record.n;
    e->wrapped = parsed->wrapped;
    e->data.p = parsed->data.p;
    e->data.n = parsed->data.n;
}

int ee_envelope_parse(struct ee_envelope *e, struct ee_bytes blob,
                      struct ee_error *err)
{
    struct ee_reader r = ee_reader(blob);
    struct ee_envelope out = {0};
    uint8_t magic_0 = ee_read_u8(&r);
    uint8_t magic_1 = ee_read_u8(&r);
    uint8_t version = ee_read_u8(&r);
    int rc = EE_OK;

    if (magic_0 != EE_MAGIC_0 || magic_1 != EE_MAGIC_1) { /* FORMAT R2 */
        return ee_fail(err, EE_MALFORMED,
                       "not an envelope: it does not start with fe45");
    }
    out.suite = ee_read_u8(&r);
    out.flags = ee_read_u8(&r);
    if (!r.bad) {
        rc = check_prefix(version, out.suite, out.flags, err);
    }
    out.key_id = ee_read_bytes(&r, EE_KEY_ID_BYTES).p;
    if (rc == EE_OK && (out.flags & EE_FLAG_INDEX) != 0) {
        out.index = ee_read_bytes(&r, EE_INDEX_BYTES).p;
    }
    if (rc == EE_OK && (out.flags & EE_FLAG_RECORD) != 0) {
        rc = read_record(&r, &out.record, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    out.wrapped = ee_read_bytes(&r, EE_WRAPPED_BYTES).p;
    if (r.bad || r.left < EE_DATA_OVERHEAD) { /* FORMAT R1 */
        return ee_fail(err, EE_MALFORMED,
                       "truncated envelope: %zu bytes are too few", blob.n);
    }
    out.data = ee_read_bytes(&r, r.left);
    commit(e, &out);
    return EE_OK;
}

size_t ee_envelope_size(uint8_t flags, size_t data_bytes)
{
    return EE_HEADER_BYTES +
           ((flags & EE_FLAG_INDEX) != 0 ? (size_t)EE_INDEX_BYTES : 0) +
           EE_WRAPPED_BYTES + data_bytes + EE_TAG_BYTES;
}

size_t ee_envelope_wrap_aad(uint8_t *out, uint8_t suite, uint8_t flags,
                            const uint8_t *key_id, const uint8_t *index)
{
    const uint8_t prefix[EE_PREFIX_BYTES] = {EE_MAGIC_0, EE_MAGIC_1, EE_VERSION,
                                             suite, flags & EE_FLAGS_IN_WA};

    memcpy(out, prefix, sizeof prefix);
    memcpy(out + sizeof prefix, key_id, EE_KEY_ID_BYTES);
    if (index == NULL) {
        return EE_HEADER_BYTES;
    }
    memcpy(out + EE_HEADER_BYTES, index, EE_INDEX_BYTES);
    return EE_WA_MAX;
}
