/* SPDX-License-Identifier: MIT
 *
 * create.c: makes the first version of a key.
 */
#include "base/secret.h"
#include "base/text.h"
#include "keys/draft.h"
#include "keys/subject.h"

#include <string.h>

/* Where a key is named, 16 hex digits are the id of a version. */
static int check_name(const struct ee_key_name *name, struct ee_error *err)
{
    uint8_t id[EE_KEY_ID_BYTES];

    if (ee_unhex(id, sizeof id, name->name, strlen(name->name))) {
        return ee_fail(err, EE_MISUSE,
                       "16 hexadecimal digits are a key id: give the key "
                       "another name");
    }
    return EE_OK;
}

/* A policy before its key is somebody else's, and would not be authentic. */
static int no_policy_yet(struct ee_keys *k, const struct ee_key_name *name,
                         struct ee_error *err)
{
    static const struct ee_key_policy none = {.rotate_after = 0};
    struct ee_key_policy there;
    int rc =
        ee_store_policy(&k->statements, name->schema, name->name, &there, err);

    if (rc == EE_OK && !ee_policy_same(&there, &none)) {
        rc = ee_fail(err, EE_TAMPERED,
                     "%s.envelope_key_policy has a row of key %s, which was "
                     "never made; to remove it: DELETE FROM "
                     "\"%s\".envelope_key_policy WHERE name = '%s'",
                     name->schema, name->name, name->schema, name->name);
    }
    return rc;
}

static int name_is_free(struct ee_keys *k, const struct ee_key_name *name,
                        struct ee_error *err)
{
    struct ee_key_record r;
    struct ee_key_manifest m;
    int rc =
        ee_store_current(&k->statements, name->schema, name->name, &r, &m, err);

    if (rc == EE_OK && r.state == EE_STATE_DESTROYED) {
        return ee_fail(err, EE_MISUSE,
                       "key %s was destroyed, and its name is not used again: "
                       "choose another one",
                       name->name);
    }
    if (rc == EE_OK) {
        return ee_fail(err, EE_MISUSE,
                       "key %s exists; for a new version: SELECT "
                       "envelope_key_rotate('%s')",
                       name->name, name->name);
    }
    return rc == EE_KEY_UNKNOWN ? no_policy_yet(k, name, err) : rc;
}

static int create_tables(struct ee_keys *k, const char *schema,
                         struct ee_error *err)
{
    bool ours = false;
    int rc = ee_store_create_tables(k->db, schema, err);

    if (rc == EE_OK) {
        rc = ee_store_exists(&k->statements, schema, &ours, err);
    }
    if (rc == EE_OK && !ours) {
        rc = ee_fail(err, EE_CONFIG,
                     "%s has a table or view named envelope_key, "
                     "envelope_key_wrap or envelope_key_manifest that is not "
                     "ours",
                     schema);
    }
    return rc;
}

/* The write lock comes first: whoever reads before may not get it any more
 * while others write. Making the tables takes it, too. */
static int lock_or_make(struct ee_keys *k, const char *schema, bool exist,
                        struct ee_error *err)
{
    return exist ? ee_store_lock(&k->statements, schema, err)
                 : create_tables(k, schema, err);
}

static int write_key(struct ee_keys *k, const struct ee_key_name *name,
                     const struct ee_draft *draft, bool exist,
                     struct ee_error *err)
{
    struct ee_write write;
    int rc = ee_keys_begin(k, name->schema, &write, err);

    if (rc != EE_OK) {
        return rc;
    }
    rc = lock_or_make(k, name->schema, exist, err);
    if (rc == EE_OK) {
        rc = name_is_free(k, name, err); /* now that nobody else can write */
    }
    if (rc == EE_OK) {
        rc = ee_draft_insert(k, name->schema, draft, err);
    }
    if (rc == EE_OK) {
        rc = ee_draft_manifest(k, name->schema, draft, 1, err);
    }
    rc = ee_audit_change(&k->audit, "created", name->schema, &draft->record,
                         write.inner, rc, err);
    return ee_keys_end(k, &write, rc, err);
}

/* Once more when another connection was making the tables at the same time:
 * now that they are there, the lock can be waited for. */
static int write_new_key(struct ee_keys *k, const struct ee_key_name *name,
                         const struct ee_draft *draft, struct ee_error *err)
{
    struct ee_error ignored;
    bool exist = false;
    int rc = ee_store_exists(&k->statements, name->schema, &exist, err);

    if (rc == EE_OK) {
        rc = write_key(k, name, draft, exist, err);
    }
    if (rc == EE_BUSY && !exist &&
        ee_store_exists(&k->statements, name->schema, &exist, &ignored) ==
            EE_OK &&
        exist) {
        rc = write_key(k, name, draft, true, err);
    }
    return rc;
}

/* What can be refused before a CMK is asked. */
static int check_new(struct ee_keys *k, const char *name, size_t n,
                     struct ee_key_name *out, struct ee_error *err)
{
    int rc = ee_key_name_parse(out, name, n, err);

    if (rc == EE_OK) {
        rc = check_name(out, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_own_schema(k, out->schema, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_ready(k, err);
    }
    if (rc == EE_OK) {
        rc = name_is_free(k, out, err);
    }
    return rc == EE_OK ? ee_trust_check_new(k, out, err) : rc;
}

/* The first version of a name, wrapped under its CMKs. */
static int draw_first(struct ee_keys *k, struct ee_draft *draft,
                      const struct ee_key_name *name, const char *const *cmks,
                      int cmk_count, struct ee_error *err)
{
    int rc = EE_OK;

    memcpy(draft->record.name, name->name, sizeof draft->record.name);
    draft->record.version = 1;
    draft->record.suite = k->suite;
    draft->generation = 1;
    draft->alone = cmk_count == 1;
    ee_random(ee_draft_name_secret(draft), EE_KEY_BYTES);
    rc = ee_draft_draw(k, draft, err);
    for (int i = 0; rc == EE_OK && i < cmk_count; i++) {
        rc = ee_draft_wrap(k, name->schema, draft, cmks[i], true, err);
    }
    return rc == EE_OK ? ee_draft_check_wraps(draft, err) : rc;
}

static int create(struct ee_keys *k, const char *name, size_t n,
                  const char *const *cmks, int cmk_count, uint8_t *key_id,
                  struct ee_error *err)
{
    struct ee_draft *draft = NULL;
    struct ee_key_name parsed;
    int rc = check_new(k, name, n, &parsed, err);

    if (rc == EE_OK) {
        rc = ee_draft_new(&draft, err);
    }
    if (rc == EE_OK) {
        rc = draw_first(k, draft, &parsed, cmks, cmk_count, err);
    }
    if (rc == EE_OK) {
        rc = write_new_key(k, &parsed, draft, err);
    }
    if (rc == EE_OK) {
        memcpy(key_id, draft->record.fingerprint, EE_KEY_ID_BYTES);
        rc = ee_draft_keep(k, parsed.schema, draft, err);
    }
    ee_draft_free(draft);
    return rc;
}

int ee_keys_create(struct ee_keys *k, const char *name, size_t n,
                   const char *const *cmks, int cmk_count, uint8_t *key_id,
                   struct ee_error *err)
{
    size_t slash = 0;
    const int rc = ee_subject_name(name, n, &slash)
                       ? ee_subject_create(k, name, n, slash, key_id, err)
                       : create(k, name, n, cmks, cmk_count, key_id, err);

    return ee_audit_outcome(&k->audit, "create", name, NULL, rc, err);
}
