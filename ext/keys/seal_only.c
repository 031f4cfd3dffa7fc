/* SPDX-License-Identifier: MIT
 *
 * seal_only.c: from a row of envelope_seal_only to a key that opens. FORMAT
 * section 13.
 */
#include "keys/seal_only_parts.h"

#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "provider/cmk_uri.h"
#include "provider/pem_wrap.h"
#include "provider/provider.h"

#include <string.h>

static int altered(const struct ee_key_record *r, const char *schema,
                   struct ee_error *err)
{
    return ee_fail(err, EE_TAMPERED,
                   "a seal-only version of key %s is not available: its row in "
                   "%s.envelope_seal_only was altered",
                   r->name, schema);
}

/* The state in the row. Nothing authenticates it: it can only refuse. */
static int check_state(const struct ee_key_record *r, struct ee_error *err)
{
    char hex[2 * EE_KEY_ID_BYTES + 1];

    if (r->state != EE_STATE_DISABLED) {
        return EE_OK;
    }
    ee_hex(hex, ee_bytes(r->fingerprint, EE_KEY_ID_BYTES));
    return ee_fail(err, EE_KEY_STATE,
                   "this seal-only version of key %s is disabled; to use it "
                   "again: SELECT envelope_key_set_state('%s', 'active')",
                   r->name, hex);
}

/* FORMAT R42: what this session says, for the public key that was wrapped
 * under. NULL: it says nothing. */
static struct ee_seal_only_cmk *find_cmk(const struct ee_seal_only_list *list,
                                         const char *schema, const char *name,
                                         struct ee_bytes pin)
{
    for (size_t i = 0; i < list->count; i++) {
        struct ee_seal_only_cmk *c = &list->items[i];

        if (strcmp(c->name, name) == 0 &&
            ee_equal(c->pin, pin.p, sizeof c->pin) &&
            (c->schema[0] == '\0' || sqlite3_stricmp(c->schema, schema) == 0)) {
            return c;
        }
    }
    return NULL;
}

/* NULL: with the error. */
static struct ee_seal_only_cmk *find_allowed(struct ee_keys *k,
                                             const char *schema,
                                             const struct ee_key_record *r,
                                             const struct ee_wrap *wrap,
                                             struct ee_error *err)
{
    struct ee_seal_only_cmk *cmk = NULL;
    struct ee_pem_wrap parts;
    char hex[2 * EE_MAC_BYTES + 1];

    if (!ee_pem_wrap_read(&parts, wrap->wrapped)) {
        (void)altered(r, schema, err);
        return NULL;
    }
    cmk = find_cmk(&k->seal_only.open, schema, r->name, parts.id);
    if (cmk == NULL) {
        cmk = find_cmk(&k->seal_only.seal, schema, r->name, parts.id);
    }
    if (cmk == NULL) {
        ee_hex(hex, parts.id);
        (void)ee_fail(err, EE_DENIED,
                      "this was sealed for key %s under a public key, by a "
                      "session that is not known, and the setting "
                      "open_seal_only does not name that key; if it is yours: "
                      "SELECT envelope_config('open_seal_only', "
                      "'%s=pem:FILE#sha256-%s')",
                      r->name, r->name, hex);
    }
    return cmk;
}

/* A row was put under the id of a key of another kind. Its entry stays: a
 * rewrap may be at it. */
static bool is_of_another_kind(const struct ee_key_entry *e)
{
    return e != NULL && e->record.origin != EE_ORIGIN_SEAL_ONLY;
}

