/* SPDX-License-Identifier: MIT
 *
 * find_id.c: which row a key id is, in which database.
 */
#include "base/text.h"
#include "keys/find.h"
#include "keys/seal_only_store.h"

#include <string.h>

struct id_search {
    struct ee_keys *k;
    const uint8_t *key_id;
    bool found; /* `key` */
    struct ee_found_key key;
};

static int look_for_seal_only(const struct id_search *s, const char *schema,
                              struct ee_found_key *out, struct ee_error *err)
{
    struct ee_statements *statements = &s->k->statements;
    bool yes = false;
    int rc = ee_seal_only_exists(statements, schema, &yes, err);

    if (rc == EE_OK) {
        rc = yes ? ee_seal_only_by_id(statements, schema, s->key_id,
                                      &out->record, NULL, err)
                 : EE_KEY_UNKNOWN;
    }
    out->is_seal_only = rc == EE_OK;
    return rc;
}

static int look_in(const struct id_search *s, const char *schema,
                   struct ee_found_key *out, struct ee_error *err)
{
    struct ee_statements *statements = &s->k->statements;
    bool yes = false;
    int rc = ee_store_by_id(statements, schema, s->key_id, &out->record,
                            &out->manifest, err);

    (void)sqlite3_snprintf(sizeof out->schema, out->schema, "%s", schema);
    if (rc != EE_KEY_UNKNOWN) {
        return rc;
    }
    rc = ee_subjects_exist(statements, schema, &yes, err);
    if (rc == EE_OK) {
        rc = yes ? ee_subjects_by_id(statements, schema, s->key_id,
                                     &out->subject, err)
                 : EE_KEY_UNKNOWN;
    }
    out->is_subject = rc == EE_OK;
    return rc == EE_KEY_UNKNOWN ? look_for_seal_only(s, schema, out, err) : rc;
}

static bool is_tombstone(const struct ee_found_key *key)
{
    return (key->is_subject ? ee_subject_state(&key->subject)
                            : key->record.state) == EE_STATE_DESTROYED;
}

/* A key that was destroyed here may live in a copy that is attached. */
static int look_for_id(void *arg, const char *schema, struct ee_error *err)
{
    struct id_search *s = arg;
    struct ee_found_key here = {.is_subject = false};
    const int rc = look_in(s, schema, &here, err);

    if (rc != EE_OK) {
        return rc == EE_BUSY ? ee_find_locked(schema, err) : rc;
    }
    if (!s->found || !is_tombstone(&here)) {
        s->key = here;
        s->found = true;
    }
    return is_tombstone(&here) ? EE_KEY_UNKNOWN : EE_OK;
}

static int unknown_id(const uint8_t *key_id, struct ee_error *err)
{
    char hex[2 * EE_KEY_ID_BYTES + 1];

    ee_hex(hex, ee_bytes(key_id, EE_KEY_ID_BYTES));
    return ee_fail(err, EE_KEY_UNKNOWN,
                   "key unavailable: no key %s in this database or the "
                   "attached ones; ATTACH the database it was sealed in; a "
                   "seal-only version that was destroyed leaves no row",
                   hex);
}

int ee_find_key_id(struct ee_keys *k, const uint8_t *key_id,
                   struct ee_found_key *out, struct ee_error *err)
{
    struct id_search s = {.k = k, .key_id = key_id};
    int rc = ee_keys_each_schema(k, look_for_id, &s, err);

    if (rc == EE_KEY_UNKNOWN) {
        rc = s.found ? EE_OK : ee_find_lost_tables(k, err);
        if (rc == EE_OK && !s.found) {
            rc = unknown_id(key_id, err);
        }
    }
    *out = s.key;
    return rc;
}

int ee_keys_describe(struct ee_keys *k, const uint8_t *key_id,
                     struct ee_key_record *out, char *schema,
                     struct ee_error *err)
{
    struct ee_found_key key;
    int rc = ee_find_key_id(k, key_id, &key, err);

    *out = key.record;
    if (rc == EE_OK && key.is_subject) {
        ee_subject_describe(out, &key.subject, 0);
    }
    memcpy(schema, key.schema, sizeof key.schema);
    return rc;
}

bool ee_keys_id_is_taken(struct ee_keys *k, const uint8_t *key_id)
{
    struct ee_key_record ignored;
    struct ee_error why;
    char schema[EE_SCHEMA_MAX];

    return ee_keys_describe(k, key_id, &ignored, schema, &why) == EE_OK;
}
