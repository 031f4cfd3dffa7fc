/* SPDX-License-Identifier: MIT
 *
 * fetch.c: from a record that was just read to a verified entry: from the
 * cache while its limits allow it (cache.h), else from another connection that
 * shares (shared.h), else through a provider.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "keys/keys.h"
#include "keys/shared.h"
#include "provider/provider.h"

/* The entry may already hold this verified record: then nothing changed. */
static int check_entry(struct ee_keys *k, const struct ee_key_record *r,
                       const struct ee_key_manifest *m, struct ee_key_entry *e,
                       struct ee_error *err)
{
    struct ee_key_record record;
    struct ee_key_manifest manifest;
    int rc = EE_OK;

    if (ee_record_same(&e->record, r) && ee_manifest_same(&e->manifest, m)) {
        return EE_OK;
    }
    rc = ee_keys_verify(k, e->schema, e->kek, &record, &manifest, err);
    if (rc == EE_OK) {
        e->record = record;
        e->manifest = manifest;
        /* the count may have begun anew, without what is left here */
        e->seals = (struct ee_seal_block){.left = 0};
    }
    return rc;
}

/* A KEK and when a CMK gave it. */
struct fetched {
    struct ee_kek *kek;
    int64_t loaded;
};

/* What another connection got from a CMK of the key that this session may ask,
 * too. *found: the payload. */
static int look_for_shared(struct ee_keys *k, const char *schema,
                           const struct ee_key_record *r, int64_t oldest,
                           uint8_t *payload, int64_t *loaded, bool *found,
                           struct ee_error *err)
{
    const char *file = sqlite3_db_filename(k->db, schema);
    struct ee_shared_place place;
    struct ee_wrap *list = NULL;
    struct ee_error ignored;
    struct ee_cmk_uri uri;
    int rc = ee_store_wraps(&k->statements, schema, r->fingerprint, &list, err);

    *found = false;
    for (const struct ee_wrap *w = list; rc == EE_OK && !*found && w != NULL;
         w = w->next) {
        *found = w->wrapped.n > 0 &&
                 ee_cmk_uri_parse(&uri, w->cmk, &ignored) == EE_OK &&
                 ee_trust_allows(k, schema, &uri, &ignored) == EE_OK &&
                 ee_shared_place(&place, file, r->fingerprint, w->cmk) &&
                 ee_shared_get(&place, oldest, payload, loaded);
    }
    ee_wraps_free(list);
    return rc;
}

/* EE_KEY_UNKNOWN without a message: it is not there. */
static int take_shared(struct ee_keys *k, const char *schema,
                       const struct ee_key_record *r, int64_t oldest,
                       struct fetched *out, struct ee_error *err)
{
    uint8_t payload[EE_PAYLOAD_BYTES] = {0}; /* secret: wiped below */
    bool found = false;
    int rc = EE_OK;

    ee_shared_sweep(ee_cache_expired_since(&k->cache));
    rc = look_for_shared(k, schema, r, oldest, payload, &out->loaded, &found,
                         err);
    if (rc == EE_OK) {
        rc = found ? ee_kek_from_payload(k, r, payload, &out->kek, err)
                   : EE_KEY_UNKNOWN;
    }
    ee_wipe(payload, sizeof payload);
    if (rc == EE_TAMPERED) { /* its CMK is asked, and tells */
        return EE_KEY_UNKNOWN;
    }
    if (rc == EE_OK) {
        k->cache.counts.shared++;
        rc = ee_audit_call(&k->audit, "shared", schema, r, NULL, rc, err);
        if (rc != EE_OK) {
            ee_kek_free(out->kek);
            out->kek = NULL;
        }
    }
    return rc;
}

/* For the others. successes: before the CMK was asked. What other connections
 * would unlock it with can be told of the secrets of files only (shared.h), so
 * a key that came from elsewhere is not shared. */
static void give_shared(struct ee_keys *k, const char *schema,
                        const struct ee_key_record *r,
                        const struct fetched *got, uint64_t successes)
{
    const char *cmk = ee_attempts_latest(&k->attempts, successes);
    struct ee_shared_place place;
    struct ee_error ignored;
    struct ee_cmk_uri uri;

    if (cmk != NULL && ee_cmk_uri_parse(&uri, cmk, &ignored) == EE_OK &&
        ee_cmk_uri_is_file(&uri) &&
        ee_shared_place(&place, sqlite3_db_filename(k->db, schema),
                        r->fingerprint, cmk)) {
        ee_shared_put(&place, got->kek->kek, got->kek->name_secret,
                      got->loaded);
    }
}

/* From another connection, or from a CMK. oldest: what is shared must not have
 * been loaded before. Uses are counted by connection, so one that counts them
 * asks the CMK itself. */
static int fetch(struct ee_keys *k, const char *schema,
                 const struct ee_key_record *r, int64_t oldest,
                 struct fetched *out, struct ee_error *err)
{
    const bool shares = k->shares && k->cache.limits.uses == 0;
    const uint64_t successes = k->attempts.count;
    int rc = EE_KEY_UNKNOWN;

