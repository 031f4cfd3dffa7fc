/* SPDX-License-Identifier: MIT
 *
 * verify.c: is a key record what its key's owner wrote? FORMAT R27 and R37.
 */
#include "base/secret.h"
#include "keys/keys.h"

/* what: and the table it is in. */
static int altered(const struct ee_key_record *r, const char *schema,
                   const char *what, const char *table, struct ee_error *err)
{
    return ee_fail(err, EE_TAMPERED,
                   "key %s version %u: %s in %s.%s was altered, so the key is "
                   "not used; restore the key tables from a backup",
                   r->name, r->version, what, schema, table);
}

static bool record_is_right(const struct ee_kek *kek,
                            const struct ee_key_record *r)
{
    uint8_t tag[EE_MAC_BYTES];

    ee_record_tag1(tag, r, kek->kek);
    if (!ee_equal(tag, r->tag1, sizeof tag)) {
        return false;
    }
    ee_record_tag2(tag, r, kek->name_secret);
    return ee_equal(tag, r->tag2, sizeof tag);
}

static int check_tags(struct ee_keys *k, const char *schema,
                      const struct ee_kek *kek, const struct ee_key_record *r,
                      struct ee_key_manifest *m, struct ee_error *err)
{
    uint8_t tag[EE_MAC_BYTES];
    uint8_t *tags = NULL;
    size_t n = 0;
    int rc = EE_OK;

    if (!ee_equal(kek->fingerprint, r->fingerprint, EE_MAC_BYTES) ||
        kek->suite->id != r->suite || !record_is_right(kek, r)) {
        return altered(r, schema, "its record", "envelope_key", err);
    }
    rc = ee_store_policy(&k->statements, schema, r->name, &m->policy, err);
    if (rc == EE_OK) {
        rc = ee_store_tags(&k->statements, schema, r->name, &tags, &n, err);
    }
    if (rc == EE_OK) {
        ee_manifest_tag(tag, m, ee_bytes(tags, n), kek->name_secret);
        if (!ee_equal(tag, m->tag, sizeof tag)) {
            rc = altered(r, schema, "the list of its versions or its policy",
                         "envelope_key_manifest or envelope_key_policy", err);
        }
    }
    sqlite3_free(tags);
    return rc;
}

int ee_keys_verify(struct ee_keys *k, const char *schema,
                   const struct ee_kek *kek, struct ee_key_record *r,
                   struct ee_key_manifest *m, struct ee_error *err)
{
    sqlite3_stmt *held = NULL;
    int rc =
        ee_store_hold(&k->statements, schema, kek->key_id, r, m, &held, err);

    if (rc == EE_KEY_UNKNOWN) {
        rc = ee_fail(err, EE_BUSY,
                     "the key was removed from %s by another connection",
                     schema);
    } else if (rc == EE_OK) {
        rc = check_tags(k, schema, kek, r, m, err);
    }
    ee_statement_put(&k->statements, held);
    return rc;
}
