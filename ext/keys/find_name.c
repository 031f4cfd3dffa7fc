/* SPDX-License-Identifier: MIT
 *
 * find_name.c: which key a name is, in which database.
 */
#include "base/text.h"
#include "keys/find.h"

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

static int look_for_part(void *arg, const char *schema, struct ee_error *err)
{
    struct ee_keys *k = arg;
    bool partial = false;
    const int rc = ee_store_is_partial(&k->statements, schema, &partial, err);

    if (rc != EE_OK || !partial) {
        return rc == EE_OK ? EE_KEY_UNKNOWN : rc; /* the next, please */
    }
    return ee_fail(err, EE_TAMPERED,
                   "no such key, and %s has lost some of its key tables "
                   "(envelope_key, envelope_key_wrap, envelope_key_manifest): "
                   "restore them from a backup",
                   schema);
}

int ee_find_lost_tables(struct ee_keys *k, struct ee_error *err)
{
    const int rc = ee_keys_each_schema(k, look_for_part, k, err);

    return rc == EE_KEY_UNKNOWN ? EE_OK : rc;
}

/* Which database is in the way? */
int ee_find_locked(const char *schema, struct ee_error *err)
{
    return ee_fail(err, EE_BUSY,
                   "%s is locked by another connection, and may have the key; "
                   "try again ('main:pii' is looked for in main only)",
                   schema);
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
        return rc == EE_BUSY ? ee_find_locked(schema, err) : rc;
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
            rc = ee_find_lost_tables(k, err);
            if (rc == EE_OK) {
                rc = told ? unknown_name(&name, err) : untold_name(err);
            }
        }
    }
    return rc;
}

/* Another connection may rotate between the search and the verification:
 * then what was found is no longer current. */
int ee_find_key_name(struct ee_keys *k, const char *text, size_t n, bool told,
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
