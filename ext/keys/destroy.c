/* SPDX-License-Identifier: MIT
 *
 * destroy.c: destroys a key, or one old version of it: crypto-shredding.
 *
 * What is destroyed is every wrap of the KEK in this database. The record
 * stays as a tombstone: the name is not made again by mistake, and an envelope
 * can be told what became of its key.
 */
#include "db/wipe.h"
#include "keys/seal_only_parts.h"
#include "keys/shared.h"
#include "keys/state.h"
#include "keys/subject.h"

/* Enough of a wrap to recognise it anywhere. */
#define NEEDLE_BYTES 32

struct destruction {
    struct ee_state_change change; /* first */
    struct ee_wrap *wraps;         /* what is destroyed, to look for later */
};

static int check_state(const struct ee_key_record *r, struct ee_error *err)
{
    if (r->state == EE_STATE_DISABLED) {
        return EE_OK;
    }
    return ee_fail(err, EE_KEY_STATE,
                   "key %s version %u is %s, and only a disabled key is "
                   "destroyed: SELECT envelope_key_set_state('%s', 'disabled')",
                   r->name, r->version, ee_state_name(r->state), r->name);
}

/* "Destroyed" is said only of what is gone. */
static int delete_wraps(struct ee_state_change *c,
                        const struct ee_key_record *r, struct ee_error *err)
{
    struct ee_statements *s = &c->k->statements;
    bool yes = true;
    int rc = ee_store_delete_wraps(s, c->e->schema, r->fingerprint, err);

    if (rc == EE_OK) {
        rc = ee_store_has_wrap(s, c->e->schema, r->fingerprint, &yes, err);
    }
    return rc == EE_OK && yes ? ee_keys_not_written(c->e->schema, r->name, err)
                              : rc;
}

static int destroy_one(struct ee_state_change *c, const struct ee_key_record *r,
                       struct ee_error *err)
{
    struct destruction *d = (struct destruction *)c;
    struct ee_wrap *list = NULL;
    struct ee_wrap **end = &list;
    int rc = check_state(r, err);

