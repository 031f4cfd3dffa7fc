/* SPDX-License-Identifier: MIT
 *
 * policy_change.c: sets a policy of a key name.
 */
#include "keys/draft.h"
#include "keys/subject.h"

static int apply(struct ee_key_policy *p, const struct ee_key_entry *e,
                 enum ee_policy_kind kind, uint64_t value, struct ee_error *err)
{
    if (kind == EE_POLICY_ROTATE_AFTER) {
        p->rotate_after = value;
        return EE_OK;
    }
    if (kind == EE_POLICY_ROTATE_SEALS) {
        p->rotate_seals = value;
        return EE_OK;
    }
    if (value > e->manifest.current) {
        return ee_fail(err, EE_MISUSE,
                       "key %s: min_version is at most its current version, %u",
                       e->record.name, e->manifest.current);
    }
    p->min_version = (uint32_t)value;
    return EE_OK;
}

/* From none when the policy is new. A count that is there goes on. */
static int set_count(struct ee_keys *k, const struct ee_key_entry *e,
                     const struct ee_key_policy *policy, struct ee_error *err)
{
    struct ee_seal_count count;
    const uint64_t was = e->manifest.policy.rotate_seals;

    if (policy->rotate_seals == 0) {
        return ee_store_drop_seals(&k->statements, e->schema, e->kek->key_id,
                                   err);
    }
    return was > 0 ? ee_keys_seals(k, e, &count, err)
                   : ee_keys_start_count(k, e->schema, &e->record, e->kek->kek,
                                         err);
}

static int write_policy(struct ee_keys *k, const struct ee_key_entry *e,
                        const struct ee_key_policy *policy, bool *stale,
                        struct ee_error *err)
{
    struct ee_key_manifest m = e->manifest;
    struct ee_key_record r = e->record;
    struct ee_write write;
    int rc = ee_keys_begin(k, e->schema, &write, err);

    *stale = false;
    if (rc != EE_OK) {
        return rc;
    }
    rc = ee_keys_lock(k, e, stale, err);
    if (rc == EE_OK) {
        rc =
            ee_store_put_policy(&k->statements, e->schema, r.name, policy, err);
    }
    if (rc == EE_OK) {
        rc = set_count(k, e, policy, err);
    }
    if (rc == EE_OK) {
        m.generation++;
        m.policy = *policy;
        rc = ee_keys_put_manifest(k, e->schema, r.name, m, e->kek->name_secret,
                                  0, err);
    }
    r.version = 0; /* all of them */
    rc = ee_audit_change(&k->audit, "policy", e->schema, &r, write.inner, rc,
                         err);
    return ee_keys_end(k, &write, rc, err);
}

static int set_once(struct ee_keys *k, const char *name, size_t n,
                    enum ee_policy_kind kind, uint64_t value, bool *stale,
                    struct ee_error *err)
{
    struct ee_key_policy policy = {.rotate_after = 0};
    struct ee_key_entry *e = NULL;
    int rc = ee_keys_for_change(k, name, n, &e, err);

    *stale = false;
    if (rc == EE_OK) {
        policy = e->manifest.policy;
        rc = apply(&policy, e, kind, value, err);
    }
    if (rc == EE_OK) {
        rc = write_policy(k, e, &policy, stale, err);
    }
    ee_cache_unpin(e);
    return rc;
}

int ee_keys_set_policy(struct ee_keys *k, const char *name, size_t n,
                       enum ee_policy_kind kind, uint64_t value,
                       struct ee_error *err)
{
    bool stale = true;
    size_t slash = 0;
    int rc = EE_BUSY;

    if (ee_subject_name(name, n, &slash)) {
        rc = ee_fail(err, EE_MISUSE,
                     "the key of a subject has no policy of its own: set that "
                     "of %.*s",
                     (int)slash, name);
        return ee_audit_outcome(&k->audit, "set_policy", name, NULL, rc, err);
    }
    for (int i = 0; i < EE_DRAFT_TRIES && rc == EE_BUSY && stale; i++) {
        rc = set_once(k, name, n, kind, value, &stale, err);
    }
    return ee_audit_outcome(&k->audit, "set_policy", name, NULL, rc, err);
}
