/* SPDX-License-Identifier: MIT
 *
 * export.c: makes the export KEK of a statement execution and its record.
 */
#include "base/secret.h"
#include "crypto/kdf.h"
#include "keys/portable.h"
#include "keys/trust.h"
#include "provider/provider.h"

#include <string.h>

_Static_assert(EE_EXPORT_PAYLOAD_BYTES == EE_PAYLOAD_BYTES, "one payload");

static const struct ee_portable_key *find(struct ee_portable *p,
                                          const uint8_t *source)
{
    for (int i = 0; i < EE_PORTABLE_MAX; i++) {
        struct ee_portable_key *key = p->keys[i];

        if (key != NULL && key->is_export && ee_kek_usable(key->kek) &&
            ee_equal(key->source, source, EE_KEY_ID_BYTES)) {
            key->used = ++p->uses;
            return key;
        }
    }
    return NULL;
}

/* payload: the export KEK and the record's secret X, both fresh (FORMAT R32);
 * F, EE_MAC_BYTES, has a key id that no key here has (R10). */
static int draw(struct ee_keys *k, uint8_t suite, uint8_t *payload, uint8_t *f,
                struct ee_error *err)
{
    int tries = 8; /* a clash is a 2^-64 event: more is a broken generator */

    do {
        if (tries-- == 0) {
            return ee_fail(err, EE_INTERNAL,
                           "the random generator repeats itself");
        }
        ee_random(payload, EE_EXPORT_PAYLOAD_BYTES);
        ee_kdf(f, payload, "kek-id", ee_bytes(&suite, 1));
    } while (ee_keys_id_is_taken(k, f));
    return EE_OK;
}

/* The database names the CMKs: ee_keys_wrap_by() asks whether they are allowed,
 * or who writes to it could have us export to a CMK of theirs. */
static int wrap_one(struct ee_keys *k, const struct ee_key_entry *from,
                    const char *cmk, const uint8_t *payload, const uint8_t *f,
                    struct ee_export_draft *draft, struct ee_error *err)
{
    uint8_t context[EE_EXPORT_CONTEXT_BYTES];
    uint8_t wrapped[EE_CMK_WRAPPED_MAX];
    char stored[EE_CMK_URI_MAX];
    struct ee_cmk_uri uri;
    const struct ee_cmk_call call = {.schema = from->schema,
                                     .uri = &uri,
                                     .record = &from->record,
                                     .context =
                                         ee_bytes(context, sizeof context)};
    size_t n = 0;
    int rc = ee_cmk_uri_parse(&uri, cmk, err);

    ee_export_context(context, from->kek->suite->id, f); /* FORMAT R33 */
    if (rc == EE_OK) {
        rc =
            ee_keys_wrap_by(k, &call, false, stored, wrapped, &n, payload, err);
    }
    if (rc == EE_OK) {
        ee_export_add(draft, ee_bytes(stored, strlen(stored)),
                      ee_bytes(wrapped, n));
    }
    return rc;
}

/* What to do about a CMK that does not wrap: nothing, by default. A record that
 * lacks it is found out where nobody can mend that. */
static int refuse_cmk(const struct ee_key_entry *from, const char *cmk, int rc,
                      struct ee_error *err)
{
    char why[sizeof err->msg];

    memcpy(why, err->msg, sizeof why);
    return ee_fail(err, rc,
                   "key %s cannot be exported for CMK %s: %s; to go on "
                   "without it: SELECT envelope_config('allow_partial', 'on')",
                   from->record.name, cmk, why);
}

/* Under every CMK of the key version; with the setting allow_partial, under
 * those that wrap now. */
static int wrap_all(struct ee_keys *k, const struct ee_key_entry *from,
                    const uint8_t *payload, const uint8_t *f,
                    struct ee_export_draft *draft, struct ee_error *err)
{
    struct ee_wrap *list = NULL;
    int rc = ee_store_wraps(&k->statements, from->schema,
                            from->record.fingerprint, &list, err);

    ee_export_begin(draft, from->kek->suite->id, f);
    for (const struct ee_wrap *w = list; rc == EE_OK && w != NULL;
         w = w->next) {
        rc = wrap_one(k, from, w->cmk, payload, f, draft, err);
        if (rc == EE_OK || ee_keys_is_fatal(rc)) {
            continue;
        }
        rc = k->allow_partial ? EE_OK : refuse_cmk(from, w->cmk, rc, err);
    }
    ee_wraps_free(list);
    return rc;
}

static int finish(const struct ee_key_entry *from, const uint8_t *payload,
                  struct ee_export_draft *draft, struct ee_error *err)
{
    if (ee_export_finish(draft, payload)) {
        return EE_OK;
    }
    if (draft->count == 0 && !draft->bad) {
        return ee_fail(err, EE_UNAVAILABLE,
                       "key %s cannot be exported: none of its CMKs wraps the "
                       "export key",
                       from->record.name);
    }
    return ee_fail(err, EE_CONFIG,
                   "key %s cannot be exported: what its CMKs make of the "
                   "export key does not fit into an envelope (%d CMKs, %d "
                   "bytes)",
                   from->record.name, EE_EXPORT_WRAPS_MAX, EE_RECORD_MAX);
}

static int make(struct ee_portable *p, struct ee_keys *k,
                const struct ee_key_entry *from, uint8_t *payload,
                struct ee_export_draft *draft,
                const struct ee_portable_key **out, struct ee_error *err)
{
    const struct ee_suite *suite = from->kek->suite;
    struct ee_portable_key *key = NULL;
    uint8_t f[EE_MAC_BYTES];
    int rc = EE_OK;

    if (from->record.origin == EE_ORIGIN_SEAL_ONLY) {
        return ee_fail(err, EE_MISUSE,
                       "what was sealed under a seal-only version of key %s is "
                       "exported once it is under the key: SELECT "
                       "envelope_rewrap(blob)",
                       from->record.name);
    }
    rc = draw(k, suite->id, payload, f, err);
    if (rc == EE_OK) {
        rc = wrap_all(k, from, payload, f, draft, err);
    }
    if (rc == EE_OK) {
        rc = finish(from, payload, draft, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    key = ee_portable_take(p);
    if (key == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    rc = ee_kek_new(&key->kek, &k->engine.ossl, suite, payload,
                    payload + EE_KEY_BYTES, err);
    if (rc == EE_OK) {
        memcpy(key->source, from->kek->key_id, sizeof key->source);
        memcpy(key->record, draft->bytes, draft->used);
        key->record_n = draft->used;
        key->is_export = true;
        key->used = ++p->uses;
        *out = key;
    }
    return rc;
}

int ee_portable_export(struct ee_portable *p, struct ee_keys *k,
                       const struct ee_key_entry *from,
                       const struct ee_portable_key **out, struct ee_error *err)
{
    struct ee_export_draft *draft = NULL; /* public */
    uint8_t *payload = NULL;              /* a cell: secret, freed below */
    int rc = EE_NOMEM;

    *out = find(p, from->kek->key_id);
    if (*out != NULL) {
        return EE_OK;
    }
    payload = ee_cell_new();
    draft = sqlite3_malloc64(sizeof *draft);
    if (payload != NULL && draft != NULL) {
        rc = make(p, k, from, payload, draft, out, err);
    } else {
        rc = ee_fail(err, rc, "out of memory");
    }
    sqlite3_free(draft);
    ee_cell_free(payload);
    return rc;
}