    if (rc == EE_OK) {
        rc = ee_store_wraps(&c->k->statements, c->e->schema, r->fingerprint,
                            &list, err);
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = d->wraps;
    d->wraps = list;
    if (rc == EE_OK) {
        rc = delete_wraps(c, r, err);
    }
    /* with the last of the name's own versions */
    if (rc == EE_OK && !c->one && r->version == c->e->manifest.current) {
        rc = ee_seal_only_destroy_all(c->k, c->e->schema, r->name, &d->wraps,
                                      err);
    }
    if (rc == EE_OK) {
        ee_cache_forget(&c->k->cache, c->e->schema, r->fingerprint);
        ee_shared_forget(r->fingerprint);
    }
    return rc;
}

/* SQLite overwrites what it deletes only when told to. */
static int write_wiping(struct ee_state_change *c, struct ee_error *err)
{
    int was = 0;
    int rc = ee_secure_delete_on(c->k->db, c->e->schema, &was, err);

    if (rc == EE_OK) {
        rc = ee_state_change_write(c, err);
        ee_secure_delete_restore(c->k->db, c->e->schema, was);
    }
    return rc;
}

/* True also when there is no memory to look: not seen is not gone. */
static bool rest_in_files(sqlite3 *db, const char *schema,
                          const struct ee_wrap *wraps)
{
    struct ee_bytes *needles = NULL; /* sqlite3_free() */
    size_t count = 0;
    bool found = true;

    for (const struct ee_wrap *w = wraps; w != NULL; w = w->next) {
        count++;
    }
    needles = sqlite3_malloc64((count + 1) * sizeof *needles);
    if (needles == NULL) {
        return true;
    }
    count = 0;
    for (const struct ee_wrap *w = wraps; w != NULL; w = w->next) {
        if (w->wrapped.n >= NEEDLE_BYTES) {
            needles[count++] = ee_bytes(
                w->wrapped.p + w->wrapped.n - NEEDLE_BYTES, NEEDLE_BYTES);
        }
    }
    found = ee_residue_in_files(db, schema, needles, count);
    sqlite3_free(needles);
    return found;
}

enum ee_leftover ee_keys_look_for_wraps(struct ee_keys *k, const char *schema,
                                        const struct ee_wrap *wraps)
{
    sqlite3 *db = k->db;

    if (!sqlite3_get_autocommit(db)) {
        return EE_LEFT_UNTIL_COMMIT;
    }
    if (!ee_wal_truncate(db, schema)) {
        return EE_LEFT_IN_WAL;
    }
    return rest_in_files(db, schema, wraps) ? EE_LEFT_IN_FILE : EE_LEFT_NOTHING;
}

/* By its name a key goes with all that it wraps, as asked; an old version must
 * not take subjects along by accident. */
static int check_subjects(const struct ee_state_change *c, struct ee_error *err)
{
    const char *name = c->e->record.name;
    bool yes = false;
    int64_t count = 0;
    int rc = ee_subjects_exist(&c->k->statements, c->e->schema, &yes, err);

    if (rc == EE_OK && yes) {
        rc = ee_subjects_under(&c->k->statements, c->e->schema, c->key_id,
                               &count, err);
    }
    if (rc == EE_OK && count > 0) {
        rc = ee_fail(err, EE_KEY_STATE,
                     "version %u of key %s wraps the keys of %lld subjects, "
                     "which would be lost: move them by SELECT "
                     "envelope_key_rewrap(name) FROM envelope_keys WHERE cmks "
                     "= 'key:%s#%u' first",
                     c->version, name, (long long)count, name, c->version);
    }
    return rc;
}

static int check_may_destroy(const struct ee_state_change *c,
                             struct ee_error *err)
{
    if (c->one && !ee_state_change_is_old(c)) {
        return ee_fail(err, EE_MISUSE,
                       "version %u of key %s is the current one: rotate the "
                       "key first, or destroy all of it by its name",
                       c->version, c->e->record.name);
    }
    return c->one ? check_subjects(c, err) : EE_OK;
}

int ee_keys_destroy(struct ee_keys *k, const char *name, size_t n,
                    enum ee_leftover *left, struct ee_error *err)
{
    struct destruction d = {
        .change = {.k = k, .state = EE_STATE_DESTROYED, .also = destroy_one}};
    struct ee_seal_only_row row;
    bool seal_only = false;
    char buffer[EE_SCHEMA_MAX + EE_NAME_MAX];
    size_t slash = 0;
    int rc = ee_seal_only_meant(k, name, n, &seal_only, &row, err);

    *left = EE_LEFT_NOTHING;
    if (rc == EE_OK && seal_only) {
        rc = ee_seal_only_destroy(k, &row, left, err);
    }
    if (rc != EE_OK || seal_only) {
        return ee_audit_outcome(&k->audit, "destroy", name, NULL, rc, err);
    }
    if (ee_subject_meant(k, buffer, &name, &n, &slash)) {
        rc = ee_subject_destroy(k, name, n, slash, left, err);
        return ee_audit_outcome(&k->audit, "destroy", name, NULL, rc, err);
    }
    rc = ee_state_change_find(&d.change, name, n, err);
    if (rc == EE_OK) {
        rc = check_may_destroy(&d.change, err);
    }
    if (rc == EE_OK) {
        rc = write_wiping(&d.change, err);
    }
    if (rc == EE_OK) {
        ee_cache_forget_subjects(&k->cache);
        *left = ee_keys_look_for_wraps(k, d.change.e->schema, d.wraps);
    }
    ee_wraps_free(d.wraps);
    ee_state_change_clear(&d.change);
    return ee_audit_outcome(&k->audit, "destroy", name, NULL, rc, err);
}
