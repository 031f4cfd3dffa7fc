/* SPDX-License-Identifier: MIT
 *
 * export_record.c: reads and writes the record of a portable envelope.
 */
#include "envelope/export_record.h"

#include "base/secret.h"
#include "base/wire.h"
#include "crypto/kdf.h"

#include <string.h>

#define COUNT_AT (1 + 1 + EE_MAC_BYTES) /* version, suite, F */

static bool is_printable(uint8_t c)
{
    return c >= 0x20 && c <= 0x7E;
}

/* A URI goes into messages and to the parser of URIs: no control characters,
 * no NUL, nothing that is not ASCII. */
static bool uri_is_good(struct ee_bytes uri)
{
    for (size_t i = 0; i < uri.n; i++) {
        if (!is_printable(uri.p[i])) {
            return false;
        }
    }
    return uri.n >= 1 && uri.n <= EE_EXPORT_URI_MAX;
}

static bool read_wrap(struct ee_reader *r, struct ee_export_wrap *wrap)
{
    wrap->uri = ee_read_bytes(r, ee_read_u16(r));
    wrap->wrapped = ee_read_bytes(r, ee_read_u16(r));
    return !r->bad && uri_is_good(wrap->uri) && wrap->wrapped.n >= 1;
}

int ee_export_record_parse(struct ee_export_record *r, struct ee_bytes in,
                           struct ee_error *err)
{
    struct ee_reader reader = ee_reader(in);
    struct ee_export_record out = {0};
    uint8_t version = ee_read_u8(&reader);
    bool good = true;

    if (!reader.bad && version != EE_EXPORT_VERSION) { /* FORMAT R30 */
        return ee_fail(err, EE_MALFORMED,
                       "export record version %u is not supported (this "
                       "build reads version 1)",
                       version);
    }
    out.suite = ee_read_u8(&reader);
    out.fingerprint = ee_read_bytes(&reader, EE_MAC_BYTES).p;
    out.count = ee_read_u8(&reader);
    good = !reader.bad && out.count >= 1 && out.count <= EE_EXPORT_WRAPS_MAX;
    for (size_t i = 0; good && i < out.count; i++) {
        good = read_wrap(&reader, &out.wraps[i]);
    }
    if (!good || reader.left != EE_MAC_BYTES) { /* FORMAT R30 */
        return ee_fail(err, EE_MALFORMED,
                       "the export record of this envelope is damaged");
    }
    out.tagged = ee_bytes(in.p, in.n - EE_MAC_BYTES);
    out.tag = ee_read_bytes(&reader, EE_MAC_BYTES).p;
    *r = out;
    return EE_OK;
}

bool ee_export_is_for(const struct ee_export_record *r,
                      const struct ee_envelope *e)
{
    return r->suite == e->suite &&
           ee_equal(r->fingerprint, e->key_id, EE_KEY_ID_BYTES);
}

/* out: EE_MAC_BYTES. X is the second half of the payload. */
static void record_tag(uint8_t *out, struct ee_bytes tagged,
                       const uint8_t *payload)
{
    uint8_t key[EE_KEY_BYTES]; /* secret: wiped below */

    ee_kdf(key, payload + EE_KEY_BYTES, "export-record", ee_bytes(NULL, 0));
    ee_hmac(out, key, tagged);
    ee_wipe(key, sizeof key);
}

bool ee_export_authentic(const struct ee_export_record *r,
                         const uint8_t *payload)
{
    uint8_t fingerprint[EE_MAC_BYTES];
    uint8_t tag[EE_MAC_BYTES];

    ee_kdf(fingerprint, payload, "kek-id", ee_bytes(&r->suite, 1));
    record_tag(tag, r->tagged, payload);
    return ee_equal(fingerprint, r->fingerprint, sizeof fingerprint) &&
           ee_equal(tag, r->tag, sizeof tag); /* FORMAT R34 */
}

void ee_export_context(uint8_t *out, uint8_t suite, const uint8_t *fingerprint)
{
    static const char label[] = "sqlite-envelope/v1/export"; /* and its NUL */
    struct ee_writer w = ee_writer(out, EE_EXPORT_CONTEXT_BYTES);

    _Static_assert(sizeof label + 1 + EE_MAC_BYTES == EE_EXPORT_CONTEXT_BYTES,
                   "label, suite, F");
    ee_write_bytes(&w, ee_bytes(label, sizeof label));
    ee_write_u8(&w, suite);
    ee_write_bytes(&w, ee_bytes(fingerprint, EE_MAC_BYTES));
}

/* ---- writing ---- */

static struct ee_writer writer_at_end(struct ee_export_draft *d)
{
    return ee_writer(d->bytes + d->used, sizeof d->bytes - d->used);
}

static void commit(struct ee_export_draft *d, const struct ee_writer *w)
{
    d->used += w->used;
    d->bad = d->bad || w->bad;
}

void ee_export_begin(struct ee_export_draft *d, uint8_t suite,
                     const uint8_t *fingerprint)
{
    struct ee_writer w = {0};

    d->used = 0;
    d->count = 0;
    d->bad = false;
    w = writer_at_end(d);
    ee_write_u8(&w, EE_EXPORT_VERSION);
    ee_write_u8(&w, suite);
    ee_write_bytes(&w, ee_bytes(fingerprint, EE_MAC_BYTES));
    ee_write_u8(&w, 0); /* the count: written at the end */
    commit(d, &w);
}

static size_t escaped_size(struct ee_bytes uri)
{
    size_t n = 0;

    for (size_t i = 0; i < uri.n; i++) {
        n += is_printable(uri.p[i]) ? 1 : 3;
    }
    return n;
}

static void write_uri(struct ee_writer *w, struct ee_bytes uri)
{
    static const char digits[] = "0123456789ABCDEF";

    ee_write_u16(w, (uint16_t)escaped_size(uri));
    for (size_t i = 0; i < uri.n; i++) {
        const uint8_t c = uri.p[i];

        if (is_printable(c)) {
            ee_write_u8(w, c);
        } else {
            ee_write_u8(w, '%');
            ee_write_u8(w, (uint8_t)digits[c >> 4]);
            ee_write_u8(w, (uint8_t)digits[c & 15]);
        }
    }
}

void ee_export_add(struct ee_export_draft *d, struct ee_bytes uri,
                   struct ee_bytes wrapped)
{
    struct ee_writer w = writer_at_end(d);

    d->bad = d->bad || escaped_size(uri) > EE_EXPORT_URI_MAX || uri.n == 0 ||
             wrapped.n == 0 || wrapped.n > EE_RECORD_MAX ||
             d->count == EE_EXPORT_WRAPS_MAX;
    if (d->bad) {
        return;
    }
    write_uri(&w, uri);
    ee_write_u16(&w, (uint16_t)wrapped.n);
    ee_write_bytes(&w, wrapped);
    commit(d, &w);
    d->count++;
}

bool ee_export_finish(struct ee_export_draft *d, const uint8_t *payload)
{
    uint8_t tag[EE_MAC_BYTES];
    struct ee_writer w = writer_at_end(d);

    d->bytes[COUNT_AT] = (uint8_t)d->count;
    record_tag(tag, ee_bytes(d->bytes, d->used), payload);
    ee_write_bytes(&w, ee_bytes(tag, sizeof tag));
    commit(d, &w);
    return !d->bad && d->count > 0;
}
