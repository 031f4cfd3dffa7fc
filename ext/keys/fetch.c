/* SPDX-License-Identifier: MIT
 *
 * fetch.c: from a record that was just read to a verified entry: from the
 * cache while its limits allow it (cache.h), else through a provider.
 */
#include "keys/keys.h"

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

/* A key that may be used no longer is unwrapped again, or else stays expired:
 * statements that began before go on with it, and the last one wipes it. */
static int renew(struct ee_keys *k, const struct ee_key_record *r,
                 struct ee_key_entry *e, struct ee_error *err)
{
    struct ee_kek *kek = NULL;
    const int rc = ee_keys_unwrap(k, e->schema, r, &kek, err);

    if (rc == EE_OK) {
        ee_cache_renew(&k->cache, e, kek, k->cache.now);
    }
    return rc;
}

/* The same ahead of time. Nobody is asked for a passphrase, and no write lock
 * waits for it. Failing is no error: the key has time left. */
static void renew_ahead(struct ee_keys *k, const struct ee_key_record *r,
                        struct ee_key_entry *e)
{
    struct ee_error ignored;

    if (sqlite3_txn_state(k->db, NULL) == SQLITE_TXN_WRITE) {
        return;
    }
    k->ahead = true;
    if (renew(k, r, e, &ignored) == EE_OK) {
        k->cache.counts.renewed++;
    } else {
        ee_cache_not_renewed(&k->cache, e);
    }
    k->ahead = false;
}

/* *out: the entry of a record just read, not verified yet. */
static int find_or_unwrap(struct ee_keys *k, const char *schema,
                          const struct ee_key_record *r,
                          struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_key_entry *e = ee_cache_find(&k->cache, schema, r->fingerprint);
    struct ee_kek *kek = NULL;
    int rc = EE_OK;

    if (e != NULL && ee_cache_is_expired(&k->cache, e)) {
        k->cache.counts.misses++;
        rc = renew(k, r, e, err);
    } else if (e != NULL && ee_cache_is_due(&k->cache, e)) {
        renew_ahead(k, r, e);
    } else if (e == NULL) {
        k->cache.counts.misses++;
        rc = ee_keys_unwrap(k, schema, r, &kek, err);
        e = rc == EE_OK ? ee_cache_add(&k->cache, schema, kek) : NULL;
        if (rc == EE_OK && e == NULL) {
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
