/* SPDX-License-Identifier: MIT
 *
 * resolve.c: from a name or a key id to a key that may be used now.
 */
#include "base/text.h"
#include "keys/subject.h"

#include <string.h>

int ee_key_name_parse(struct ee_key_name *out, const char *text, size_t n,
                      struct ee_error *err)
{
    const char *colon = memrchr(text, ':', n); /* a schema may hold one */
    const size_t schema_n = colon != NULL ? (size_t)(colon - text) : 0;
    int rc = EE_OK;

    memset(out, 0, sizeof *out);
    if (colon != NULL && (schema_n == 0 || schema_n >= sizeof out->schema)) {
        return ee_fail(err, EE_MISUSE,
                       "a key is named 'pii', or 'aux:pii' for the key of an "
                       "attached database");
    }
    memcpy(out->schema, text, schema_n);
    if (colon != NULL) {
        text = colon + 1;
        n -= schema_n + 1;
    }
    rc = ee_key_name_check(text, n, err);
    if (rc == EE_OK) {
        memcpy(out->name, text, n);
    }
    return rc;
}

struct id_search {
    struct ee_keys *k;
    const uint8_t *key_id;
    bool found;
    struct ee_key_record record;
    struct ee_key_manifest manifest;
    bool is_subject; /* then it is this, and not the record */
    struct ee_subject subject;
    char schema[EE_SCHEMA_MAX];
};

static int look_in(struct id_search *s, const char *schema,
                   struct ee_error *err)
{
    bool yes = false;
    int rc = ee_store_by_id(&s->k->statements, schema, s->key_id, &s->record,
                            &s->manifest, err);

    (void)sqlite3_snprintf(sizeof s->schema, s->schema, "%s", schema);
    if (rc != EE_KEY_UNKNOWN) {
        return rc;
    }
    rc = ee_subjects_exist(&s->k->statements, schema, &yes, err);
    if (rc == EE_OK) {
        rc = yes ? ee_subjects_by_id(&s->k->statements, schema, s->key_id,
                                     &s->subject, err)
                 : EE_KEY_UNKNOWN;
    }
    s->is_subject = rc == EE_OK;
    return rc;
}

static bool is_tombstone(const struct id_search *s)
{
    return (s->is_subject ? ee_subject_state(&s->subject) : s->record.state) ==
           EE_STATE_DESTROYED;
}

/* Which database is in the way? */
static int locked(const char *schema, struct ee_error *err)
{
    return ee_fail(err, EE_BUSY,
                   "%s is locked by another connection, and may have the key; "
                   "try again ('main:pii' is looked for in main only)",
                   schema);
}

/* A key that was destroyed here may live in a copy that is attached. */
static int look_for_id(void *arg, const char *schema, struct ee_error *err)
{
    struct id_search *s = arg;
    struct id_search here = {.k = s->k, .key_id = s->key_id, .found = true};
    const int rc = look_in(&here, schema, err);

    if (rc != EE_OK) {
        return rc == EE_BUSY ? locked(schema, err) : rc;
    }
    if (!s->found || !is_tombstone(&here)) {
        *s = here;
    }
    return is_tombstone(&here) ? EE_KEY_UNKNOWN : EE_OK;
}

static int unknown_id(const uint8_t *key_id, struct ee_error *err)
{
    char hex[2 * EE_KEY_ID_BYTES + 1];

    ee_hex(hex, ee_bytes(key_id, EE_KEY_ID_BYTES));
    return ee_fail(err, EE_KEY_UNKNOWN,
                   "key unavailable: no key %s in this database or the "
                   "attached ones; ATTACH the database it was sealed in",
                   hex);
}

