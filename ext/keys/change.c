/* SPDX-License-Identifier: MIT
 *
 * change.c: what every change of an existing key does: lock, look whether
 * somebody was faster, and write the manifest over the result.
 */
#include "keys/keys.h"

int ee_keys_put_manifest(struct ee_keys *k, const char *schema,
                         const char *name, struct ee_key_manifest m,
                         const uint8_t *name_secret, struct ee_error *err)
{
    uint8_t *tags = NULL;
    size_t n = 0;
    int rc = ee_store_tags(&k->statements, schema, name, &tags, &n, err);

    if (rc == EE_OK) {
        ee_manifest_tag(m.tag, &m, ee_bytes(tags, n), name_secret);
        rc = ee_store_put_manifest(&k->statements, schema, name, &m, err);
    }
    sqlite3_free(tags);
    return rc;
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
        rc = ee_fail(err, EE_BUSY,
                     "key %s is being changed by another connection; try "
                     "again",
                     e->record.name);
    }
    return rc;
}
