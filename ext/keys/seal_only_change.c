/* SPDX-License-Identifier: MIT
 *
 * seal_only_change.c: the state and the end of a seal-only version, by its id.
 *
 * No key is needed for it, and no tag holds the state: who writes the database
 * can set it as well. It keeps honest sessions from a version; a destroyed one
 * is gone, with its row. Rows under it are found by envelope_key_id().
 */
#include "base/text.h"
#include "db/wipe.h"
#include "keys/seal_only_parts.h"
#include "keys/state.h"

#include <string.h>

struct change {
    struct ee_keys *k;
    const struct ee_seal_only_row *row;
    uint8_t state;
    struct ee_key_record record; /* as it was */
    struct ee_wrap *wraps;       /* what is destroyed, to look for later */
};

int ee_seal_only_meant(struct ee_keys *k, const char *text, size_t n, bool *yes,
                       struct ee_seal_only_row *out, struct ee_error *err)
{
    struct ee_key_record r;
    int rc = EE_OK;

    *yes = false;
    if (!ee_unhex(out->key_id, sizeof out->key_id, text, n)) {
        return EE_OK;
    }
    rc = ee_keys_describe(k, out->key_id, &r, out->schema, err);
    *yes = rc == EE_OK && r.origin == EE_ORIGIN_SEAL_ONLY;
    return rc == EE_KEY_UNKNOWN ? EE_OK : rc;
}

/* ---- one version ---- */

static int read_row(const struct change *c, struct ee_key_record *r,
                    struct ee_error *err)
{
    const int rc = ee_seal_only_by_id(&c->k->statements, c->row->schema,
                                      c->row->key_id, r, NULL, err);

    return rc == EE_KEY_UNKNOWN ? ee_keys_is_changing("with this id", err) : rc;
}

static int update(struct change *c, struct ee_error *err)
{
    struct ee_key_record now;
    int rc = ee_seal_only_update(&c->k->statements, c->row->schema,
                                 c->row->key_id, c->state, err);

    if (rc == EE_OK) {
        rc = read_row(c, &now, err);
    }
    if (rc == EE_OK && now.state != c->state) {
        rc = ee_keys_not_written(c->row->schema, c->record.name, err);
    }
    return rc;
}

static int delete_which(struct ee_keys *k, const char *schema, const char *name,
                        const struct ee_seal_only_which *which,
                        struct ee_wrap **wraps, struct ee_error *err)
{
    struct ee_statements *s = &k->statements;
    bool left = true;
    int rc = ee_seal_only_wraps(s, schema, which, wraps, err);

    if (rc == EE_OK) {
        rc = ee_seal_only_delete(s, schema, which, err);
    }
    if (rc == EE_OK) {
        rc = ee_seal_only_has(s, schema, which, &left, err);
    }
    if (rc == EE_OK && left) {
        rc = ee_keys_not_written(schema, name, err);
    }
    if (rc == EE_OK) { /* all of them: these few are found again */
        ee_cache_forget_seal_only(&k->cache);
        ee_seal_only_unshare(which);
    }
    return rc;
}

static int destroy(struct change *c, struct ee_error *err)
{
    const struct ee_seal_only_which which = {.key_id = c->row->key_id};
    char hex[2 * EE_KEY_ID_BYTES + 1];

    if (c->record.state != EE_STATE_DISABLED) {
        ee_hex(hex, ee_bytes(c->row->key_id, EE_KEY_ID_BYTES));
        return ee_fail(err, EE_KEY_STATE,
                       "this seal-only version of key %s is %s, and only a "
                       "disabled one is destroyed: SELECT "
                       "envelope_key_set_state('%s', 'disabled')",
                       c->record.name, ee_state_name(c->record.state), hex);
    }
    return delete_which(c->k, c->row->schema, c->record.name, &which, &c->wraps,
                        err);
}

