/* SPDX-License-Identifier: MIT
 *
 * subject.c: from the name or the key id of a data subject's key to its row.
 */
#include "keys/subject.h"

#include <string.h>

/* ---- where they are ---- */

static bool is_known(const struct ee_keys *k, uint64_t checked, uint64_t moment)
{
    return checked >= moment && checked >= k->changed;
}

int ee_subject_table(struct ee_keys *k, const char *schema, uint64_t moment,
                     struct ee_error *err)
{
    struct ee_subject_table *t = &k->subjects;
    int rc = EE_OK;

    if (is_known(k, t->checked, moment) && strcmp(t->schema, schema) == 0) {
        return EE_OK;
    }
    t->checked = 0;
    rc = ee_subjects_exist(&k->statements, schema, &t->exists, err);
    if (rc == EE_OK) {
        rc = ee_store_has_foreign(&k->statements, schema, &t->has_foreign, err);
    }
    if (rc == EE_OK) {
        (void)sqlite3_snprintf(sizeof t->schema, t->schema, "%s", schema);
        t->checked = k->moment;
    }
    return rc;
}

static int look_for_home(void *arg, const char *schema, struct ee_error *err)
{
    struct ee_keys *k = arg;
    bool yes = false;
    int rc = ee_subjects_exist(&k->statements, schema, &yes, err);

    if (rc == EE_OK && yes) {
        (void)sqlite3_snprintf(sizeof k->subjects.home, k->subjects.home, "%s",
                               schema);
    }
    return rc == EE_OK && !yes ? EE_KEY_UNKNOWN : rc;
}

static int find_home(struct ee_keys *k, uint64_t moment, struct ee_error *err)
{
    struct ee_subject_table *t = &k->subjects;
    int rc = EE_OK;

    if (is_known(k, t->home_checked, moment)) {
        return EE_OK;
    }
    t->home[0] = '\0';
    rc = ee_keys_each_schema(k, look_for_home, k, err);
    if (rc == EE_OK || rc == EE_KEY_UNKNOWN) {
        t->home_checked = k->moment;
        rc = EE_OK;
    }
    return rc;
}

/* ---- by key id ---- */

/* The setting open_keys names parents. The name is what the row says, and
 * authenticated later: a provider must not be asked before this. */
static int check_opens(struct ee_keys *k, const char *schema,
                       const struct ee_subject *s, uint64_t moment,
                       struct ee_error *err)
{
    const char *slash = strchr(s->name, '/');
    char parent[EE_NAME_MAX] = "";
    struct ee_key_record r;
    int rc = EE_OK;

    if (slash != NULL) {
        memcpy(parent, s->name, (size_t)(slash - s->name));
    }
    rc = ee_trust_opens(k, schema, parent, err);
    if (rc != EE_OK) {
        ee_subject_describe(&r, s, 0);
        rc = ee_audit_denied(&k->audit, moment, "open", schema, &r, rc, err);
    }
    return rc;
}

int ee_subject_open_row(struct ee_keys *k, const char *schema,
                        const struct ee_subject *s, uint64_t moment,
                        struct ee_key_entry **out, struct ee_error *err)
{
    int rc = check_opens(k, schema, s, moment, err);

    *out = NULL;
    return rc == EE_OK ? ee_subject_load(k, schema, s, moment, out, err) : rc;
}

/* A cached one that was found fresh. */
static int open_cached(struct ee_keys *k, struct ee_key_entry *e,
                       uint64_t moment, struct ee_error *err)
{
    struct ee_subject s = {.name = ""};
    int rc = EE_OK;

    if (!e->openable) {
        memcpy(s.name, e->record.name, sizeof s.name);
        rc = check_opens(k, e->schema, &s, moment, err);
    }
    if (rc == EE_OK && !ee_keys_may_open(e)) {
        rc = ee_keys_refuse_state(e, "", err);
        rc = ee_subject_denied(k, moment, "open", e, rc, err);
    }
    return rc;
}

/* May what was checked then be used by a statement of this moment? While
 * subjects that were made may be rolled back, the row is looked at each time.
 */
static bool is_fresh(struct ee_keys *k, uint64_t checked, uint64_t moment)
{
    return ee_keys_settled(k) && !k->subjects_made &&
           is_known(k, checked, moment);
}

int ee_subject_for_open(struct ee_keys *k, const uint8_t *key_id,
                        uint64_t moment, struct ee_key_entry *cached,
                        struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_subject s;
    int rc = EE_OK;

    *out = cached;
    if (cached != NULL && is_fresh(k, cached->checked, moment)) {
        return open_cached(k, cached, moment, err);
    }
    rc = find_home(k, moment, err);
    if (rc != EE_OK || k->subjects.home[0] == '\0') {
        return rc == EE_OK ? EE_KEY_UNKNOWN : rc;
    }
    rc = ee_subjects_by_id(&k->statements, k->subjects.home, key_id, &s, err);
    if (rc == EE_OK) {
        rc = ee_keys_ready(k, err);
    }
    if (rc == EE_OK) {
        rc = ee_subject_open_row(k, k->subjects.home, &s, moment, out, err);
    }
    return rc;
}

