/* SPDX-License-Identifier: MIT
 *
 * state.c: sets the state of a key: all versions of a name, or one version.
 */
#include "base/secret.h"
#include "base/text.h"
#include "keys/keys.h"

#include <string.h>

struct change {
    struct ee_keys *k;
    const struct ee_key_entry *e; /* the current version: has the secret S */
    const uint8_t *only;          /* a key id, or NULL for every version */
    uint8_t state;
    uint64_t generation;
    size_t count; /* records changed */
};

/* Only the current version can be active: the others open, at most. */
static uint8_t target_state(const struct change *c,
                            const struct ee_key_record *r)
{
    if (c->state == EE_STATE_ACTIVE && r->version != c->e->manifest.current) {
        return EE_STATE_DECRYPT_ONLY;
    }
    return c->state;
}

/* Is this version meant? By name all are, but one that was disabled alone
 * stays so: versions that were disabled through the name share the current
 * one's generation. */
static bool is_meant(const struct change *c, const struct ee_key_record *r)
{
    const bool is_current = r->version == c->e->manifest.current;

    if (r->state == EE_STATE_DESTROYED) {
        return false;
    }
    if (c->only != NULL) {
        return ee_equal(r->fingerprint, c->only, EE_KEY_ID_BYTES);
    }
    return r->state != EE_STATE_DISABLED || is_current ||
           (c->e->record.state == EE_STATE_DISABLED &&
            r->generation == c->e->record.generation);
}

/* Never puts a new tag on a record whose old one is wrong. */
static int change_one(void *arg, const struct ee_key_record *old,
                      struct ee_error *err)
{
    struct change *c = arg;
    const uint8_t *secret = c->e->kek->name_secret;
    struct ee_key_record r = *old;
    uint8_t tag[EE_MAC_BYTES];

    if (!is_meant(c, old)) {
        return EE_OK;
    }
    ee_record_tag2(tag, &r, secret);
    if (!ee_equal(tag, r.tag2, sizeof tag)) {
        return ee_fail(err, EE_TAMPERED,
                       "key %s version %u: its record was altered", r.name,
                       r.version);
    }
    r.state = target_state(c, old);
    r.generation = c->generation;
    ee_record_tag2(r.tag2, &r, secret);
    c->count++;
    return ee_store_update(&c->k->statements, c->e->schema, &r, err);
}

static int write_state(struct change *c, struct ee_error *err)
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
    if (rc == EE_OK) {
        rc = ee_keys_put_manifest(k, e->schema, e->record.name, m,
                                  e->kek->name_secret, c->count, err);
    }
    return ee_keys_end(k, &write, rc, err);
}

static int check_target(uint8_t state, struct ee_error *err)
{
    if (state == EE_STATE_ACTIVE || state == EE_STATE_DECRYPT_ONLY ||
        state == EE_STATE_DISABLED) {
        return EE_OK;
    }
    return ee_fail(err, EE_MISUSE,
                   "a key state is 'active', 'decrypt-only' or 'disabled'");
}

/* The record and the qualified name of a key id, when text is one that is
 * known here. */
static bool is_key_id(struct ee_keys *k, const char *text, size_t n,
                      uint8_t *key_id, struct ee_key_record *r,
                      char qualified[EE_SCHEMA_MAX + EE_NAME_MAX])
{
    struct ee_error ignored;
    char schema[EE_SCHEMA_MAX];

    if (!ee_unhex(key_id, EE_KEY_ID_BYTES, text, n) ||
        ee_keys_describe(k, key_id, r, schema, &ignored) != EE_OK) {
        return false;
    }
    (void)sqlite3_snprintf(EE_SCHEMA_MAX + EE_NAME_MAX, qualified, "%s:%s",
                           schema, r->name);
    return true;
}

static int change_state(struct change *c, const struct ee_key_record *r,
                        struct ee_error *err)
{
    if (c->only != NULL && c->state == EE_STATE_ACTIVE &&
        r->version != c->e->manifest.current) {
        return ee_fail(err, EE_MISUSE,
                       "version %u of key %s is not the current one and can "
                       "only be 'decrypt-only' or 'disabled'",
                       r->version, r->name);
    }
    return write_state(c, err);
}

int ee_keys_set_state(struct ee_keys *k, const char *name, size_t n,
                      uint8_t state, struct ee_error *err)
{
    struct change c = {.k = k, .state = state};
    struct ee_key_entry *e = NULL;
    struct ee_key_record r;
    char qualified[EE_SCHEMA_MAX + EE_NAME_MAX];
    uint8_t key_id[EE_KEY_ID_BYTES];
    int rc = check_target(state, err);

    if (rc == EE_OK && is_key_id(k, name, n, key_id, &r, qualified)) {
        c.only = key_id;
        name = qualified;
        n = strlen(name);
    }
    if (rc == EE_OK) {
        rc = ee_keys_for_change(k, name, n, &e, err);
    }
    if (rc == EE_OK) {
        c.e = e;
        rc = change_state(&c, &r, err);
        ee_cache_unpin(e);
    }
    return rc;
}
