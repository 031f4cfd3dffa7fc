/* SPDX-License-Identifier: MIT
 *
 * seal_only_make.c: the version of a name that this connection seals under,
 * where it has a public key only. FORMAT R45.
 *
 * It is made inside the application's INSERT or UPDATE, like a subject's key:
 * one row by one statement, that SQLite takes back with what it is a part of.
 * Then another version is made. Or by envelope_key_open(), which makes the
 * table.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "crypto/kdf.h"
#include "crypto/pool.h"
#include "keys/seal_only_parts.h"
#include "provider/cmk_uri.h"
#include "provider/provider.h"

#include <string.h>
#include <time.h>

struct draft {
    struct ee_key_record record;
    uint8_t *payload; /* a cell: secret, wiped when freed */
    char cmk[EE_CMK_URI_MAX];
    uint8_t wrapped[EE_CMK_WRAPPED_MAX];
    size_t n;
};

/* FORMAT R10. Whoever does not know is not told that it is free. */
static int is_taken(struct ee_keys *k, const uint8_t *key_id, bool *yes,
                    struct ee_error *err)
{
    struct ee_key_record ignored;
    char schema[EE_SCHEMA_MAX];
    const int rc = ee_keys_describe(k, key_id, &ignored, schema, err);

    *yes = rc == EE_OK;
    return rc == EE_KEY_UNKNOWN ? EE_OK : rc;
}

static int draw(struct ee_keys *k, struct draft *d, struct ee_error *err)
{
    struct ee_key_record *r = &d->record;
    int tries = 8; /* a clash is a 2^-64 event: more is a broken generator */
    bool taken = true;
    int rc = EE_OK;

    while (rc == EE_OK && taken && tries-- > 0) {
        ee_random(d->payload, EE_KEY_BYTES);
        ee_kdf(r->fingerprint, d->payload, "kek-id", ee_bytes(&r->suite, 1));
        rc = is_taken(k, r->fingerprint, &taken, err);
    }
    if (rc == EE_OK && taken) {
        rc = ee_fail(err, EE_INTERNAL, "the random generator repeats itself");
    }
    ee_record_tag1(r->tag1, r, d->payload);
    return rc;
}

static int wrap(struct ee_keys *k, const struct ee_seal_only_cmk *c,
                struct draft *d, struct ee_error *err)
{
    uint8_t context[EE_PROVIDER_CONTEXT_MAX];
    struct ee_cmk_uri uri;
    const struct ee_cmk_call call = {
        .schema = c->at,
        .uri = &uri,
        .record = &d->record,
        .context =
            ee_bytes(context, ee_record_provider_context(context, &d->record)),
        .named = true}; /* for this name, and no other */
    int rc = ee_cmk_uri_parse(&uri, c->uri, err);

    return rc == EE_OK ? ee_keys_wrap_by(k, &call, false, d->cmk, d->wrapped,
                                         &d->n, d->payload, err)
                       : rc;
}

/* Drawn and wrapped; nothing is written yet. */
static int draft(struct ee_keys *k, const struct ee_seal_only_cmk *c,
                 uint8_t suite, struct draft *d, struct ee_error *err)
{
    int rc = EE_OK;

    d->record = (struct ee_key_record){.suite = suite,
                                       .state = EE_STATE_ACTIVE,
                                       .origin = EE_ORIGIN_SEAL_ONLY,
                                       .created = (uint64_t)time(NULL)};
    memcpy(d->record.name, c->name, sizeof d->record.name);
    d->payload = ee_cell_new();
    if (d->payload == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for keys");
    }
    rc = draw(k, d, err);
    return rc == EE_OK ? wrap(k, c, d, err) : rc;
}

/* A wrap that was not written is a key that is lost with this connection. */
static int read_back(struct ee_keys *k, const char *schema,
                     const struct draft *d, struct ee_error *err)
{
    struct ee_wrap *wrap = NULL;
    struct ee_key_record got;
    int rc = ee_seal_only_by_id(&k->statements, schema, d->record.fingerprint,
                                &got, &wrap, err);

    if (rc == EE_KEY_UNKNOWN ||
        (rc == EE_OK &&
         (!ee_record_same(&got, &d->record) || wrap->wrapped.n != d->n ||
          !ee_equal(wrap->wrapped.p, d->wrapped, d->n)))) {
        rc = ee_keys_not_written(schema, d->record.name, err);
    }
    ee_wraps_free(wrap);
    return rc;
}

static int write_draft(struct ee_keys *k, const char *schema,
                       const struct draft *d, bool inner, struct ee_error *err)
{
    int rc = ee_seal_only_insert(&k->statements, schema, &d->record, d->cmk,
                                 ee_bytes(d->wrapped, d->n), err);

    if (rc == EE_OK) {
        rc = read_back(k, schema, d, err);
    }
    return ee_audit_change(&k->audit, "created", schema, &d->record, inner, rc,
                           err);
}

