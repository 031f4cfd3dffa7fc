/* SPDX-License-Identifier: MIT
 *
 * state.c: sets the state of a key: all versions of a name, or one version.
 */
#include "keys/state.h"

#include "base/secret.h"
#include "base/text.h"
#include "keys/seal_only_parts.h"
#include "keys/subject.h"

#include <string.h>

/* Only the current version can be active: the others open, at most. */
static uint8_t target_state(const struct ee_state_change *c,
                            const struct ee_key_record *r)
{
    if (c->state == EE_STATE_ACTIVE && r->version != c->e->manifest.current) {
        return EE_STATE_DECRYPT_ONLY;
    }
    return c->state;
}

/* Is this version meant? By name all are, but one that was disabled alone
 * stays so, unless it is to be destroyed: versions that were disabled through
 * the name share the current one's generation. */
static bool is_meant(const struct ee_state_change *c,
                     const struct ee_key_record *r)
{
    const bool is_current = r->version == c->e->manifest.current;

    if (r->state == EE_STATE_DESTROYED) {
        return false;
    }
    if (c->one) {
        return ee_equal(r->fingerprint, c->key_id, EE_KEY_ID_BYTES);
    }
    return r->state != EE_STATE_DISABLED || is_current ||
           c->state == EE_STATE_DESTROYED ||
           (c->e->record.state == EE_STATE_DISABLED &&
            r->generation == c->e->record.generation);
}

/* Never puts a new tag on a record whose old one is wrong. */
static int change_one(void *arg, const struct ee_key_record *old,
                      struct ee_error *err)
{
    struct ee_state_change *c = arg;
    const uint8_t *secret = c->e->kek->name_secret;
    struct ee_key_record r = *old;
    uint8_t tag[EE_MAC_BYTES];
    int rc = EE_OK;

