/* SPDX-License-Identifier: MIT
 *
 * resolve.c: from a name or a key id to a key that may be used now.
 */
#include "keys/find.h"

#include <string.h>

/* Is the entry's record what the database says now? */
static bool still_there(struct ee_keys *k, const struct ee_key_entry *e)
{
    struct ee_key_record r;
    struct ee_key_manifest m;
    struct ee_error ignored;

    return ee_store_by_id(&k->statements, e->schema, e->record.fingerprint, &r,
                          &m, &ignored) == EE_OK &&
           ee_record_same(&e->record, &r) && ee_manifest_same(&e->manifest, &m);
}

/* A statement that writes in autocommit may fail, and take the subjects it made
 * back, while a SELECT of the same connection goes on. */
static bool is_decided(sqlite3 *db)
{
    return sqlite3_get_autocommit(db) &&
           sqlite3_txn_state(db, NULL) != SQLITE_TXN_WRITE;
}

bool ee_keys_settled(struct ee_keys *k)
{
    if ((k->provisional || k->subjects_made) && is_decided(k->db)) {
        k->provisional = false;
        k->subjects_made = false;
        ee_keys_changed(k);
    }
    return !k->provisional;
}

/* May what was checked then be used by a statement of this moment? Only while
 * a transaction that changed keys is open is the database asked for each row:
 * a ROLLBACK, whole or to a savepoint, may come between two rows. */
static bool is_fresh(struct ee_keys *k, const struct ee_key_entry *e,
                     uint64_t checked, uint64_t moment)
{
    const bool settled = ee_keys_settled(k);

    return checked >= moment && checked >= k->changed &&
           (settled || still_there(k, e));
}

int ee_keys_version(struct ee_keys *k, const char *schema,
                    const uint8_t *key_id, uint64_t moment,
                    struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_key_entry *e = ee_cache_find(&k->cache, schema, key_id);
    struct ee_key_record r;
    struct ee_key_manifest m;
    int rc = EE_OK;

    if (e == NULL || !ee_keys_is_version(e) ||
        !is_fresh(k, e, e->checked, moment)) {
        rc = ee_store_by_id(&k->statements, schema, key_id, &r, &m, err);
        if (rc == EE_OK) {
            rc = ee_keys_load(k, schema, &r, &m, &e, err);
        }
        if (rc == EE_OK) {
            e->checked = k->moment;
        }
    }
    *out = rc == EE_OK ? e : NULL;
    return rc;
}

/* The name may be one that the key was given by an attacker: ask again with
 * the one that was verified. */
static int check_opens(struct ee_keys *k, const char *schema,
                       const struct ee_key_record *r, uint64_t moment,
                       struct ee_error *err)
{
    const int rc = ee_trust_opens(k, schema, r->name, err);

    return rc == EE_OK
               ? EE_OK
               : ee_audit_denied(&k->audit, moment, "open", schema, r, rc, err);
}

/* Looks in the databases, and loads what is there. */
static int find_id(struct ee_keys *k, const uint8_t *key_id, uint64_t moment,
                   struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_found_key key;
    int rc = ee_find_key_id(k, key_id, &key, err);

    if (rc == EE_OK && key.is_subject) {
        return ee_subject_open_row(k, key.schema, &key.subject, moment, out,
                                   err);
    }
    if (rc == EE_OK) { /* before a provider is asked */
        rc = check_opens(k, key.schema, &key.record, moment, err);
    }
    if (rc == EE_OK) {
        rc = key.is_seal_only
                 ? ee_seal_only_load(k, key.schema, key_id, moment, out, err)
                 : ee_keys_load(k, key.schema, &key.record, &key.manifest, out,
                                err);
    }
    if (rc == EE_OK) {
        (*out)->checked = k->moment;
    } else {
        ee_statements_renew(&k->statements);
    }
    return rc;
}

int ee_keys_for_open(struct ee_keys *k, const uint8_t *key_id, uint64_t moment,
                     struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_key_entry *e = ee_cache_by_id(&k->cache, key_id);
    int rc = EE_OK;

    if (e == NULL || e->is_subject) { /* its own way is the short one */
        rc = ee_subject_for_open(k, key_id, moment, e, out, err);
        if (rc == EE_OK) {
            ee_cache_count_use(&k->cache, *out);
        }
        if (rc != EE_KEY_UNKNOWN) {
            return rc;
        }
        e = NULL;
        rc = EE_OK;
    }
    if (e == NULL || !is_fresh(k, e, e->checked, moment)) {
        rc = find_id(k, key_id, moment, &e, err);
    }
    if (rc == EE_OK && !e->openable) {
        rc = check_opens(k, e->schema, &e->record, moment, err);
    }
    if (rc == EE_OK && !ee_keys_may_open(e)) {
        rc = ee_keys_refuse_state(e, "", err);
        rc = ee_audit_denied(&k->audit, moment, "open", e->schema, &e->record,
                             rc, err);
    }
    if (rc == EE_OK) {
        ee_cache_count_use(&k->cache, e);
    }
    *out = rc == EE_OK ? e : NULL;
    return rc;
}