/* ---- by name ---- */

static int unknown(const struct ee_key_entry *parent, const char *name,
                   size_t n, size_t slash, struct ee_error *err)
{
    const char *subject = name + slash + 1;
    const int subject_n = (int)(n - slash - 1);
    const char *p = parent->record.name;

    return ee_fail(err, EE_KEY_UNKNOWN,
                   "no key %s/%.*s here; to make it: SELECT "
                   "envelope_key_create('%s/%.*s')",
                   p, subject_n, subject, p, subject_n, subject);
}

/* The row of a name behind its schema, in the parent's. */
static int find_row(struct ee_keys *k, struct ee_key_entry *parent,
                    const char *name, size_t n, uint64_t moment,
                    struct ee_subject *out, struct ee_error *err)
{
    const char *colon = memrchr(name, ':', n);
    int rc = ee_subject_table(k, parent->schema, moment, err);

    if (colon != NULL) {
        n -= (size_t)(colon + 1 - name);
        name = colon + 1;
    }
    if (rc == EE_OK) {
        rc = k->subjects.exists
                 ? ee_subjects_by_name(&k->statements, parent->schema, name, n,
                                       out, err)
                 : EE_KEY_UNKNOWN;
    }
    return rc;
}

static int check_name(const char *name, size_t n, struct ee_error *err)
{
    const char *colon = memrchr(name, ':', n);
    const size_t start = colon != NULL ? (size_t)(colon + 1 - name) : 0;

    return ee_subject_name_check(name + start, n - start, err);
}

/* Its entry, from the row. parent: the current version, pinned. */
static int find(struct ee_keys *k, struct ee_key_entry *parent,
                const char *name, size_t n, size_t slash, bool may_make,
                uint64_t moment, struct ee_key_entry **out,
                struct ee_error *err)
{
    struct ee_subject s;
    int rc = find_row(k, parent, name, n, moment, &s, err);

    if (rc == EE_KEY_UNKNOWN) {
        rc = check_name(name, n, err);
        if (rc == EE_OK) {
            rc = may_make ? ee_subject_make(k, parent, name, n, moment, &s, err)
                          : EE_KEY_UNKNOWN;
        }
        if (rc == EE_KEY_UNKNOWN) {
            return unknown(parent, name, n, slash, err);
        }
    }
    if (rc == EE_OK) {
        rc = ee_subject_load(k, parent->schema, &s, moment, out, err);
    }
    if (rc == EE_OK && ee_subject_is_all(&s)) { /* FORMAT R56 */
        rc = ee_fail(err, EE_KEY_STATE,
                     "key %s stands for all subjects of %s and is not one to "
                     "seal under",
                     s.name, parent->record.name);
    }
    return rc;
}

int ee_subject_for_seal(struct ee_keys *k, const char *name, size_t n,
                        size_t slash, uint64_t moment,
                        struct ee_key_entry **out, struct ee_error *err)
{
    const struct ee_name_slot *slot = ee_cache_name(&k->cache, name, n);
    struct ee_key_entry *parent = NULL;
    int rc = EE_OK;

    *out = slot != NULL ? slot->entry : NULL;
    if (slot == NULL || !is_fresh(k, slot->checked, moment)) {
        rc = ee_keys_for_seal(k, name, slash, moment, &parent, err);
        if (rc != EE_OK) {
            return rc;
        }
        ee_cache_pin(parent);
        rc = find(k, parent, name, n, slash, true, moment, out, err);
        ee_cache_unpin(parent);
        if (rc == EE_OK) {
            ee_cache_set_name(&k->cache, name, n, k->moment, *out);
        }
    }
    if (rc == EE_OK && !ee_keys_may_seal(*out)) {
        rc = ee_keys_refuse_to_seal(*out, err);
        rc = ee_subject_denied(k, moment, "seal", *out, rc, err);
    }
    if (rc == EE_OK && *out != NULL) {
        ee_cache_count_use(&k->cache, *out);
    }
    return rc;
}

/* Not into the cache of names: the parent was not asked whether it seals. */
int ee_subject_for_search(struct ee_keys *k, const char *name, size_t n,
                          size_t slash, uint64_t moment,
                          struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_key_entry *parent = NULL;
    int rc = ee_keys_for_search(k, name, slash, moment, &parent, err);

    if (rc != EE_OK) {
        return rc;
    }
    ee_cache_pin(parent);
    rc = find(k, parent, name, n, slash, false, moment, out, err);
    ee_cache_unpin(parent);
    if (rc == EE_OK && *out != NULL) {
        ee_cache_count_use(&k->cache, *out);
    }
    return rc;
}
