/* SPDX-License-Identifier: MIT
 *
 * subject_create.c: makes keys of data subjects: when asked to, and at the
 * first seal.
 *
 * The second runs inside the application's INSERT or UPDATE, where no savepoint
 * can be opened. It needs none: it writes one row, by one statement, and
 * SQLite takes that back with the statement, the savepoint or the transaction
 * that it is part of. No commit of ours is made for it.
 */
#include "base/secret.h"
#include "crypto/pool.h"
#include "keys/subject.h"

#include <string.h>
#include <time.h>

#define ALL "/*"

/* Draws a KEK whose key id is free in its database, and wraps it. */
static int draw(struct ee_keys *k, struct ee_key_entry *parent,
                struct ee_subject *s, struct ee_error *err)
{
    uint8_t kek[EE_KEY_BYTES]; /* secret: wiped below */
    bool taken = true;
    int tries = 8; /* a clash is a 2^-64 event: more is a broken generator */
    int rc = EE_OK;

    while (rc == EE_OK && taken && tries-- > 0) { /* FORMAT R10 */
        ee_random(kek, sizeof kek);
        ee_subject_key_id(ee_subject_id(s), kek, parent->kek->suite);
        rc = ee_subjects_id_taken(&k->statements, parent->schema,
                                  ee_subject_id(s), &taken, err);
    }
    if (rc == EE_OK && taken) {
        rc = ee_fail(err, EE_INTERNAL, "the random generator repeats itself");
    }
    if (rc == EE_OK) {
        ee_subject_set(s, EE_STATE_ACTIVE, (uint64_t)time(NULL),
                       parent->kek->key_id);
        rc = ee_subject_wrap_row(k, s, EE_STATE_ACTIVE, parent, kek, err);
    }
    ee_wipe(kek, sizeof kek);
    return rc;
}

/* Is the row there as it was written? A TEMP trigger or an authorizer may have
 * suppressed it, and nothing must be sealed under a key that is not kept. */
static int read_back(struct ee_keys *k, const char *schema,
                     const struct ee_subject *s, struct ee_error *err)
{
    struct ee_subject got;
    int rc = ee_subjects_by_name(&k->statements, schema, s->name,
                                 strlen(s->name), &got, err);

    if (rc == EE_KEY_UNKNOWN ||
        (rc == EE_OK && !ee_equal(got.record, s->record, sizeof s->record))) {
        rc = ee_keys_not_written(schema, s->name, err);
    }
    return rc;
}

static int write_new(struct ee_keys *k, struct ee_key_entry *parent,
                     struct ee_subject *s, struct ee_error *err)
{
    int rc = draw(k, parent, s, err);

    if (rc == EE_OK) {
        rc = ee_subjects_insert(&k->statements, parent->schema, s, err);
    }
    return rc == EE_OK ? read_back(k, parent->schema, s, err) : rc;
}

static int audit(struct ee_keys *k, const struct ee_key_entry *parent,
                 const struct ee_subject *s, bool inner, int rc,
                 struct ee_error *err)
{
    struct ee_key_record r;

    ee_subject_describe(&r, s, parent->record.suite);
    return ee_audit_change(&k->audit, "created", parent->schema, &r, inner, rc,
                           err);
}

/* The name behind its schema. */
static void set_name(struct ee_subject *s, const char *name, size_t n)
{
    const char *colon = memrchr(name, ':', n);
    const size_t start = colon != NULL ? (size_t)(colon + 1 - name) : 0;

    memset(s, 0, sizeof *s);
    memcpy(s->name, name + start, n - start); /* checked: it fits */
}

/* ---- at the first seal ---- */

/* FORMAT R56: does an authentic, active 'pii/ *' (no blank) allow it? */
static int look_for_leave(struct ee_keys *k, struct ee_key_entry *parent,
                          uint64_t moment, bool *yes, struct ee_error *err)
{
    char name[EE_NAME_MAX + sizeof ALL];
    struct ee_subject s;
    struct ee_key_entry *e = NULL;
    const size_t n = strlen(parent->record.name);
    int rc = EE_OK;

    *yes = parent->implicit >= moment && parent->implicit >= k->changed &&
           ee_keys_settled(k);
    if (*yes || !k->subjects.exists) {
        return EE_OK;
    }
    memcpy(name, parent->record.name, n);
    memcpy(name + n, ALL, sizeof ALL);
    rc = ee_subjects_by_name(&k->statements, parent->schema, name,
                             n + sizeof ALL - 1, &s, err);
    if (rc == EE_KEY_UNKNOWN ||
        (rc == EE_OK && ee_subject_state(&s) != EE_STATE_ACTIVE)) {
        return EE_OK; /* not yes */
    }
    if (rc == EE_OK) {
        rc = ee_subject_load(k, parent->schema, &s, moment, &e, err);
    }
    if (rc == EE_OK) {
        *yes = true;
        parent->implicit = k->moment;
    }
    return rc;
}

