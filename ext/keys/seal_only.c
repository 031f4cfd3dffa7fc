/* SPDX-License-Identifier: MIT
 *
 * seal_only.c: from a row of envelope_seal_only to a key that opens. FORMAT
 * section 13.
 */
#include "keys/seal_only.h"

#include "base/secret.h"
#include "keys/keys.h"
#include "provider/cmk_uri.h"
#include "provider/pem_wrap.h"
#include "provider/provider.h"

#include <string.h>

/* FORMAT R46 */
int ee_seal_only_check_state(struct ee_keys *k, const char *schema,
                             const char *name, bool to_seal,
                             struct ee_key_record *there, struct ee_error *err)
{
    struct ee_key_manifest m;
    int rc = ee_store_current(&k->statements, schema, name, there, &m, err);
    const bool is_main = sqlite3_stricmp(schema, "main") == 0;

    if (rc != EE_OK) {
        there->suite = k->suite;
        return rc == EE_KEY_UNKNOWN ? EE_OK : rc;
    }
    if (ee_suite_by_id(there->suite) == NULL) { /* an edited row */
        there->suite = k->suite;
    }
    if (there->state == EE_STATE_DESTROYED) {
        return ee_keys_destroyed(there, err);
    }
    if (there->state == EE_STATE_ACTIVE ||
        (!to_seal && there->state == EE_STATE_DECRYPT_ONLY)) {
        return EE_OK;
    }
    return ee_fail(err, EE_KEY_STATE,
                   "key %s is %s, and so are its seal-only versions; to use "
                   "them again: SELECT envelope_key_set_state('%s%s%s', "
                   "'active')",
                   there->name, ee_state_name(there->state),
                   is_main ? "" : schema, is_main ? "" : ":", there->name);
}

/* FORMAT R42: what this session says, for the public key that was wrapped
 * under. NULL: it says nothing. */
static const struct ee_seal_only_cmk *
find_cmk(const struct ee_seal_only_list *list, const char *schema,
         const char *name, struct ee_bytes pin)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct ee_seal_only_cmk *c = &list->items[i];

        if (strcmp(c->name, name) == 0 &&
            ee_equal(c->pin, pin.p, sizeof c->pin) &&
            (c->schema[0] == '\0' || sqlite3_stricmp(c->schema, schema) == 0)) {
            return c;
        }
    }
    return NULL;
}

static int find_allowed(struct ee_keys *k, const char *schema,
                        const struct ee_key_record *r,
                        const struct ee_wrap *wrap,
                        const struct ee_seal_only_cmk **out,
                        struct ee_error *err)
{
    struct ee_pem_wrap parts;

    *out = NULL;
    if (!ee_pem_wrap_read(&parts, wrap->wrapped)) {
        return ee_fail(err, EE_TAMPERED,
                       "the table envelope_seal_only was altered: a wrap of "
                       "key %s is none",
                       r->name);
    }
    *out = find_cmk(&k->seal_only.open, schema, r->name, parts.id);
    if (*out == NULL) {
        *out = find_cmk(&k->seal_only.seal, schema, r->name, parts.id);
    }
    if (*out != NULL) {
        return EE_OK;
    }
    return ee_fail(
        err, EE_DENIED,
        "this was sealed for key %s under a public key, by a session "
        "that is not known, and the setting open_seal_only does not "
        "name that key; if it is yours: SELECT envelope_config("
        "'open_seal_only', '%s=pem:FILE#sha256-HEX')",
        r->name, r->name);
}

int ee_seal_only_keep(struct ee_keys *k, const char *schema,
                      const struct ee_key_record *r, const uint8_t *payload,
                      struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_kek *kek = NULL;
    struct ee_key_entry *e = NULL;
    int rc = EE_OK;

    if (!ee_record_is_seal_only(r, payload)) { /* FORMAT R43 */
        return ee_fail(err, EE_TAMPERED,
                       "its row in %s.envelope_seal_only was altered", schema);
    }
    rc = ee_kek_new(&kek, &k->engine.ossl, ee_suite_by_id(r->suite), payload,
                    payload + EE_KEY_BYTES, err);
    if (rc != EE_OK) {
        return rc;
    }
    ee_cache_forget(&k->cache, schema, r->fingerprint); /* an expired one */
    e = ee_cache_add(&k->cache, schema, kek);
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
        return ee_fail(
            err, rc,
            "a seal-only version of key %s is not available: its row "
            "in %s.envelope_seal_only was altered",
            r->name, schema);
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
    if (rc == EE_OK) {
        rc = ee_seal_only_keep(k, schema, r, payload, out, err);
    }
    if (rc != EE_OK && rc != EE_NOMEM && rc != EE_INTERRUPTED) {
        rc = explain(r, schema, rc, err);
    }
    ee_cell_free(payload);
    return rc;
}

/* A row was put under the id of a key of another kind. Its entry stays: a
 * rewrap may be at it. */
static int refuse_entry(const char *schema, const struct ee_key_record *r,
                        struct ee_error *err)
{
    return ee_fail(err, EE_TAMPERED,
                   "the table envelope_seal_only of %s was altered: a version "
                   "of key %s has the id of a key of another kind",
                   schema, r->name);
}

int ee_seal_only_load(struct ee_keys *k, const char *schema,
                      const uint8_t *key_id, uint64_t moment,
                      struct ee_key_entry **out, struct ee_error *err)
{
    const struct ee_seal_only_cmk *cmk = NULL;
    struct ee_key_entry *e = NULL;
    struct ee_wrap *wrap = NULL;
    struct ee_key_record r;
    struct ee_key_record own;
    struct ee_error ignored;
    int rc = ee_seal_only_by_id(&k->statements, schema, key_id, &r, &wrap, err);

    *out = NULL;
    if (rc == EE_OK) {
        rc = ee_seal_only_check_state(k, schema, r.name, false, &own, err);
    }
    if (rc == EE_OK) {
        rc = find_allowed(k, schema, &r, wrap, &cmk, err);
    }
    if (rc == EE_DENIED || rc == EE_KEY_STATE) {
        rc = ee_audit_denied(&k->audit, moment, "open", schema, &r, rc, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_ready(k, err);
    }
    if (rc == EE_OK) {
        e = ee_cache_find(&k->cache, schema, key_id);
        if (e != NULL && e->record.origin != EE_ORIGIN_SEAL_ONLY) {
            rc = refuse_entry(schema, &r, err);
        } else if (e == NULL || !ee_record_same(&e->record, &r) ||
                   ee_cache_is_expired(&k->cache, e)) {
            k->cache.counts.misses++;
            rc = load_new(k, schema, &r, wrap, cmk, &e, err);
        }
    }
    ee_wraps_free(wrap);
    if (rc == EE_OK) {
        e->openable = ee_trust_opens(k, schema, r.name, &ignored) == EE_OK;
        e->checked = k->moment;
        *out = e;
    }
    return rc;
}
