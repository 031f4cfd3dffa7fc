/* SPDX-License-Identifier: MIT
 *
 * subject_change.c: states, new wraps and the destruction of keys of data
 * subjects.
 *
 * Each is a new record in the place of the old one: wrapped anew under the
 * parent's current version, or, for a destroyed key, zeros.
 */
#include "base/secret.h"
#include "base/text.h"
#include "db/wipe.h"
#include "keys/subject.h"

#include <string.h>

/* Enough of a wrap to recognise it anywhere. */
#define NEEDLE_BYTES 32
/* A wrap lies in the file once, and is overwritten there. To look for other
 * copies, which a restored dump may have left, takes as long as the file is
 * big: some milliseconds, and no more. */
#define SEARCHED_BYTES (16LL * 1024 * 1024)

struct change {
    struct ee_keys *k;
    struct ee_key_entry *parent; /* current version, pinned */
    struct ee_subject old;       /* as read and verified */
    struct ee_kek *kek;
    uint8_t state;     /* of the new record */
    const char *event; /* for the audit log */
};

/* Frees and wipes. */
static void change_clear(struct change *c)
{
    ee_kek_free(c->kek);
    ee_cache_unpin(c->parent);
    c->kek = NULL;
    c->parent = NULL;
}

static int read_row(struct change *c, const char *name, size_t n, size_t slash,
                    struct ee_subject *out, struct ee_error *err)
{
    const char *schema = c->parent->schema;
    const char *colon = memrchr(name, ':', n);
    const size_t start = colon != NULL ? (size_t)(colon + 1 - name) : 0;
    bool yes = false;
    int rc = ee_subjects_exist(&c->k->statements, schema, &yes, err);

    if (rc == EE_OK) {
        rc = yes ? ee_subjects_by_name(&c->k->statements, schema, name + start,
                                       n - start, out, err)
                 : EE_KEY_UNKNOWN;
    }
    if (rc == EE_KEY_UNKNOWN) {
        rc = ee_fail(err, EE_KEY_UNKNOWN, "no key %s/%.*s here",
                     c->parent->record.name, (int)(n - slash - 1),
                     name + slash + 1);
    }
    return rc;
}

/* Reads and verifies. The provider may be asked for the parent's versions: no
 * transaction of ours is open. */
static int change_find(struct change *c, const char *name, size_t n,
                       size_t slash, struct ee_error *err)
{
    struct ee_key_entry *wrapper = NULL;
    struct ee_key_record r;
    int rc = ee_keys_for_change(c->k, name, slash, &c->parent, err);

    if (rc == EE_OK) {
        rc = read_row(c, name, n, slash, &c->old, err);
    }
    if (rc == EE_OK && ee_subject_state(&c->old) == EE_STATE_DESTROYED) {
        ee_subject_describe(&r, &c->old, 0);
        rc = ee_keys_destroyed(&r, err);
    }
    if (rc == EE_OK) {
        rc = ee_subject_wrapper(c->k, c->parent->schema, &c->old, c->k->moment,
                                &wrapper, err);
    }
    if (rc == EE_OK) {
        rc = ee_subject_unwrap_row(c->k, c->parent->schema, &c->old, wrapper,
                                   &c->kek, err);
    }
    return rc;
}

/* A new wrap must give the same KEK back before it replaces one. */
static int check_wrap(const struct change *c, const struct ee_subject *s,
                      struct ee_error *err)
{
    struct ee_kek *again = NULL;
    int rc = ee_subject_unwrap_row(c->k, c->parent->schema, s, c->parent,
                                   &again, err);

    if (rc == EE_OK && !ee_equal(again->kek, c->kek->kek, EE_KEY_BYTES)) {
        rc = ee_fail(err, EE_INTERNAL, "its wrap gives another key back");
    }
    ee_kek_free(again);
    return rc;
}

static int new_record(const struct change *c, struct ee_subject *s,
                      struct ee_error *err)
{
    int rc = EE_OK;

    *s = c->old;
    if (c->state == EE_STATE_DESTROYED) { /* FORMAT R55 */
        ee_subject_set(s, c->state, ee_subject_created(&c->old),
                       ee_subject_parent(&c->old));
        return EE_OK;
    }
    rc = ee_subject_wrap_row(c->k, s, c->state, c->parent, c->kek->kek, err);
    return rc == EE_OK ? check_wrap(c, s, err) : rc;
}

static bool same_row(const struct ee_subject *a, const struct ee_subject *b)
{
    return ee_equal(a->record, b->record, sizeof a->record);
}

/* Behind the lock: still the row that was verified? Then the new one, and a
 * look whether it is there. */
static int write_row(const struct change *c, const struct ee_subject *new,
                     struct ee_error *err)
{
    struct ee_statements *s = &c->k->statements;
    const char *schema = c->parent->schema;
    const size_t n = strlen(new->name);
    struct ee_subject now;
    bool stale = false;
    int rc = ee_keys_lock(c->k, c->parent, &stale, err);