/* Not outside a write transaction: each row of a SELECT would commit. */
static int check_transaction(struct ee_keys *k, const char *schema,
                             const char *name, struct ee_error *err)
{
    if (sqlite3_txn_state(k->db, schema) == SQLITE_TXN_WRITE) {
        return EE_OK;
    }
    return ee_fail(err, EE_KEY_UNKNOWN,
                   "no key %s here, and it is made at the first seal only by a "
                   "statement that writes to %s, or after BEGIN IMMEDIATE; to "
                   "make it now: SELECT envelope_key_create('%s')",
                   name, schema, name);
}

int ee_subject_make(struct ee_keys *k, struct ee_key_entry *parent,
                    const char *name, size_t n, uint64_t moment,
                    struct ee_subject *out, struct ee_error *err)
{
    bool allowed = false;
    int rc = look_for_leave(k, parent, moment, &allowed, err);

    set_name(out, name, n);
    if (rc == EE_OK && (!allowed || ee_subject_is_all(out))) {
        rc = EE_KEY_UNKNOWN; /* the caller says what to type */
    }
    if (rc == EE_OK) {
        rc = check_transaction(k, parent->schema, out->name, err);
        if (rc != EE_OK) {
            return EE_MISUSE; /* the error is filled */
        }
    }
    if (rc == EE_OK && k->subjects.has_foreign) {
        rc = ee_keys_refuse_foreign(parent->schema, err);
    }
    if (rc == EE_OK) {
        rc = write_new(k, parent, out, err);
        rc = audit(k, parent, out, true, rc, err);
    }
    if (rc == EE_OK) {
        k->subjects_made = true; /* until the transaction ends, or the
                                    statement that is one by itself */
    }
    return rc;
}

/* ---- when asked to ---- */

static int exists(const struct ee_subject *s, struct ee_error *err)
{
    if (ee_subject_state(s) == EE_STATE_DESTROYED) {
        return ee_fail(err, EE_MISUSE,
                       "key %s was destroyed, and its name is not used again: "
                       "choose another one",
                       s->name);
    }
    return ee_fail(err, EE_MISUSE, "key %s exists", s->name);
}

static int make_table(struct ee_keys *k, const char *schema,
                      struct ee_error *err)
{
    bool ours = false;
    int rc = ee_subjects_create_table(k->db, schema, err);

    if (rc == EE_OK) {
        rc = ee_subjects_exist(&k->statements, schema, &ours, err);
    }
    if (rc == EE_OK && !ours) {
        rc = ee_fail(err, EE_CONFIG,
                     "%s has a table or view named envelope_subject that is "
                     "not ours",
                     schema);
    }
    return rc;
}

/* Inside the savepoint. The lock comes first, as for every change. */
static int write_explicit(struct ee_keys *k, struct ee_key_entry *parent,
                          struct ee_subject *s, struct ee_error *err)
{
    struct ee_subject there;
    bool stale = false;
    bool yes = false;
    int rc = ee_keys_lock(k, parent, &stale, err);

    if (rc == EE_OK) {
        rc = ee_subjects_exist(&k->statements, parent->schema, &yes, err);
    }
    if (rc == EE_OK && !yes) {
        rc = make_table(k, parent->schema, err);
    }
    if (rc == EE_OK) {
        rc = ee_subjects_by_name(&k->statements, parent->schema, s->name,
                                 strlen(s->name), &there, err);
        if (rc == EE_OK) {
            return exists(&there, err);
        }
    }
    return rc == EE_KEY_UNKNOWN ? write_new(k, parent, s, err) : rc;
}

int ee_subject_create(struct ee_keys *k, const char *name, size_t n,
                      size_t slash, uint8_t *key_id, struct ee_error *err)
{
    const char *colon = memrchr(name, ':', n);
    const size_t start = colon != NULL ? (size_t)(colon + 1 - name) : 0;
    struct ee_key_entry *parent = NULL;
    struct ee_subject s;
    struct ee_write write;
    int rc = ee_subject_name_check(name + start, n - start, err);

    if (rc == EE_OK) {
        rc = ee_keys_for_seal(k, name, slash, ee_keys_now(k), &parent, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    set_name(&s, name, n);
    ee_cache_pin(parent);
    rc = ee_keys_begin(k, parent->schema, &write, err);
    if (rc == EE_OK) {
        rc = write_explicit(k, parent, &s, err);
        rc = audit(k, parent, &s, write.inner, rc, err);
        rc = ee_keys_end(k, &write, rc, err);
    }
    ee_cache_unpin(parent);
    if (rc == EE_OK) {
        memcpy(key_id, ee_subject_id(&s), EE_KEY_ID_BYTES);
    }
    return rc;
}
