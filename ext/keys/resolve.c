/* SPDX-License-Identifier: MIT
 *
 * resolve.c: from a name or a key id to a key that may be used now.
 */
#include "base/text.h"
#include "keys/keys.h"

#include <string.h>

int ee_key_name_parse(struct ee_key_name *out, const char *text, size_t n,
                      struct ee_error *err)
{
    const char *colon = memchr(text, ':', n);
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

int ee_keys_check_schema(struct ee_keys *k, const char *schema,
                         struct ee_error *err)
{
    /* SQLite opens temp when it is first used */
    if (schema[0] != '\0' && sqlite3_stricmp(schema, "temp") != 0 &&
        sqlite3_db_readonly(k->db, schema) < 0) {
        return ee_fail(err, EE_MISUSE,
                       "no database %s is attached, so there is no key in it",
                       schema);
    }
    return EE_OK;
}

/* The attached databases' names, copied: an application may attach while a
 * provider works. temp is last. */
int ee_keys_each_schema(struct ee_keys *k,
                        int (*visit)(void *arg, const char *schema,
                                     struct ee_error *err),
                        void *arg, struct ee_error *err)
{
    static const char sql[] =
        "SELECT name, name = 'temp' AS last FROM pragma_database_list"
        " ORDER BY last, seq";
    static const char doing[] = "list the databases";
    char schema[EE_SCHEMA_MAX];
    sqlite3_stmt *stmt = NULL;
    int step = SQLITE_DONE;
    int rc = ee_statement_get(&k->statements, &stmt, sql, "", doing, err);

    if (rc != EE_OK) {
        return rc;
    }
    rc = EE_KEY_UNKNOWN;
    while (rc == EE_KEY_UNKNOWN && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (sqlite3_column_bytes(stmt, 0) >= EE_SCHEMA_MAX) {
            continue; /* no key can be made in it, either */
        }
        (void)sqlite3_snprintf(sizeof schema, schema, "%s",
                               sqlite3_column_text(stmt, 0));
        rc = visit(arg, schema, err);
    }
    if (rc == EE_KEY_UNKNOWN && step != SQLITE_DONE) {
        rc = ee_sql_fail(k->db, step, doing, err);
    }
    ee_statement_put(&k->statements, stmt);
    return rc;
}

struct id_search {
    struct ee_keys *k;
    const uint8_t *key_id;
    struct ee_key_record record;
    struct ee_key_manifest manifest;
    char schema[EE_SCHEMA_MAX];
};

static int look_for_id(void *arg, const char *schema, struct ee_error *err)
{
    struct id_search *s = arg;

    (void)sqlite3_snprintf(sizeof s->schema, s->schema, "%s", schema);
    return ee_store_by_id(&s->k->statements, schema, s->key_id, &s->record,
                          &s->manifest, err);
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

/* Where the entry was found last, then everywhere. */
static int search_id(struct id_search *s, const struct ee_key_entry *hint,
                     struct ee_error *err)
{
    int rc = EE_KEY_UNKNOWN;

    if (hint != NULL && hint->schema[0] != '\0') {
        rc = look_for_id(s, hint->schema, err);
        if (rc != EE_OK) {
            rc = EE_KEY_UNKNOWN; /* detached meanwhile, or gone */
        }
    }
    if (rc == EE_KEY_UNKNOWN) {
        rc = ee_keys_each_schema(s->k, look_for_id, s, err);
    }
    return rc == EE_KEY_UNKNOWN ? unknown_id(s->key_id, err) : rc;
}

/* FORMAT R29 */
static int check_may_open(const struct ee_key_record *r, struct ee_error *err)
{
    if (r->state != EE_STATE_ACTIVE && r->state != EE_STATE_DECRYPT_ONLY) {
        return ee_fail(err, EE_KEY_STATE,
                       "key %s version %u is %s; to use it again: SELECT "
                       "envelope_key_set_state('%s', 'active')",
                       r->name, r->version, ee_state_name(r->state), r->name);
    }
    return EE_OK;
}

/* FORMAT R28 */
static bool may_seal(const struct ee_key_entry *e)
{
    return e->record.version == e->manifest.current &&
           e->record.state == EE_STATE_ACTIVE &&
           e->record.origin == EE_ORIGIN_LOCAL;
}

static int refuse_to_seal(const struct ee_key_record *r, struct ee_error *err)
{
    if (r->origin != EE_ORIGIN_LOCAL) {
        return ee_fail(err, EE_KEY_STATE,
                       "key %s version %u was imported and does not seal",
                       r->name, r->version);
    }
    return ee_fail(err, EE_KEY_STATE,
                   "key %s version %u is %s and does not seal; to use it "
                   "again: SELECT envelope_key_set_state('%s', 'active')",
                   r->name, r->version, ee_state_name(r->state), r->name);
}

int ee_keys_for_open(struct ee_keys *k, const uint8_t *key_id, uint64_t moment,
                     struct ee_key_entry **out, struct ee_error *err)
{
    struct id_search s = {.k = k, .key_id = key_id};
    struct ee_key_entry *e = ee_cache_find(&k->cache, key_id);
    int rc = EE_OK;

    if (e == NULL || e->checked < moment || e->checked < k->changed) {
        rc = search_id(&s, e, err);
        if (rc == EE_OK) {
            rc = ee_keys_load(k, s.schema, &s.record, &s.manifest, &e, err);
        }
    }
    *out = rc == EE_OK ? e : NULL;
    return rc == EE_OK ? check_may_open(&e->record, err) : rc;
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
        return rc;
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

static int find_name_once(struct ee_keys *k, const char *text, size_t n,
                          struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_key_name name;
    struct name_search s = {.k = k, .name = &name};
    int rc = ee_key_name_parse(&name, text, n, err);

    *out = NULL;
    if (rc == EE_OK) {
        rc = ee_keys_check_schema(k, name.schema, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_each_schema(k, look_for_name, &s, err);
    }
    if (rc != EE_KEY_UNKNOWN) { /* the search itself failed */
        return rc;
    }
    if (s.found == 0) {
        return ee_fail(err, EE_KEY_UNKNOWN,
                       "no key %s here; to make it: SELECT "
                       "envelope_key_create('%s')",
                       name.name, name.name);
    }
    return ee_keys_load(k, s.schema, &s.record, &s.manifest, out, err);
}

/* Another connection may rotate between the search and the verification:
 * then what was found is no longer current. */
static int find_name(struct ee_keys *k, const char *text, size_t n,
                     struct ee_key_entry **out, struct ee_error *err)
{
    for (int tries = 0; tries < 10; tries++) {
        int rc = find_name_once(k, text, n, out, err);

        if (rc != EE_OK || *out == NULL ||
            (*out)->record.version == (*out)->manifest.current) {
            return rc;
        }
    }
    return ee_fail(err, EE_BUSY,
                   "the key is being rotated by other connections; try again");
}

int ee_keys_for_seal(struct ee_keys *k, const char *name, size_t n,
                     uint64_t moment, struct ee_key_entry **out,
                     struct ee_error *err)
{
    const uint64_t since = moment > k->changed ? moment : k->changed;
    struct ee_key_entry *e = ee_cache_name(&k->cache, name, n, since);
    int rc = EE_OK;

    *out = e;
    if (e != NULL && may_seal(e)) { /* policy after the cache hit */
        return EE_OK;
    }
    rc = find_name(k, name, n, &e, err);
    if (rc == EE_OK && e != NULL && !may_seal(e)) {
        rc = refuse_to_seal(&e->record, err);
    }
    if (rc == EE_OK) {
        ee_cache_set_name(&k->cache, name, n, k->moment, e);
    }
    *out = rc == EE_OK ? e : NULL;
    return rc;
}

int ee_keys_for_change(struct ee_keys *k, const char *name, size_t n,
                       struct ee_key_entry **out, struct ee_error *err)
{
    (void)ee_keys_now(k);
    return find_name(k, name, n, out, err);
}

int ee_keys_current_of(struct ee_keys *k, struct ee_key_entry *entry,
                       uint64_t moment, struct ee_key_entry **out,
                       struct ee_error *err)
{
    if (may_seal(entry)) {
        *out = entry;
        return EE_OK;
    }
    return ee_keys_for_seal(k, entry->qualified, strlen(entry->qualified),
                            moment, out, err);
}

int ee_keys_describe(struct ee_keys *k, const uint8_t *key_id,
                     struct ee_key_record *out, char *schema,
                     struct ee_error *err)
{
    struct id_search s = {.k = k, .key_id = key_id};
    int rc = search_id(&s, NULL, err);

    *out = s.record;
    memcpy(schema, s.schema, sizeof s.schema);
    return rc;
}