    if (rc == EE_OK) {
        rc = ee_subjects_by_name(s, schema, new->name, n, &now, err);
    }
    if (rc == EE_KEY_UNKNOWN || (rc == EE_OK && !same_row(&now, &c->old))) {
        return ee_keys_is_changing(new->name, err);
    }
    if (rc == EE_OK) {
        rc = ee_subjects_update(s, schema, new, err);
    }
    if (rc == EE_OK) {
        rc = ee_subjects_by_name(s, schema, new->name, n, &now, err);
    }
    if (rc == EE_KEY_UNKNOWN || (rc == EE_OK && !same_row(&now, new))) {
        rc = ee_keys_not_written(schema, new->name, err);
    }
    return rc;
}

static int audit(const struct change *c, const struct ee_subject *new,
                 bool inner, int rc, struct ee_error *err)
{
    struct ee_key_record r;

    ee_subject_describe(&r, new, c->parent->record.suite);
    return ee_audit_change(&c->k->audit, c->event, c->parent->schema, &r, inner,
                           rc, err);
}

/* SQLite overwrites what it moves or deletes only when told to. */
static int change_write(struct change *c, struct ee_error *err)
{
    struct ee_subject new;
    struct ee_write write;
    int was = 0;
    int rc = new_record(c, &new, err);

    if (rc == EE_OK) {
        rc = ee_secure_delete_on(c->k->db, c->parent->schema, &was, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    rc = ee_keys_begin(c->k, c->parent->schema, &write, err);
    if (rc == EE_OK) {
        rc = write_row(c, &new, err);
        rc = audit(c, &new, write.inner, rc, err);
        rc = ee_keys_end(c->k, &write, rc, err);
    }
    ee_secure_delete_restore(c->k->db, c->parent->schema, was);
    return rc;
}

bool ee_subject_meant(struct ee_keys *k, char *buffer, const char **name,
                      size_t *n, size_t *slash)
{
    uint8_t key_id[EE_KEY_ID_BYTES];
    struct ee_key_record r;
    struct ee_error ignored;
    char schema[EE_SCHEMA_MAX];

    if (ee_subject_name(*name, *n, slash)) {
        return true;
    }
    if (!ee_unhex(key_id, sizeof key_id, *name, *n) ||
        ee_keys_describe(k, key_id, &r, schema, &ignored) != EE_OK ||
        strchr(r.name, '/') == NULL) {
        return false;
    }
    (void)sqlite3_snprintf(EE_SCHEMA_MAX + EE_NAME_MAX, buffer, "%s:%s", schema,
                           r.name);
    *name = buffer;
    *n = strlen(buffer);
    return ee_subject_name(buffer, *n, slash);
}

int ee_subject_set_state(struct ee_keys *k, const char *name, size_t n,
                         size_t slash, uint8_t state, struct ee_error *err)
{
    struct change c = {.k = k, .state = state, .event = "state"};
    int rc = change_find(&c, name, n, slash, err);

    if (rc == EE_OK) {
        rc = change_write(&c, err);
    }
    change_clear(&c);
    return rc;
}

int ee_subject_rewrap(struct ee_keys *k, const char *name, size_t n,
                      size_t slash, struct ee_error *err)
{
    struct change c = {.k = k, .event = "rewrapped"};
    int rc = change_find(&c, name, n, slash, err);

    if (rc == EE_OK) {
        c.state = ee_subject_state(&c.old);
        rc = change_write(&c, err);
    }
    change_clear(&c);
    return rc;
}

static int check_disabled(const struct ee_subject *s, struct ee_error *err)
{
    if (ee_subject_state(s) == EE_STATE_DISABLED) {
        return EE_OK;
    }
    return ee_fail(err, EE_KEY_STATE,
                   "key %s is %s, and only a disabled key is destroyed: SELECT "
                   "envelope_key_set_state('%s', 'disabled')",
                   s->name, ee_state_name(ee_subject_state(s)), s->name);
}

static enum ee_leftover look_for_rest(struct change *c)
{
    sqlite3 *db = c->k->db;
    const char *schema = c->parent->schema;
    const struct ee_bytes needle =
        ee_bytes(ee_subject_wrapped(&c->old) + EE_WRAPPED_BYTES - NEEDLE_BYTES,
                 NEEDLE_BYTES);

    if (!sqlite3_get_autocommit(db)) {
        return EE_LEFT_UNTIL_COMMIT;
    }
    if (!ee_wal_truncate(db, schema)) {
        return EE_LEFT_IN_WAL;
    }
    if (ee_file_size(db, schema) > SEARCHED_BYTES) {
        return EE_LEFT_UNKNOWN;
    }
    return ee_residue_in_files(db, schema, &needle, 1) ? EE_LEFT_IN_FILE
                                                       : EE_LEFT_NOTHING;
}

int ee_subject_destroy(struct ee_keys *k, const char *name, size_t n,
                       size_t slash, enum ee_leftover *left,
                       struct ee_error *err)
{
    struct change c = {
        .k = k, .state = EE_STATE_DESTROYED, .event = "destroyed"};
    int rc = change_find(&c, name, n, slash, err);

    *left = EE_LEFT_NOTHING;
    if (rc == EE_OK) {
        rc = check_disabled(&c.old, err);
    }
    if (rc == EE_OK) {
        rc = change_write(&c, err);
    }
    if (rc == EE_OK) {
        ee_cache_forget(&k->cache, c.parent->schema, ee_subject_id(&c.old));
        *left = look_for_rest(&c);
    }
    change_clear(&c);
    return rc;
}
