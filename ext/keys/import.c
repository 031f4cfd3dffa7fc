/* SPDX-License-Identifier: MIT
 *
 * import.c: takes an export KEK out of the record of a portable envelope.
 *
 * The record comes from a stranger. It chooses nothing: a CMK is asked only if
 * this session allows it, and what comes out opens this one envelope, which
 * the caller seals again.
 */
#include "base/secret.h"
#include "keys/portable.h"
#include "keys/trust.h"
#include "provider/provider.h"

#include <string.h>

/* Rows of one batch have the same record, byte by byte. */
static const struct ee_portable_key *find(struct ee_portable *p,
                                          struct ee_bytes record)
{
    for (int i = 0; i < EE_PORTABLE_MAX; i++) {
        struct ee_portable_key *key = p->keys[i];

        if (key != NULL && !key->is_export && ee_kek_usable(key->kek) &&
            key->record_n == record.n &&
            memcmp(key->record, record.p, record.n) == 0) {
            /* lint: memcmp on public bytes */
            key->used = ++p->uses;
            return key;
        }
    }
    return NULL;
}

struct unwrap_work {
    struct ee_keys *k;
    const char *schema;
    const struct ee_export_record *record;
    uint8_t *payload; /* a cell: secret, freed by ee_portable_import() */
};

/* EE_OK when this session may ask the CMK of the wrap: FORMAT R35. */
static int check_allowed(struct unwrap_work *w,
                         const struct ee_export_wrap *wrap,
                         struct ee_cmk_uri *uri, struct ee_error *err)
{
    char text[EE_EXPORT_URI_MAX + 1];
    int rc = EE_OK;

    memcpy(text, wrap->uri.p, wrap->uri.n);
    text[wrap->uri.n] = '\0';
    rc = ee_cmk_uri_parse(uri, text, err);
    if (rc != EE_OK) {
        return rc;
    }
    rc = ee_trust_allows(w->k, w->schema, uri, err);
    return rc != EE_DENIED ? rc
                           : ee_audit_call(&w->k->audit, "unwrap", w->schema,
                                           NULL, uri->text, rc, err);
}

static int ask(struct unwrap_work *w, const struct ee_export_wrap *wrap,
               const struct ee_cmk_uri *uri, struct ee_error *err)
{
    uint8_t context[EE_EXPORT_CONTEXT_BYTES];
    const struct ee_cmk_call call = {.schema = w->schema,
                                     .uri = uri,
                                     .context =
                                         ee_bytes(context, sizeof context)};

    ee_export_context(context, w->record->suite, w->record->fingerprint);
    return ee_keys_unwrap_by(w->k, &call, w->payload, wrap->wrapped, err);
}

/* All of them, as far as a message goes. */
static int fail_not_allowed(const struct ee_export_record *r,
                            struct ee_error *err)
{
    char list[128];
    size_t used = 0;

    list[0] = '\0';
    for (size_t i = 0; i < r->count && used < sizeof list - 1; i++) {
        (void)sqlite3_snprintf((int)(sizeof list - used), list + used, "%s%.*s",
                               i > 0 ? ", " : "", (int)r->wraps[i].uri.n,
                               (const char *)r->wraps[i].uri.p);
        used += strlen(list + used);
    }
    return ee_fail(err, EE_DENIED,
                   "this session may use none of the CMKs of this envelope; "
                   "allow one of them by ENVELOPE_CMKS or "
                   "envelope_config('cmks', URI): %s",
                   list);
}

/* The provider's words, with what was wanted before them. Every cryptographic
 * failure has one text. */
static int say_what(int rc, struct ee_error *err)
{
    char why[sizeof err->msg];

    if (rc == EE_AUTH) {
        return ee_portable_fail_auth(err);
    }
    memcpy(why, err->msg, sizeof why);
    return ee_fail(err, rc,
                   "the export key of this envelope is not "
                   "available: %s",
                   why);
}

/* Any one CMK is enough; what the last one said that was asked is reported. */
static int unwrap_any(struct unwrap_work *w, struct ee_error *err)
{
    const struct ee_export_record *r = w->record;
    bool asked = false;
    int rc = EE_OK;

    for (size_t i = 0; i < r->count; i++) {
        struct ee_error refusal;
        struct ee_cmk_uri uri;
        int allowed = check_allowed(w, &r->wraps[i], &uri, &refusal);

        if (ee_keys_is_fatal(allowed)) {
            *err = refusal;
            return allowed;
        }
        if (allowed != EE_OK) {
            continue;
        }
        asked = true;
        rc = ask(w, &r->wraps[i], &uri, err);
        if (rc == EE_OK || ee_keys_is_fatal(rc)) {
            return rc;
        }
    }
    return asked ? say_what(rc, err) : fail_not_allowed(r, err);
}

static int keep(struct ee_portable *p, struct ee_keys *k,
                const struct ee_envelope *e, const uint8_t *payload,
                const struct ee_portable_key **out, struct ee_error *err)
{
    struct ee_portable_key *key = ee_portable_take(p);
    int rc = EE_OK;

    if (key == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    rc = ee_kek_new(&key->kek, &k->engine.ossl, ee_suite_by_id(e->suite),
                    payload, payload + EE_KEY_BYTES, err);
    if (rc == EE_OK) {
        memcpy(key->record, e->record.p, e->record.n);
        key->record_n = e->record.n;
        key->used = ++p->uses;
        *out = key;
    }
    return rc;
}

static int read_record(struct ee_export_record *r, const struct ee_envelope *e,
                       struct ee_error *err)
{
    int rc = EE_OK;

    if (e->record.n == 0) {
        return ee_fail(err, EE_MISUSE,
                       "this envelope was not exported: it has no record to "
                       "import; SELECT envelope_export(...) where its key is");
    }
    rc = ee_export_record_parse(r, e->record, err);
    if (rc == EE_OK && !ee_export_is_for(r, e)) { /* FORMAT R31 */
        rc = ee_portable_fail_auth(err);
    }
    return rc;
}

int ee_portable_import(struct ee_portable *p, struct ee_keys *k,
                       const char *schema, const struct ee_envelope *e,
                       const struct ee_portable_key **out, struct ee_error *err)
{
    struct ee_export_record record = {0};
    struct unwrap_work w = {.k = k, .schema = schema, .record = &record};
    int rc = read_record(&record, e, err);

    *out = NULL;
    if (rc != EE_OK) {
        return rc;
    }
    *out = find(p, e->record);
    if (*out != NULL) {
        return EE_OK;
    }
    w.payload = ee_cell_new();
    if (w.payload == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for keys");
    }
    rc = unwrap_any(&w, err);
    if (rc == EE_OK && !ee_export_authentic(&record, w.payload)) {
        rc = ee_portable_fail_auth(err); /* FORMAT R34 */
    }
    if (rc == EE_OK) {
        rc = keep(p, k, e, w.payload, out, err);
    }
    ee_cell_free(w.payload);
    return rc;
}