int ee_seal_only_keep(struct ee_keys *k, const char *schema,
                      const struct ee_key_record *r, const uint8_t *payload,
                      struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_key_entry *e = ee_cache_find(&k->cache, schema, r->fingerprint);
    struct ee_kek *kek = NULL;
    int rc = EE_OK;

    if (is_of_another_kind(e) ||
        !ee_record_is_seal_only(r, payload)) { /* FORMAT R43 */
        return altered(r, schema, err);
    }
    rc = ee_kek_new(&kek, &k->engine.ossl, ee_suite_by_id(r->suite), payload,
                    payload + EE_KEY_BYTES, err);
    if (rc != EE_OK) {
        return rc;
    }
    if (e != NULL) { /* an expired one */
        ee_cache_renew(&k->cache, e, kek, ee_coarse_ms());
        e->until = 0;
    } else {
        e = ee_cache_add(&k->cache, schema, kek);
    }
    if (e == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    e->record = *r;
    *out = e;
    return EE_OK;
}

static int unwrap(struct ee_keys *k, const char *schema,
                  const struct ee_key_record *r, const struct ee_wrap *wrap,
                  const char *cmk, uint8_t *payload, struct ee_error *err)
{
    uint8_t context[EE_PROVIDER_CONTEXT_MAX];
    struct ee_cmk_uri uri;
    const struct ee_cmk_call call = {
        .schema = schema,
        .uri = &uri,
        .record = r,
        .context = ee_bytes(context, ee_record_provider_context(context, r)),
        .named = true}; /* FORMAT R42: for this name, and no other */
    int rc = ee_cmk_uri_parse(&uri, cmk, err);

    return rc == EE_OK
               ? ee_keys_unwrap_by(k, &call, payload, wrap->wrapped, err)
               : rc;
}

/* With the key's name before it. What the provider authenticates with the
 * payload are the row's fields. */
static int explain(const struct ee_key_record *r, const char *schema, int rc,
                   struct ee_error *err)
{
    char why[sizeof err->msg];

    if (rc == EE_AUTH) {
        return altered(r, schema, err);
    }
    memcpy(why, err->msg, sizeof why);
    return ee_fail(err, rc,
                   "a seal-only version of key %s is not available: %s",
                   r->name, why);
}

static int load_new(struct ee_keys *k, const char *schema,
                    const struct ee_key_record *r, const struct ee_wrap *wrap,
                    const struct ee_seal_only_cmk *cmk,
                    struct ee_key_entry **out, struct ee_error *err)
{
    uint8_t *payload = ee_cell_new(); /* secret: wiped when freed */
    int rc = EE_OK;

    if (payload == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for keys");
    }
    rc = unwrap(k, schema, r, wrap, cmk->uri, payload, err);
    if (rc != EE_OK && rc != EE_NOMEM && rc != EE_INTERRUPTED) {
        rc = explain(r, schema, rc, err);
    }
    if (rc == EE_OK) {
        rc = ee_seal_only_keep(k, schema, r, payload, out, err);
    }
    ee_cell_free(payload);
    return rc;
}

/* The same row, in another state perhaps. */
static bool is_of(const struct ee_key_entry *e, const struct ee_key_record *r)
{
    struct ee_key_record now = *r;

    now.state = e->record.state;
    return ee_record_same(&e->record, &now);
}

/* By the setting open_seal_only. One that only seals opens what it sealed
 * itself, while that is loaded. */
static bool may_ask(const struct ee_keys *k, const struct ee_seal_only_cmk *cmk)
{
    const struct ee_seal_only_list *open = &k->seal_only.open;

    return cmk >= open->items && cmk < open->items + open->count;
}

static int refuse_to_ask(const struct ee_key_record *r, struct ee_error *err)
{
    return ee_fail(err, EE_DENIED,
                   "a seal-only version of key %s is not loaded, and this "
                   "session seals but does not open; the private key opens, in "
                   "a session with the setting open_seal_only",
                   r->name);
}

static int find_or_load(struct ee_keys *k, const char *schema,
                        const struct ee_key_record *r,
                        const struct ee_wrap *wrap,
                        const struct ee_seal_only_cmk *cmk,
                        struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_key_entry *e = ee_cache_find(&k->cache, schema, r->fingerprint);
    struct ee_error ignored;
    int rc = EE_OK;

    if (is_of_another_kind(e)) { /* before the private key is asked */
        rc = altered(r, schema, err);
    } else if (e == NULL || !is_of(e, r) || ee_cache_is_expired(&k->cache, e)) {
        k->cache.counts.misses++;
        rc = may_ask(k, cmk) ? load_new(k, schema, r, wrap, cmk, &e, err)
                             : refuse_to_ask(r, err);
    }
    if (rc == EE_OK) {
        e->record.state = r->state;
        e->openable = ee_trust_opens(k, schema, r->name, &ignored) == EE_OK;
        e->checked = k->moment;
        *out = e;
    }
    return rc;
}

/* May this session open it: by its own word first, for who wrote the database
 * must not have us ask anything. */
static int check_may_open(struct ee_keys *k, const char *schema,
                          const struct ee_key_record *r,
                          const struct ee_wrap *wrap,
                          struct ee_seal_only_cmk **cmk, struct ee_error *err)
{
    struct ee_key_record own;
    int rc = EE_OK;

    *cmk = find_allowed(k, schema, r, wrap, err);
    if (*cmk == NULL) {
        return err->code;
    }
    rc = check_state(r, err);
    return rc == EE_OK
               ? ee_seal_only_check_own(k, schema, r->name, *cmk, &own, err)
               : rc;
}

int ee_seal_only_load(struct ee_keys *k, const char *schema,
                      const uint8_t *key_id, uint64_t moment,
                      struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_seal_only_cmk *cmk = NULL;
    struct ee_wrap *wrap = NULL;
    struct ee_key_record r;
    int rc = ee_seal_only_by_id(&k->statements, schema, key_id, &r, &wrap, err);

    *out = NULL;
    if (rc == EE_OK) {
        rc = check_may_open(k, schema, &r, wrap, &cmk, err);
    }
    if (rc == EE_DENIED || rc == EE_KEY_STATE) {
        rc = ee_audit_denied(&k->audit, moment, "open", schema, &r, rc, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_ready(k, err);
    }
    if (rc == EE_OK && cmk != NULL) { /* the one goes with the other */
        rc = find_or_load(k, schema, &r, wrap, cmk, out, err);
        if (rc == EE_TAMPERED) { /* not for the reader alone */
            rc = ee_audit_denied(&k->audit, moment, "verify", schema, &r, rc,
                                 err);
        }
    }
    ee_wraps_free(wrap);
    return rc;
}