static int write_change(struct change *c, struct ee_error *err)
{
    const bool is_end = c->state == EE_STATE_DESTROYED;
    struct ee_key_record r;
    struct ee_write write;
    int rc = ee_keys_begin(c->k, c->row->schema, &write, err);

    if (rc != EE_OK) {
        return rc;
    }
    rc = ee_seal_only_lock(&c->k->statements, c->row->schema, err);
    if (rc == EE_OK) {
        rc = read_row(c, &c->record, err);
    }
    if (rc == EE_OK) {
        rc = is_end ? destroy(c, err) : update(c, err);
        r = c->record;
        r.state = c->state;
        rc = ee_audit_change(&c->k->audit, is_end ? "destroyed" : "state",
                             c->row->schema, &r, write.inner, rc, err);
    }
    return ee_keys_end(c->k, &write, rc, err);
}

int ee_seal_only_set_state(struct ee_keys *k,
                           const struct ee_seal_only_row *row, uint8_t state,
                           struct ee_error *err)
{
    struct change c = {.k = k, .row = row, .state = state};

    return write_change(&c, err);
}

/* SQLite overwrites what it deletes only when told to. */
int ee_seal_only_destroy(struct ee_keys *k, const struct ee_seal_only_row *row,
                         enum ee_leftover *left, struct ee_error *err)
{
    struct change c = {.k = k, .row = row, .state = EE_STATE_DESTROYED};
    int was = 0;
    int rc = ee_secure_delete_on(k->db, row->schema, &was, err);

    *left = EE_LEFT_NOTHING;
    if (rc == EE_OK) {
        rc = write_change(&c, err);
        ee_secure_delete_restore(k->db, row->schema, was);
    }
    if (rc == EE_OK) {
        *left = ee_keys_look_for_wraps(k, row->schema, c.wraps);
    }
    ee_wraps_free(c.wraps);
    return rc;
}

/* ---- by a name ---- */

int ee_seal_only_destroy_all(struct ee_keys *k, const char *schema,
                             const char *name, struct ee_wrap **wraps,
                             struct ee_error *err)
{
    const struct ee_seal_only_which which = {.name = name};
    bool yes = false;
    int rc = ee_seal_only_exists(&k->statements, schema, &yes, err);

    return rc == EE_OK && yes
               ? delete_which(k, schema, name, &which, wraps, err)
               : rc;
}

struct search {
    struct ee_keys *k;
    struct ee_key_name name;
};

/* EE_OK: the schema has some. */
static int look_for_some(void *arg, const char *schema, struct ee_error *err)
{
    struct search *s = arg;
    const struct ee_seal_only_which which = {.name = s->name.name};
    bool yes = false;
    int rc = EE_KEY_UNKNOWN;

    if (s->name.schema[0] != '\0' &&
        sqlite3_stricmp(s->name.schema, schema) != 0) {
        return EE_KEY_UNKNOWN;
    }
    rc = ee_seal_only_exists(&s->k->statements, schema, &yes, err);
    if (rc == EE_OK && yes) {
        rc = ee_seal_only_has(&s->k->statements, schema, &which, &yes, err);
    }
    return rc == EE_OK && !yes ? EE_KEY_UNKNOWN : rc;
}

int ee_seal_only_refuse_name(struct ee_keys *k, const char *name, size_t n,
                             struct ee_error *err)
{
    struct search s = {.k = k};
    struct ee_error ignored;

    if (ee_key_name_parse(&s.name, name, n, &ignored) != EE_OK ||
        ee_keys_each_schema(k, look_for_some, &s, &ignored) != EE_OK) {
        return err->code;
    }
    return ee_fail(err, EE_KEY_UNKNOWN,
                   "key %s has seal-only versions only, and each has a state "
                   "and an end of its own: SELECT "
                   "envelope_key_set_state(key_id, 'disabled') FROM "
                   "envelope_keys WHERE name = '%s'",
                   s.name.name, s.name.name);
}
