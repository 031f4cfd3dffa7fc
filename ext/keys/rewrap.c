/* SPDX-License-Identifier: MIT
 *
 * rewrap.c: new wraps for every version of a key: under its CMKs' current
 * versions, or under other CMKs. KEK, key id, record and rows stay as they are.
 *
 * Not to be confused with envelope/rewrap.c, which wraps a row's DEK.
 */
#include "db/wipe.h"
#include "keys/draft.h"
#include "keys/subject.h"

struct target {
    const char *const *cmks; /* none: those that each version has */
    int count;
};

struct version {
    struct ee_key_record record;
    struct ee_draft *draft; /* with its new wraps, once they are made */
};

/* The versions of a name. */
struct work {
    struct ee_keys *k;
    const struct ee_key_entry *e; /* the current version */
    struct target target;
    struct version *versions; /* sqlite3_free() */
    int count;
};

static int gather(void *arg, const struct ee_key_record *r,
                  struct ee_error *err)
{
    struct work *w = arg;
    struct version *bigger = NULL;

    if (r->state == EE_STATE_DESTROYED) {
        return EE_OK;
    }
    bigger =
        sqlite3_realloc64(w->versions, ((size_t)w->count + 1) * sizeof *bigger);
    if (bigger == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    w->versions = bigger;
    w->versions[w->count++] = (struct version){.record = *r};
    return EE_OK;
}

/* The provider works: no transaction of ours is open. */
static int wrap_under_all(struct work *w, struct ee_draft *d,
                          struct ee_error *err)
{
    const char *schema = w->e->schema;
    struct ee_wrap *old = NULL;
    int rc = EE_OK;

    d->alone = w->target.count == 1;
    for (int i = 0; rc == EE_OK && i < w->target.count; i++) {
        rc = ee_draft_wrap(w->k, schema, d, w->target.cmks[i],
                           EE_WRAP_MAY_CREATE | EE_WRAP_VERIFY, err);
    }
    if (rc == EE_OK && w->target.count == 0) {
        rc = ee_store_wraps(&w->k->statements, schema, d->record.fingerprint,
                            &old, err);
        d->alone = old != NULL && old->next == NULL;
    }
    for (struct ee_wrap *o = old; rc == EE_OK && o != NULL; o = o->next) {
        rc = ee_draft_wrap(w->k, schema, d, o->cmk, EE_WRAP_VERIFY, err);
    }
    ee_wraps_free(old);
    return rc == EE_OK ? ee_draft_check_wraps(d, err) : rc;
}

static int draft_version(struct work *w, struct version *v,
                         struct ee_error *err)
{
    struct ee_key_entry *e = NULL;
    int rc =
        ee_keys_load(w->k, w->e->schema, &v->record, &w->e->manifest, &e, err);

    if (rc == EE_OK) {
        rc = ee_draft_new(&v->draft, err);
    }
    if (rc == EE_OK) {
        ee_draft_copy(v->draft, e);
        rc = wrap_under_all(w, v->draft, err);
    }
    return rc;
}

static int draft_all(struct work *w, struct ee_error *err)
{
    int rc = ee_store_versions(&w->k->statements, w->e->schema,
                               w->e->record.name, gather, w, err);

    for (int i = 0; rc == EE_OK && i < w->count; i++) {
        rc = draft_version(w, &w->versions[i], err);
    }
    return rc;
}

static int replace(struct work *w, const struct ee_draft *d,
                   struct ee_error *err)
{
    const char *schema = w->e->schema;
    int rc = ee_store_delete_wraps(&w->k->statements, schema,
                                   d->record.fingerprint, err);

    if (rc == EE_OK) {
        rc = ee_draft_insert_wraps(w->k, schema, d, err);
    }
    return rc == EE_OK ? ee_draft_read_back_wraps(w->k, schema, d, err) : rc;
}

/* All versions of the name. */
static int audit(const struct work *w, bool inner, int rc, struct ee_error *err)
{
    struct ee_key_record r = w->e->record;

    r.version = 0;
    return ee_audit_change(&w->k->audit, "rewrapped", w->e->schema, &r, inner,
                           rc, err);
}

static int write_all(struct work *w, struct ee_error *err)
{
    struct ee_write write;
    bool stale = false;
    int rc = ee_keys_begin(w->k, w->e->schema, &write, err);

    if (rc != EE_OK) {
        return rc;
    }
    rc = ee_keys_lock(w->k, w->e, &stale, err);
    for (int i = 0; rc == EE_OK && i < w->count; i++) {
        rc = replace(w, w->versions[i].draft, err);
    }
    rc = audit(w, write.inner, rc, err);
    return ee_keys_end(w->k, &write, rc, err);
}

static void work_clear(struct work *w)
{
    for (int i = 0; i < w->count; i++) {
        ee_draft_free(w->versions[i].draft);
    }
    sqlite3_free(w->versions);
}

static int refuse_cmks(const char *name, size_t n, struct ee_error *err)
{
    return ee_fail(err, EE_MISUSE,
                   "the key of a subject has no CMK of its own: SELECT "
                   "envelope_key_rewrap('%.*s')",
                   (int)n, name);
}

int ee_keys_rewrap(struct ee_keys *k, const char *name, size_t n,
                   const char *const *cmks, int cmk_count, int *count,
                   struct ee_error *err)
{
    struct work w = {.k = k, .target = {cmks, cmk_count}};
    struct ee_key_entry *e = NULL;
    size_t slash = 0;
    int was = 0;
    int rc = EE_OK;

    if (ee_subject_name(name, n, &slash)) {
        *count = 1;
        rc = cmk_count > 0 ? refuse_cmks(name, n, err)
                           : ee_subject_rewrap(k, name, n, slash, err);
        return ee_audit_outcome(&k->audit, "rewrap", name, NULL, rc, err);
    }
    rc = ee_keys_for_change(k, name, n, &e, err);
    if (rc == EE_OK) {
        w.e = e;
        rc = draft_all(&w, err);
    }
    if (rc == EE_OK) {
        rc = ee_secure_delete_on(k->db, e->schema, &was, err);
    }
    if (rc == EE_OK) {
        rc = write_all(&w, err);
        ee_secure_delete_restore(k->db, e->schema, was);
    }
    *count = w.count;
    work_clear(&w);
    ee_cache_unpin(e);
    return ee_audit_outcome(&k->audit, "rewrap", name, NULL, rc, err);
}