static int keep(struct ee_keys *k, struct ee_seal_only_cmk *c,
                const struct draft *d, struct ee_key_entry **out,
                struct ee_error *err)
{
    uint8_t hash[EE_HASH_BYTES];
    int rc = ee_seal_only_keep(k, c->at, &d->record, d->payload, out, err);

    if (rc == EE_OK) {
        ee_sha256(hash, ee_bytes(d->wrapped, d->n));
        ee_seal_only_set_made(k, c, *out, ee_coarse_ms(), hash);
        ee_seal_only_share(k, c, &d->record, d->payload);
    }
    return rc;
}

static int tell_to_open(const struct ee_seal_only_cmk *c, struct ee_error *err)
{
    return ee_fail(err, EE_KEY_UNKNOWN,
                   "key %s is seal-only here, and a version for this "
                   "connection is made by a statement that writes to %s, once "
                   "the table for it is there; to make both now: SELECT "
                   "envelope_key_open('%s%s%s')",
                   c->name, c->at, c->schema, c->schema[0] != '\0' ? ":" : "",
                   c->name);
}

/* Not outside a write transaction: each SELECT would commit. */
static int check_may_make(struct ee_keys *k, const struct ee_seal_only_cmk *c,
                          struct ee_error *err)
{
    const char *schema = c->at;
    bool yes = false;
    int rc = ee_seal_only_exists(&k->statements, schema, &yes, err);

    if (rc == EE_OK &&
        (!yes || sqlite3_txn_state(k->db, schema) != SQLITE_TXN_WRITE)) {
        return tell_to_open(c, err);
    }
    if (rc == EE_OK) {
        rc = ee_store_has_foreign(&k->statements, schema, &yes, err);
    }
    return rc == EE_OK && yes ? ee_keys_refuse_foreign(schema, err) : rc;
}

/* Inside the application's transaction. */
static int make_first(struct ee_keys *k, struct ee_seal_only_cmk *c,
                      uint8_t suite, struct ee_key_entry **out,
                      struct ee_error *err)
{
    struct draft d;
    int rc = check_may_make(k, c, err);

    if (rc != EE_OK) {
        return rc;
    }
    rc = draft(k, c, suite, &d, err);
    if (rc == EE_OK) {
        rc = write_draft(k, c->at, &d, true, err);
    }
    if (rc == EE_OK) {
        rc = keep(k, c, &d, out, err);
    }
    ee_cell_free(d.payload);
    if (rc == EE_OK) {
        k->provisional = true; /* until the transaction ends */
    } else {                   /* what an authorizer ignored is not kept */
        ee_statements_renew(&k->statements);
    }
    return rc;
}

int ee_seal_only_for_seal(struct ee_keys *k, const char *name, size_t n,
                          uint64_t moment, struct ee_key_entry **out,
                          struct ee_error *err)
{
    struct ee_seal_only_cmk *c = ee_seal_only_find(k, name, n);
    struct ee_key_record there;
    int rc = ee_seal_only_find_made(k, c, moment, out, &there, err);

    if (rc == EE_KEY_UNKNOWN) {
        rc = make_first(k, c, there.suite, out, err);
    }
    if (rc == EE_OK) {
        ee_cache_count_use(&k->cache, *out);
    }
    return rc;
}

/* ---- before the first INSERT ---- */

static int make_table(struct ee_keys *k, const char *schema,
                      struct ee_error *err)
{
    bool ours = false;
    int rc = ee_seal_only_create_table(k->db, schema, err);

    if (rc == EE_OK) {
        rc = ee_seal_only_exists(&k->statements, schema, &ours, err);
    }
    if (rc == EE_OK && !ours) {
        rc = ee_fail(err, EE_CONFIG,
                     "%s has a table or view named envelope_seal_only that is "
                     "not ours",
                     schema);
    }
    return rc;
}

static int write_first(struct ee_keys *k, const char *schema,
                       const struct draft *d, struct ee_error *err)
{
    struct ee_write write;
    int rc = ee_keys_begin(k, schema, &write, err);

    if (rc != EE_OK) {
        return rc;
    }
    rc = make_table(k, schema, err);
    if (rc == EE_OK) {
        rc = write_draft(k, schema, d, write.inner, err);
    }
    return ee_keys_end(k, &write, rc, err);
}

/* The public key is used before a transaction is begun. */
int ee_seal_only_warm(struct ee_keys *k, const char *name, size_t n,
                      uint64_t moment, struct ee_key_entry **out,
                      struct ee_error *err)
{
    struct ee_seal_only_cmk *c = ee_seal_only_find(k, name, n);
    struct ee_key_record there;
    struct draft d;
    int rc = ee_seal_only_find_made(k, c, moment, out, &there, err);

    if (rc != EE_KEY_UNKNOWN) {
        return rc;
    }
    rc = draft(k, c, there.suite, &d, err);
    if (rc == EE_OK) {
        rc = write_first(k, c->at, &d, err);
    }
    if (rc == EE_OK) {
        rc = keep(k, c, &d, out, err);
    }
    ee_cell_free(d.payload);
    return rc;
}