    *out = (struct fetched){.kek = NULL};
    if (shares) {
        rc = take_shared(k, schema, r, oldest, out, err);
    }
    if (rc == EE_KEY_UNKNOWN) {
        out->loaded = ee_coarse_ms();
        rc = ee_keys_unwrap(k, schema, r, &out->kek, err);
        if (rc == EE_OK && shares) {
            give_shared(k, schema, r, out, successes);
        }
    }
    return rc;
}

/* A key that may be used no longer is unwrapped again, or else stays expired:
 * statements that began before go on with it, and the last one wipes it. */
static int renew(struct ee_keys *k, const struct ee_key_record *r,
                 struct ee_key_entry *e, int64_t oldest, struct ee_error *err)
{
    struct fetched got;
    const int rc = fetch(k, e->schema, r, oldest, &got, err);

    if (rc == EE_OK) {
        ee_cache_renew(&k->cache, e, got.kek, got.loaded);
    }
    return rc;
}

/* The same ahead of time. Nobody is asked for a passphrase, and no write lock
 * waits for it. Failing is no error: the key has time left. */
static void renew_ahead(struct ee_keys *k, const struct ee_key_record *r,
                        struct ee_key_entry *e)
{
    const bool before = k->quiet;
    struct ee_error ignored;

    if (sqlite3_txn_state(k->db, NULL) == SQLITE_TXN_WRITE) {
        return;
    }
    k->quiet = true;
    if (renew(k, r, e, ee_cache_due_since(&k->cache), &ignored) == EE_OK) {
        k->cache.counts.renewed++;
    } else {
        ee_cache_not_renewed(&k->cache, e);
    }
    k->quiet = before;
}

bool ee_keys_is_version(const struct ee_key_entry *e)
{
    return !e->is_subject && e->record.origin != EE_ORIGIN_SEAL_ONLY;
}

/* A row was put under the id of an entry whose secret is known to everybody.
 * The entry stays: a rewrap may be at it. */
static int refuse_entry(const char *schema, const struct ee_key_record *r,
                        struct ee_error *err)
{
    return ee_fail(err, EE_TAMPERED,
                   "the key tables of %s were altered: version %u of key %s "
                   "has the id of a key of another kind; restore them from a "
                   "backup",
                   schema, r->version, r->name);
}

/* *out: the entry of a record just read, not verified yet. */
static int find_or_unwrap(struct ee_keys *k, const char *schema,
                          const struct ee_key_record *r,
                          struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_key_entry *e = ee_cache_find(&k->cache, schema, r->fingerprint);
    const int64_t oldest = ee_cache_expired_since(&k->cache);
    struct fetched got;
    int rc = EE_OK;

    if (e != NULL && !ee_keys_is_version(e)) {
        rc = refuse_entry(schema, r, err);
    } else if (e != NULL && ee_cache_is_expired(&k->cache, e)) {
        k->cache.counts.misses++;
        rc = renew(k, r, e, oldest, err);
    } else if (e != NULL && ee_cache_is_due(&k->cache, e)) {
        renew_ahead(k, r, e);
    } else if (e == NULL) {
        k->cache.counts.misses++;
        rc = fetch(k, schema, r, oldest, &got, err);
        e = rc == EE_OK ? ee_cache_add(&k->cache, schema, got.kek) : NULL;
        if (e != NULL) {
            e->loaded = got.loaded;
        } else if (rc == EE_OK) {
            rc = ee_fail(err, EE_NOMEM, "out of memory");
        }
    }
    *out = rc == EE_OK ? e : NULL;
    return rc;
}

static int load(struct ee_keys *k, const char *schema,
                const struct ee_key_record *r, const struct ee_key_manifest *m,
                struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_key_entry *e = NULL;
    int rc = ee_keys_ready(k, err);

    *out = NULL;
    if (rc == EE_OK) {
        rc = find_or_unwrap(k, schema, r, &e, err);
    }
    if (rc == EE_OK) {
        rc = check_entry(k, r, m, e, err);
    }
    if (rc == EE_OK && e->record.state == EE_STATE_DESTROYED) {
        rc = ee_keys_destroyed(&e->record, err);
        ee_cache_forget(&k->cache, schema, r->fingerprint);
        ee_shared_forget(r->fingerprint);
    }
    if (rc == EE_OK) {
        rc = ee_trust_check(k, e, err);
    }
    *out = rc == EE_OK ? e : NULL;
    return rc;
}

/* Whoever altered the tables is not here to be told: the audit log is. */
int ee_keys_load(struct ee_keys *k, const char *schema,
                 const struct ee_key_record *r, const struct ee_key_manifest *m,
                 struct ee_key_entry **out, struct ee_error *err)
{
    const int rc = load(k, schema, r, m, out, err);

    return rc == EE_TAMPERED ? ee_audit_denied(&k->audit, k->moment, "verify",
                                               schema, r, rc, err)
                             : rc;
}
