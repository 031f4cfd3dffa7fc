/* SPDX-License-Identifier: MIT
 *
 * change.c: what every change of an existing key does: lock, look whether
 * somebody was faster, write the manifest over the result, and read back.
 */
#include "base/secret.h"
#include "keys/keys.h"

int ee_keys_not_written(const char *schema, const char *name,
                        struct ee_error *err)
{
    return ee_fail(err, EE_CONFIG,
                   "key %s: what was written to the key tables of %s is not "
                   "there: an authorizer of this connection suppresses it, so "
                   "nothing was changed",
                   name, schema);
}

/* What must be there after a change. A record of the new generation with a
 * right tag can only be one that was just written. */
struct written {
    const uint8_t *name_secret;
    uint64_t generation;
    size_t count;
};

static int count_written(void *arg, const struct ee_key_record *r,
                         struct ee_error *err)
{
    struct written *w = arg;
    uint8_t tag[EE_MAC_BYTES];

    (void)err;
    ee_record_tag2(tag, r, w->name_secret);
    if (r->generation == w->generation && ee_equal(tag, r->tag2, sizeof tag)) {
        w->count++;
    }
    return EE_OK;
}

static int read_back(struct ee_keys *k, const char *schema, const char *name,
                     const struct ee_key_manifest *m,
                     const uint8_t *name_secret, size_t changed,
                     struct ee_error *err)
{
    struct written w = {name_secret, m->generation, 0};
    struct ee_key_record r;
    struct ee_key_manifest got;
    struct ee_key_policy policy;
    uint8_t tag[EE_MAC_BYTES];
    uint8_t *tags = NULL;
    size_t n = 0;
    int rc = ee_store_current(&k->statements, schema, name, &r, &got, err);

    if (rc == EE_OK) {
        rc = ee_store_versions(&k->statements, schema, name, count_written, &w,
                               err);
    }
    if (rc == EE_OK) {
        rc = ee_store_policy(&k->statements, schema, name, &policy, err);
    }
    if (rc == EE_OK) {
        rc = ee_store_tags(&k->statements, schema, name, &tags, &n, err);
    }
    if (rc == EE_OK) {
        ee_manifest_tag(tag, m, ee_bytes(tags, n), name_secret);
    }
    sqlite3_free(tags);
    if (rc == EE_KEY_UNKNOWN || rc == EE_TAMPERED ||
        (rc == EE_OK && (!ee_manifest_same(&got, m) || w.count != changed ||
                         !ee_policy_same(&policy, &m->policy) ||
                         !ee_equal(tag, m->tag, sizeof tag)))) {
        return ee_keys_not_written(schema, name, err);
    }
    return rc;
}

int ee_keys_put_manifest(struct ee_keys *k, const char *schema,
                         const char *name, struct ee_key_manifest m,
                         const uint8_t *name_secret, size_t changed,
                         struct ee_error *err)
{
    uint8_t *tags = NULL;
    size_t n = 0;
    int rc = ee_store_tags(&k->statements, schema, name, &tags, &n, err);

    if (rc == EE_OK) {
        ee_manifest_tag(m.tag, &m, ee_bytes(tags, n), name_secret);
        rc = ee_store_put_manifest(&k->statements, schema, name, &m, err);
    }
    sqlite3_free(tags);
    if (rc == EE_OK) {
        rc = read_back(k, schema, name, &m, name_secret, changed, err);
    }
    return rc;
}

int ee_keys_is_changing(const char *name, struct ee_error *err)
{
    return ee_fail(err, EE_BUSY,
                   "key %s is being changed by another connection; try again",
                   name);
}

int ee_keys_lock(struct ee_keys *k, const struct ee_key_entry *e, bool *stale,
                 struct ee_error *err)
{
    struct ee_key_record r;
    struct ee_key_manifest m;
    int rc = ee_store_lock(&k->statements, e->schema, err);

    *stale = false;
    if (rc == EE_OK) { /* what was verified before the lock, again behind it */
        rc = ee_keys_verify(k, e->schema, e->kek, &r, &m, err);
    }
    if (rc == EE_OK && !ee_manifest_same(&m, &e->manifest)) {
        *stale = true;
        rc = ee_keys_is_changing(e->record.name, err);
    }
    return rc;
}
