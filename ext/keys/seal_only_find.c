/* SPDX-License-Identifier: MIT
 *
 * seal_only_find.c: the version of a name that this connection goes on to seal
 * under: its own, or another connection's of this process. FORMAT R45.
 *
 * Once in every statement execution its row is looked at: it may be rolled
 * back, disabled, gone, or have another wrap, and nobody could open what is
 * sealed.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "keys/seal_only_parts.h"

#include <string.h>

void ee_seal_only_set_made(struct ee_keys *k, struct ee_seal_only_cmk *c,
                           struct ee_key_entry *e, int64_t made_at,
                           const uint8_t *wrap)
{
    const int64_t seconds = k->seal_only.seconds;

    c->made = true;
    memcpy(c->key_id, e->record.fingerprint, sizeof c->key_id);
    memcpy(c->wrap, wrap, sizeof c->wrap);
    c->made_at = made_at;
    c->checked = k->moment;
    ee_cache_set_until(&k->cache, e,
                       seconds > 0 ? made_at + seconds * 1000 : INT64_MAX);
}

static int read_row(struct ee_keys *k, const char *schema,
                    const uint8_t *key_id, struct ee_key_record *got,
                    uint8_t *hash, struct ee_error *err)
{
    struct ee_wrap *wrap = NULL;
    int rc =
        ee_seal_only_by_id(&k->statements, schema, key_id, got, &wrap, err);

    if (rc == EE_OK) {
        ee_sha256(hash, wrap->wrapped);
    }
    ee_wraps_free(wrap);
    return rc;
}

/* Is the row there as it was written, wrap and all, and active? Else nobody
 * might ever open what is sealed under it. EE_KEY_UNKNOWN, without a message:
 * it is not. */
static int is_there(struct ee_keys *k, const char *schema,
                    const struct ee_key_record *r, const uint8_t *hash,
                    struct ee_error *err)
{
    struct ee_key_record want = *r;
    struct ee_key_record got;
    uint8_t now[EE_HASH_BYTES];
    bool yes = false;
    int rc = ee_seal_only_exists(&k->statements, schema, &yes, err);

    if (rc == EE_OK) {
        rc = yes ? read_row(k, schema, r->fingerprint, &got, now, err)
                 : EE_KEY_UNKNOWN;
    }
    want.state = EE_STATE_ACTIVE; /* the entry's is what it was to open */
    if (rc == EE_TAMPERED ||
        (rc == EE_OK && (!ee_record_same(&got, &want) ||
                         !ee_equal(now, hash, EE_HASH_BYTES)))) {
        rc = EE_KEY_UNKNOWN;
    }
    return rc;
}

/* EE_KEY_UNKNOWN, without a message: there is none. */
static int take_shared(struct ee_keys *k, struct ee_seal_only_cmk *c,
                       uint8_t suite, struct ee_key_entry **out,
                       struct ee_error *err)
{
    struct ee_seal_only_shared s = {.payload = ee_cell_new()};
    int rc = EE_KEY_UNKNOWN;

    if (s.payload == NULL) { /* secret: wiped when freed */
        return ee_fail(err, EE_NOMEM, "out of memory for keys");
    }
    if (ee_seal_only_take(k, c, suite, &s)) {
        rc = is_there(k, c->at, &s.record, s.wrap, err);
    }
    if (rc == EE_OK) {
        rc = ee_seal_only_keep(k, c->at, &s.record, s.payload, out, err);
    }
    ee_cell_free(s.payload);
    if (rc == EE_OK) {
        ee_seal_only_set_made(k, c, *out, s.made_at, s.wrap);
    }
    return rc;
}

/* ---- the one to go on with ---- */

static int denied(struct ee_keys *k, const struct ee_seal_only_cmk *c,
                  uint64_t moment, const struct ee_key_record *there, int rc,
                  struct ee_error *err)
{
    return ee_audit_denied(&k->audit, moment, "seal", c->at, there, rc, err);
}

static struct ee_key_entry *cached(struct ee_keys *k,
                                   const struct ee_seal_only_cmk *c)
{
    return c->made ? ee_cache_find(&k->cache, c->at, c->key_id) : NULL;
}

/* The one that this connection went on with so far; forgotten when it is over
 * (FORMAT R45). EE_KEY_UNKNOWN, without a message. */
static int find_own(struct ee_keys *k, struct ee_seal_only_cmk *c,
                    struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_key_entry *e = cached(k, c);
    int rc = EE_KEY_UNKNOWN;

    /* one that was over, and loaded again to open, has no time of its own */
    if (e != NULL && e->until != 0 && !ee_cache_is_expired(&k->cache, e)) {
        rc = is_there(k, c->at, &e->record, c->wrap, err); /* or rolled back */
    }
    if (rc == EE_OK) {
        c->checked = k->moment;
        *out = e;
    }
    if (rc == EE_KEY_UNKNOWN && c->made) {
        ee_cache_forget(&k->cache, c->at, c->key_id);
        c->made = false;
    }
    return rc;
}

int ee_seal_only_find_made(struct ee_keys *k, struct ee_seal_only_cmk *c,
                           uint64_t moment, struct ee_key_entry **out,
                           struct ee_key_record *there, struct ee_error *err)
{
    struct ee_key_entry *e = cached(k, c);
    int rc = EE_OK;

    if (e != NULL && ee_keys_settled(k) && c->checked >= moment &&
        c->checked >= k->changed) {
        *out = e;
        return EE_OK;
    }
    memcpy(c->at, c->schema, sizeof c->at);
    rc = ee_keys_own_schema(k, c->at, err);
    if (rc == EE_OK) {
        rc = ee_seal_only_check_own(k, c->at, c->name, NULL, there, err);
    }
    if (rc != EE_OK) {
        return rc == EE_KEY_STATE || rc == EE_DENIED
                   ? denied(k, c, moment, there, rc, err)
                   : rc;
    }
    rc = find_own(k, c, out, err);
    if (rc == EE_KEY_UNKNOWN) {
        rc = ee_keys_ready(k, err);
        if (rc == EE_OK) {
            rc = take_shared(k, c, there->suite, out, err);
        }
    }
    return rc;
}