static int search_id(struct id_search *s, struct ee_error *err)
{
    int rc = ee_keys_each_schema(s->k, look_for_id, s, err);

    if (rc == EE_KEY_UNKNOWN) {
        rc = s->found ? EE_OK : unknown_id(s->key_id, err);
    }
    return rc;
}

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

    if (e == NULL || !is_fresh(k, e, e->checked, moment)) {
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
    struct id_search s = {.k = k, .key_id = key_id};
    int rc = search_id(&s, err);

    if (rc == EE_OK && s.is_subject) {
        return ee_subject_open_row(k, s.schema, &s.subject, moment, out, err);
    }
    if (rc == EE_OK) { /* before a provider is asked */
        rc = check_opens(k, s.schema, &s.record, moment, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_load(k, s.schema, &s.record, &s.manifest, out, err);
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
    *out = rc == EE_OK ? e : NULL;
    return rc;
}

struct name_search {
    struct ee_keys *k;
    const struct ee_key_name *name;
    int found;
    struct ee_key_record record;
    struct ee_key_manifest manifest;
    char schema[EE_SCHEMA_MAX];
};

/* Goes on after a hit, to notice an ambiguous name. */
static int look_for_name(void *arg, const char *schema, struct ee_error *err)
{
    struct name_search *s = arg;
    struct ee_key_record r;
    struct ee_key_manifest m;
    int rc = EE_KEY_UNKNOWN;

    if (s->name->schema[0] != '\0' &&
        sqlite3_stricmp(s->name->schema, schema) != 0) {
        return EE_KEY_UNKNOWN;
    }
    rc =
        ee_store_current(&s->k->statements, schema, s->name->name, &r, &m, err);
    if (rc != EE_OK) {
        return rc == EE_BUSY ? locked(schema, err) : rc;
    }
    if (s->found++ > 0) {
        return ee_fail(err, EE_MISUSE,
                       "key name %s is ambiguous: say '%s:%s' or '%s:%s'",
                       r.name, s->schema, r.name, schema, r.name);
    }
    s->record = r;
    s->manifest = m;
    (void)sqlite3_snprintf(sizeof s->schema, s->schema, "%s", schema);
    return EE_KEY_UNKNOWN;
}

bool ee_keys_name_exists(struct ee_keys *k, const char *text, size_t n)
{
    struct ee_key_name name;
    struct name_search s = {.k = k, .name = &name};
    struct ee_error ignored;

    return ee_key_name_parse(&name, text, n, &ignored) == EE_OK &&
           ee_keys_each_schema(k, look_for_name, &s, &ignored) != EE_OK &&
           s.found > 0;
}

/* Arguments may be swapped: then what names no key is a value, and no message
 * tells it. */
static int untold_name(struct ee_error *err)
{
    return ee_fail(err, EE_KEY_UNKNOWN,
                   "no key of that name here (the value comes first, then the "
                   "key); SELECT name FROM temp.envelope_keys lists the keys, "
                   "SELECT envelope_key_create('pii') makes one");
}

static int unknown_name(const struct ee_key_name *name, struct ee_error *err)
{
    const char *colon = name->schema[0] != '\0' ? ":" : "";
    uint8_t id[EE_KEY_ID_BYTES];
    char hex[2 * sizeof id + 1];

    if (ee_unhex(id, sizeof id, name->name, strlen(name->name))) {
        ee_hex(hex, ee_bytes(id, sizeof id));
        return ee_fail(err, EE_KEY_UNKNOWN,
                       "no key is named %s, which has the form of a key id: "
                       "SELECT schema, name, version FROM temp.envelope_keys "
                       "WHERE key_id = '%s'",
                       name->name, hex);
    }
    return ee_fail(err, EE_KEY_UNKNOWN,
                   "no key %s here; to make it: SELECT "
                   "envelope_key_create('%s%s%s')",
                   name->name, name->schema, colon, name->name);
}

/* told: a message may repeat the text. */
static int find_name_once(struct ee_keys *k, const char *text, size_t n,
                          bool told, struct ee_key_entry **out,
                          struct ee_error *err)
{
    struct ee_key_name name;
    struct name_search s = {.k = k, .name = &name};
    int rc = ee_key_name_parse(&name, text, n, err);

    *out = NULL;
    if (rc == EE_OK && name.schema[0] != '\0') {
        rc = ee_keys_own_schema(k, name.schema, err);
        if (rc == EE_MISUSE && !told) {
            rc = untold_name(err);
        }
    }
    if (rc == EE_OK) {
        rc = ee_keys_each_schema(k, look_for_name, &s, err);
        if (rc == EE_KEY_UNKNOWN && s.found > 0) {
            return ee_keys_load(k, s.schema, &s.record, &s.manifest, out, err);
        }
        if (rc == EE_KEY_UNKNOWN) {
            rc = told ? unknown_name(&name, err) : untold_name(err);
        }
    }
    return rc;
}

/* Another connection may rotate between the search and the verification:
 * then what was found is no longer current. */
static int find_name(struct ee_keys *k, const char *text, size_t n, bool told,
                     struct ee_key_entry **out, struct ee_error *err)
{
    for (int tries = 0; tries < 10; tries++) {
        int rc = find_name_once(k, text, n, told, out, err);

        if (rc != EE_OK) {
            ee_statements_renew(&k->statements);
            return rc;
        }
        if (*out != NULL &&
            (*out)->record.version == (*out)->manifest.current) {
            return EE_OK;
        }
    }
    return ee_fail(err, EE_BUSY,
                   "the key is being rotated by other connections; try again");
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
    rc = find_name(k, name, n, false, out, err);
    if (rc == EE_OK) {
        ee_cache_set_name(&k->cache, name, n, k->moment, *out);
    }
    return rc;
}

/* Policy after the cache hit. */
static int check_seal(struct ee_keys *k, const struct ee_key_entry *e,
                      uint64_t moment, struct ee_error *err)
{
    if (ee_keys_may_seal(e)) {
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
    return rc;
}

int ee_keys_for_change(struct ee_keys *k, const char *name, size_t n,
                       struct ee_key_entry **out, struct ee_error *err)
{
    int rc = EE_OK;

    (void)ee_keys_now(k);
    rc = find_name(k, name, n, true, out, err);
    if (rc == EE_OK) {
        ee_cache_pin(*out);
    } else {
        *out = NULL;
    }
    return rc;
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
    if (rc == EE_OK) {
        entry->current = ee_cache_hint(&k->cache, qualified, strlen(qualified));
    }
    return rc;
}

int ee_keys_describe(struct ee_keys *k, const uint8_t *key_id,
                     struct ee_key_record *out, char *schema,
                     struct ee_error *err)
{
    struct id_search s = {.k = k, .key_id = key_id};
    int rc = search_id(&s, err);

    *out = s.record;
    if (rc == EE_OK && s.is_subject) {
        ee_subject_describe(out, &s.subject, 0);
    }
    memcpy(schema, s.schema, sizeof s.schema);
    return rc;
}

bool ee_keys_id_is_taken(struct ee_keys *k, const uint8_t *key_id)
{
    struct ee_key_record ignored;
    struct ee_error why;
    char schema[EE_SCHEMA_MAX];

    return ee_keys_describe(k, key_id, &ignored, schema, &why) == EE_OK;
}