    if (!is_meant(c, old)) {
        return EE_OK;
    }
    ee_record_tag2(tag, &r, secret);
    if (!ee_equal(tag, r.tag2, sizeof tag)) {
        return ee_fail(err, EE_TAMPERED,
                       "key %s version %u: its record was altered", r.name,
                       r.version);
    }
    if (c->also != NULL) {
        rc = c->also(c, old, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    r.state = target_state(c, old);
    r.generation = c->generation;
    ee_record_tag2(r.tag2, &r, secret);
    c->count++;
    return ee_store_update(&c->k->statements, c->e->schema, &r, err);
}

/* One version, or version 0 for all of them. */
static int audit(const struct ee_state_change *c, bool inner, int rc,
                 struct ee_error *err)
{
    struct ee_key_record r = c->e->record;

    r.version = c->one ? c->version : 0;
    r.state = c->state;
    if (c->one) {
        memcpy(r.fingerprint, c->key_id, EE_KEY_ID_BYTES);
    }
    return ee_audit_change(
        &c->k->audit, c->state == EE_STATE_DESTROYED ? "destroyed" : "state",
        c->e->schema, &r, inner, rc, err);
}

int ee_state_change_write(struct ee_state_change *c, struct ee_error *err)
{
    const struct ee_key_entry *e = c->e;
    struct ee_keys *k = c->k;
    struct ee_key_manifest m = e->manifest;
    bool stale = false;
    struct ee_write write;
    int rc = ee_keys_begin(k, e->schema, &write, err);

    if (rc != EE_OK) {
        return rc;
    }
    rc = ee_keys_lock(k, e, &stale, err);
    if (rc == EE_OK) {
        m.generation++;
        c->generation = m.generation;
        rc = ee_store_versions(&k->statements, e->schema, e->record.name,
                               change_one, c, err);
    }
    if (rc == EE_OK && c->count == 0) { /* what is destroyed stays so */
        struct ee_key_record r = e->record;

        r.version = c->version;
        rc = ee_keys_destroyed(&r, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_put_manifest(k, e->schema, e->record.name, m,
                                  e->kek->name_secret, c->count, err);
    }
    rc = audit(c, write.inner, rc, err);
    return ee_keys_end(k, &write, rc, err);
}

/* The record and the qualified name of a key id, when text is one that is
 * known here. */
static bool is_key_id(struct ee_state_change *c, const char *text, size_t n,
                      char qualified[EE_SCHEMA_MAX + EE_NAME_MAX])
{
    struct ee_key_record r;
    struct ee_error ignored;
    char schema[EE_SCHEMA_MAX];

    if (!ee_unhex(c->key_id, EE_KEY_ID_BYTES, text, n) ||
        ee_keys_describe(c->k, c->key_id, &r, schema, &ignored) != EE_OK) {
        return false;
    }
    c->version = r.version;
    (void)sqlite3_snprintf(EE_SCHEMA_MAX + EE_NAME_MAX, qualified, "%s:%s",
                           schema, r.name);
    return true;
}

int ee_state_change_find(struct ee_state_change *c, const char *name, size_t n,
                         struct ee_error *err)
{
    char qualified[EE_SCHEMA_MAX + EE_NAME_MAX];
    int rc = EE_OK;

    c->one = is_key_id(c, name, n, qualified);
    if (c->one && ee_keys_name_exists(c->k, name, n)) {
        return ee_fail(err, EE_MISUSE,
                       "%.*s is the id of %s version %u, and the name of a "
                       "key: write the name as 'main:%.*s'",
                       (int)n, name, qualified, c->version, (int)n, name);
    }
    if (c->one) {
        name = qualified;
        n = strlen(name);
    }
    rc = ee_keys_for_change(c->k, name, n, &c->e, err);
    return rc == EE_KEY_UNKNOWN ? ee_seal_only_refuse_name(c->k, name, n, err)
                                : rc;
}

bool ee_state_change_is_old(const struct ee_state_change *c)
{
    return c->one && c->version != c->e->manifest.current;
}

void ee_state_change_clear(struct ee_state_change *c)
{
    ee_cache_unpin(c->e);
    c->e = NULL;
}

static int check_target(uint8_t state, struct ee_error *err)
{
    if (state == EE_STATE_ACTIVE || state == EE_STATE_DECRYPT_ONLY ||
        state == EE_STATE_DISABLED) {
        return EE_OK;
    }
    return ee_fail(err, EE_MISUSE,
                   "a key state is 'active', 'decrypt-only' or 'disabled'; to "
                   "destroy a key: SELECT envelope_key_destroy(name, name)");
}

int ee_keys_set_state(struct ee_keys *k, const char *name, size_t n,
                      uint8_t state, struct ee_error *err)
{
    struct ee_state_change c = {.k = k, .state = state};
    struct ee_seal_only_row row;
    bool seal_only = false;
    char buffer[EE_SCHEMA_MAX + EE_NAME_MAX];
    size_t slash = 0;
    int rc = check_target(state, err);

    if (rc == EE_OK) {
        rc = ee_seal_only_meant(k, name, n, &seal_only, &row, err);
    }
    if (rc == EE_OK && seal_only) {
        rc = ee_seal_only_set_state(k, &row, state, err);
        return ee_audit_outcome(&k->audit, "set_state", name, NULL, rc, err);
    }
    if (rc == EE_OK && ee_subject_meant(k, buffer, &name, &n, &slash)) {
        rc = ee_subject_set_state(k, name, n, slash, state, err);
        return ee_audit_outcome(&k->audit, "set_state", name, NULL, rc, err);
    }
    if (rc == EE_OK) {
        rc = ee_state_change_find(&c, name, n, err);
    }
    if (rc == EE_OK && state == EE_STATE_ACTIVE && ee_state_change_is_old(&c)) {
        rc = ee_fail(err, EE_MISUSE,
                     "version %u of key %s is not the current one and can "
                     "only be 'decrypt-only' or 'disabled'",
                     c.version, c.e->record.name);
    }
    if (rc == EE_OK) {
        rc = ee_state_change_write(&c, err);
    }
    ee_state_change_clear(&c);
    return ee_audit_outcome(&k->audit, "set_state", name, NULL, rc, err);
}
