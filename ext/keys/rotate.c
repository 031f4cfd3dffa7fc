/* SPDX-License-Identifier: MIT
 *
 * rotate.c: makes the next version of a key.
 */
#include "keys/draft.h"
#include "keys/subject.h"

#include <string.h>

/* The next version, wrapped under the CMKs of the current one. The provider
 * works before any transaction of ours is open. */
static int draft_next(struct ee_keys *k, const struct ee_key_entry *e,
                      struct ee_draft *draft, struct ee_error *err)
{
    int rc = EE_OK;

    draft->record = (struct ee_key_record){.version = e->record.version + 1,
                                           .suite = e->record.suite};
    memcpy(draft->record.name, e->record.name, sizeof draft->record.name);
    draft->generation = e->manifest.generation + 1;
    draft->policy = e->manifest.policy;
    memcpy(ee_draft_name_secret(draft), e->kek->name_secret, EE_KEY_BYTES);
    rc = ee_draft_draw(k, draft, err);
    return rc == EE_OK ? ee_draft_wrap_again(k, e->schema, draft,
                                             e->record.fingerprint, err)
                       : rc;
}

/* The version that sealed until now only opens from now on. */
static int retire(struct ee_keys *k, const struct ee_key_entry *e,
                  uint64_t generation, struct ee_error *err)
{
    struct ee_key_record r = e->record;

    r.state = EE_STATE_DECRYPT_ONLY;
    r.generation = generation;
    ee_record_tag2(r.tag2, &r, e->kek->name_secret);
    return ee_store_update(&k->statements, e->schema, &r, err);
}

/* Seals are counted from none again. The old version seals no more. */
static int count_anew(struct ee_keys *k, const struct ee_key_entry *e,
                      const struct ee_draft *draft, struct ee_error *err)
{
    int rc = EE_OK;

    if (draft->policy.rotate_seals == 0) {
        return EE_OK;
    }
    rc = ee_store_drop_seals(&k->statements, e->schema, e->kek->key_id, err);
    return rc == EE_OK ? ee_keys_start_count(k, e->schema, &draft->record,
                                             draft->payload, err)
                       : rc;
}

static int write_next(struct ee_keys *k, const struct ee_key_entry *e,
                      const struct ee_draft *draft, bool *stale,
                      struct ee_error *err)
{
    const bool active = e->record.state == EE_STATE_ACTIVE;
    struct ee_write write;
    int rc = ee_keys_begin(k, e->schema, &write, err);

    *stale = false;
    if (rc != EE_OK) {
        return rc;
    }
    rc = ee_keys_lock(k, e, stale, err);
    if (rc == EE_OK) {
        rc = ee_draft_check_seen(k, e->schema, draft, e->record.fingerprint,
                                 stale, err);
    }
    if (rc == EE_OK && active) {
        rc = retire(k, e, draft->generation, err);
    }
    if (rc == EE_OK) {
        rc = ee_draft_insert(k, e->schema, draft, err);
    }
    if (rc == EE_OK) {
        rc = count_anew(k, e, draft, err);
    }
    if (rc == EE_OK) {
        rc = ee_draft_manifest(k, e->schema, draft, active ? 2 : 1, err);
    }
    rc = ee_audit_change(&k->audit, "rotated", e->schema, &draft->record,
                         write.inner, rc, err);
    return ee_keys_end(k, &write, rc, err);
}

static int check_may_rotate(const struct ee_key_record *r, struct ee_error *err)
{
    if (r->state == EE_STATE_ACTIVE || r->state == EE_STATE_DECRYPT_ONLY) {
        return EE_OK;
    }
    return ee_fail(err, EE_KEY_STATE, "key %s version %u is %s", r->name,
                   r->version, ee_state_name(r->state));
}

/* only_due: somebody else may have rotated since it was found to be due. */
static int rotate_once(struct ee_keys *k, const char *name, size_t n,
                       bool only_due, uint8_t *key_id, bool *stale,
                       struct ee_error *err)
{
    struct ee_key_entry *e = NULL;
    struct ee_draft *draft = NULL;
    bool due = true;
    int rc = ee_keys_for_change(k, name, n, &e, err);

    *stale = false;
    if (rc == EE_OK && only_due) {
        rc = ee_keys_is_due(k, e, &due, err);
    }
    if (rc == EE_OK && !due) {
        ee_cache_unpin(e);
        return EE_OK;
    }
    if (rc == EE_OK) {
        rc = check_may_rotate(&e->record, err);
    }
    if (rc == EE_OK) {
        rc = ee_draft_new(&draft, err);
    }
    if (rc == EE_OK) {
        rc = draft_next(k, e, draft, err);
    }
    if (rc == EE_OK) {
        rc = write_next(k, e, draft, stale, err);
    }
    if (rc == EE_OK) {
        memcpy(key_id, draft->record.fingerprint, EE_KEY_ID_BYTES);
        rc = ee_draft_keep(k, e->schema, draft, err);
    }
    ee_draft_free(draft);
    ee_cache_unpin(e);
    return rc;
}

int ee_keys_rotate(struct ee_keys *k, const char *name, size_t n,
                   uint8_t *key_id, struct ee_error *err)
{
    bool stale = true;
    size_t slash = 0;
    int rc = EE_BUSY;

    if (ee_subject_name(name, n, &slash)) {
        rc = ee_fail(err, EE_MISUSE,
                     "the key of a subject has one version: rotate %.*s, and "
                     "SELECT envelope_key_rewrap('%.*s'); to leave the key, "
                     "make another one and seal the rows again",
                     (int)slash, name, (int)n, name);
        return ee_audit_outcome(&k->audit, "rotate", name, NULL, rc, err);
    }
    for (int i = 0; i < EE_DRAFT_TRIES && rc == EE_BUSY && stale; i++) {
        rc = rotate_once(k, name, n, false, key_id, &stale, err);
    }
    return ee_audit_outcome(&k->audit, "rotate", name, NULL, rc, err);
}

int ee_keys_rotate_due(struct ee_keys *k, const char *name, size_t n,
                       struct ee_error *err)
{
    uint8_t key_id[EE_KEY_ID_BYTES];
    bool stale = true;
    int rc = EE_BUSY;

    for (int i = 0; i < EE_DRAFT_TRIES && rc == EE_BUSY && stale; i++) {
        rc = rotate_once(k, name, n, true, key_id, &stale, err);
    }
    return ee_audit_outcome(&k->audit, "rotate", name, NULL, rc, err);
}