/* The current version as of the moment, in any state. */
static int find_current(struct ee_keys *k, const char *name, size_t n,
                        uint64_t moment, struct ee_key_entry **out,
                        struct ee_error *err)
{
    const struct ee_name_slot *slot = ee_cache_name(&k->cache, name, n);
    int rc = EE_OK;

    if (slot != NULL && is_fresh(k, slot->entry, slot->checked, moment)) {
        *out = slot->entry;
        return EE_OK;
    }
    rc = ee_find_key_name(k, name, n, false, out, err);
    if (rc == EE_OK) {
        ee_cache_set_name(&k->cache, name, n, k->moment, *out);
    }
    return rc;
}

/* Policy after the cache hit. */
static int check_seal(struct ee_keys *k, struct ee_key_entry *e,
                      uint64_t moment, struct ee_error *err)
{
    if (ee_keys_may_seal(e)) {
        ee_cache_count_use(&k->cache, e);
        return EE_OK;
    }
    return ee_audit_denied(&k->audit, moment, "seal", e->schema, &e->record,
                           ee_keys_refuse_to_seal(e, err), err);
}

int ee_keys_for_seal(struct ee_keys *k, const char *name, size_t n,
                     uint64_t moment, struct ee_key_entry **out,
                     struct ee_error *err)
{
    size_t slash = 0;
    int rc = EE_OK;

    if (ee_subject_name(name, n, &slash)) {
        return ee_subject_for_seal(k, name, n, slash, moment, out, err);
    }
    rc = find_current(k, name, n, moment, out, err);
    return rc == EE_OK ? check_seal(k, *out, moment, err) : rc;
}

int ee_keys_for_seal_again(struct ee_keys *k, const struct ee_name_hint *hint,
                           uint64_t moment, struct ee_key_entry **out,
                           struct ee_error *err)
{
    const struct ee_name_slot *slot = ee_cache_hinted(&k->cache, hint);

    if (slot == NULL || slot->entry->is_subject || /* it has its own checks */
        !is_fresh(k, slot->entry, slot->checked, moment)) {
        return EE_KEY_UNKNOWN;
    }
    *out = slot->entry;
    return check_seal(k, *out, moment, err);
}

int ee_keys_for_search(struct ee_keys *k, const char *name, size_t n,
                       uint64_t moment, struct ee_key_entry **out,
                       struct ee_error *err)
{
    size_t slash = 0;
    int rc = EE_OK;

    if (ee_subject_name(name, n, &slash)) {
        return ee_subject_for_search(k, name, n, slash, moment, out, err);
    }
    rc = find_current(k, name, n, moment, out, err);
    if (rc == EE_OK && !ee_keys_may_open(*out)) {
        rc = ee_keys_refuse_state(*out, "", err);
        rc = ee_audit_denied(&k->audit, moment, "search", (*out)->schema,
                             &(*out)->record, rc, err);
    }
    if (rc == EE_OK) {
        ee_cache_count_use(&k->cache, *out);
    }
    return rc;
}

int ee_keys_for_change(struct ee_keys *k, const char *name, size_t n,
                       struct ee_key_entry **out, struct ee_error *err)
{
    int rc = EE_OK;

    (void)ee_keys_now(k);
    rc = ee_find_key_name(k, name, n, true, out, err);
    if (rc == EE_OK) {
        ee_cache_pin(*out);
    } else {
        *out = NULL;
    }
    return rc;
}

static int refuse_without_own(const struct ee_key_entry *e,
                              struct ee_error *err)
{
    const char *name = e->record.name;

    return ee_fail(err, EE_KEY_UNKNOWN,
                   "a seal-only version of key %s is rewrapped under that key "
                   "itself, which %s has not: SELECT "
                   "envelope_key_create('%s:%s'), or name another key",
                   name, e->schema, e->schema, name);
}

int ee_keys_current_of(struct ee_keys *k, struct ee_key_entry *entry,
                       uint64_t moment, struct ee_key_entry **out,
                       struct ee_error *err)
{
    char qualified[EE_SCHEMA_MAX + EE_NAME_MAX];
    int rc = EE_OK;

    if (ee_keys_may_seal(entry)) {
        *out = entry;
        return EE_OK;
    }
    rc = ee_keys_for_seal_again(k, &entry->current, moment, out, err);
    if (rc != EE_KEY_UNKNOWN) {
        return rc;
    }
    (void)sqlite3_snprintf(sizeof qualified, qualified, "%s:%s", entry->schema,
                           entry->record.name);
    rc = ee_keys_for_seal(k, qualified, strlen(qualified), moment, out, err);
    if (rc == EE_KEY_UNKNOWN && entry->record.origin == EE_ORIGIN_SEAL_ONLY) {
        return refuse_without_own(entry, err);
    }
    if (rc == EE_OK) {
        entry->current = ee_cache_hint(&k->cache, qualified, strlen(qualified));
    }
    return rc;
}
