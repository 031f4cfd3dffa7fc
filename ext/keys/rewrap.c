/* SPDX-License-Identifier: MIT
 *
 * rewrap.c: new wraps for every version of a key: under its CMKs' current
 * versions, or under other CMKs. KEK, key id, record and rows stay as they are.
 *
 * Not to be confused with envelope/rewrap.c, which wraps a row's DEK.
 */
#include "db/wipe.h"
#include "keys/draft.h"
#include "keys/rewrap_batch.h"
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
    int rc = EE_OK;

    if (w->target.count == 0) {
        return ee_draft_wrap_again(w->k, schema, d, d->record.fingerprint, err);
    }
    d->alone = w->target.count == 1;
    for (int i = 0; rc == EE_OK && i < w->target.count; i++) {
        rc = ee_draft_wrap(w->k, schema, d, w->target.cmks[i], true, err);
    }
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
        if (w->target.count == 0) {
            rc = ee_draft_see(w->k, w->e->schema, v->draft,
                              v->record.fingerprint, err);
        }
    }
    return rc;
}

/* What providers can do without the payload, for all versions at once. */
static int rewrap_by_providers(struct work *w, struct ee_error *err)
{
    const size_t count = (size_t)w->count;
    struct ee_draft **drafts =
        sqlite3_malloc64((count + 1) * sizeof(struct ee_draft *));
    int rc = EE_OK;

    if (drafts == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        drafts[i] = w->versions[i].draft;
    }
    rc = ee_rewrap_batches(w->k, w->e->schema, drafts, count, err);
    sqlite3_free(drafts);
    return rc;
}

static int draft_all(struct work *w, struct ee_error *err)
{
    int rc = ee_store_versions(&w->k->statements, w->e->schema,
                               w->e->record.name, gather, w, err);

    for (int i = 0; rc == EE_OK && i < w->count; i++) {
        rc = draft_version(w, &w->versions[i], err);
    }
    if (rc == EE_OK && w->target.count == 0) {
        rc = rewrap_by_providers(w, err);
    }
    for (int i = 0; rc == EE_OK && i < w->count; i++) {
        rc = wrap_under_all(w, w->versions[i].draft, err);
    }
    return rc;
}

static int replace(struct work *w, const struct ee_draft *d, bool *stale,
                   struct ee_error *err)
{
    const char *schema = w->e->schema;
    const uint8_t *key_id = d->record.fingerprint;
    int rc = ee_draft_check_seen(w->k, schema, d, key_id, stale, err);

    if (rc == EE_OK) {
        rc = ee_store_delete_wraps(&w->k->statements, schema, key_id, err);
    }
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

static int write_all(struct work *w, bool *stale, struct ee_error *err)
{
    struct ee_write write;
    int rc = ee_keys_begin(w->k, w->e->schema, &write, err);

    if (rc != EE_OK) {
        return rc;
    }
    rc = ee_keys_lock(w->k, w->e, stale, err);
    for (int i = 0; rc == EE_OK && i < w->count; i++) {
        rc = replace(w, w->versions[i].draft, stale, err);
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

static int rewrap_once(struct work *w, const char *name, size_t n, bool *stale,
                       struct ee_error *err)
{
    struct ee_key_entry *e = NULL;
    int was = 0;
    int rc = ee_keys_for_change(w->k, name, n, &e, err);

    *stale = false;
    if (rc == EE_OK) {
        w->e = e;
        rc = draft_all(w, err);
    }
    if (rc == EE_OK) {
        rc = ee_secure_delete_on(w->k->db, e->schema, &was, err);
    }
    if (rc == EE_OK) {
        rc = write_all(w, stale, err);
        ee_secure_delete_restore(w->k->db, e->schema, was);
    }
    work_clear(w);
    ee_cache_unpin(e);
    return rc;
}

int ee_keys_rewrap(struct ee_keys *k, const char *name, size_t n,
                   const char *const *cmks, int cmk_count, int *count,
                   struct ee_error *err)
{
    size_t slash = 0;
    bool stale = true;
    int rc = EE_BUSY;

    if (ee_subject_name(name, n, &slash)) {
        *count = 1;
        rc = cmk_count > 0 ? refuse_cmks(name, n, err)
                           : ee_subject_rewrap(k, name, n, slash, err);
        return ee_audit_outcome(&k->audit, "rewrap", name, NULL, rc, err);
    }
    for (int i = 0; i < EE_DRAFT_TRIES && rc == EE_BUSY && stale; i++) {
        struct work w = {.k = k, .target = {cmks, cmk_count}};

        rc = rewrap_once(&w, name, n, &stale, err);
        *count = w.count;
    }
    return ee_audit_outcome(&k->audit, "rewrap", name, NULL, rc, err);
}
