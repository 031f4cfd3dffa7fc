/* SPDX-License-Identifier: MIT
 *
 * load.c: brings a KEK from its wraps into the arena, through a provider.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "keys/keys.h"
#include "keys/session.h"
#include "provider/provider.h"

#include <string.h>

struct unwrap_work {
    struct ee_keys *k;
    const char *schema;
    const struct ee_key_record *record;
    uint8_t *payload; /* a cell: secret, freed by ee_keys_unwrap() */
};

int ee_keys_unwrap_by(struct ee_keys *k, const struct ee_cmk_call *call,
                      uint8_t *payload, struct ee_bytes wrapped,
                      struct ee_error *err)
{
    struct ee_session session;
    struct ee_provider *p = NULL;
    const int64_t began = ee_monotonic_ms();
    int rc = ee_session_open_cmk(&session, k, call, false, err);

    if (rc == EE_OK) {
        rc = ee_provider_open(&p, &k->providers, call->uri, &session.env, err);
        if (rc == EE_OK) {
            rc = ee_provider_unwrap(p, payload, wrapped, call->context, err);
        }
        ee_attempts_count(&k->attempts, call->uri->text, EE_CALL_UNWRAP, rc,
                          began);
        ee_provider_close(p);
        ee_session_close(&session);
    } else if (rc != EE_DENIED) {
        return rc; /* no CMK was asked, and none refused */
    }
    return ee_audit_call(&k->audit, "unwrap", call->schema, call->record,
                         call->uri->text, rc, err);
}

static int unwrap_one(struct unwrap_work *w, const struct ee_wrap *wrap,
                      struct ee_error *err)
{
    uint8_t context[EE_PROVIDER_CONTEXT_MAX];
    struct ee_cmk_uri uri;
    const struct ee_cmk_call call = {
        .schema = w->schema,
        .uri = &uri,
        .record = w->record,
        .context =
            ee_bytes(context, ee_record_provider_context(context, w->record))};
    int rc = ee_cmk_uri_parse(&uri, wrap->cmk, err);

    return rc == EE_OK
               ? ee_keys_unwrap_by(w->k, &call, w->payload, wrap->wrapped, err)
               : rc;
}

/* One more reason why no CMK opened the key, behind those before. */
static void add_reason(struct ee_error *all, const char *cmk,
                       const struct ee_error *one)
{
    const size_t used = strlen(all->msg);

    (void)sqlite3_snprintf((int)(sizeof all->msg - used), all->msg + used,
                           "%s%s: %s", used > 0 ? "; " : "", cmk, one->msg);
    /* what may work later says more than what never will */
    if (all->code != EE_UNAVAILABLE) {
        all->code = one->code;
    }
}

/* Asks one CMK, unless it was unreachable a moment ago. */
static int try_cmk(struct unwrap_work *w, const struct ee_wrap *wrap,
                   struct ee_error *err)
{
    struct ee_attempts *a = &w->k->attempts;
    const int64_t wait = ee_attempts_wait(a, wrap->cmk);
    int rc = EE_UNAVAILABLE;

    if (wrap->wrapped.n == 0) {
        return ee_fail(err, EE_UNAVAILABLE,
                       "it has no wrap of the key yet: SELECT "
                       "envelope_key_rewrap('%s')",
                       w->record->name);
    }
    if (wait > 0) {
        return ee_fail(err, EE_UNAVAILABLE,
                       "not reached a moment ago; asked again in %d s",
                       (int)((wait + 999) / 1000));
    }
    rc = unwrap_one(w, wrap, err);
    ee_attempts_note(a, wrap->cmk, rc);
    return rc;
}

/* Each CMK can open the key alone. */
static int unwrap_any(struct unwrap_work *w, const struct ee_wrap *list,
                      struct ee_error *err)
{
    struct ee_error all = {.code = EE_OK};
    int rc = EE_TAMPERED;

    if (list == NULL) {
        return ee_fail(err, EE_TAMPERED,
                       "%s.envelope_key_wrap was altered: the wrap is missing",
                       w->schema);
    }
    for (const struct ee_wrap *wrap = list; wrap != NULL; wrap = wrap->next) {
        rc = try_cmk(w, wrap, err);
        if (rc == EE_OK || rc == EE_NOMEM || rc == EE_INTERRUPTED ||
            rc == EE_AUDIT || rc == EE_MISUSE) { /* of all of them */
            return rc;
        }
        add_reason(&all, wrap->cmk, err);
    }
    if (list->next != NULL) { /* one reason needs no name of its CMK */
        *err = all;
        rc = all.code;
    }
    return rc;
}

/* The provider's words, with the key's name before them. The fields of the
 * record are authenticated with the payload, so a provider that refuses it
 * most often means an edited table. */
static int name_the_key(const struct ee_key_record *r, const char *schema,
                        int rc, struct ee_error *err)
{
    char why[sizeof err->msg];

    if (rc == EE_AUTH) {
        return ee_fail(err, rc,
                       "key %s version %u is not available: its row in "
                       "%s.envelope_key or envelope_key_wrap was altered, or "
                       "its CMK is another one",
                       r->name, r->version, schema);
    }
    memcpy(why, err->msg, sizeof why);
    return ee_fail(err, rc, "key %s version %u is not available: %s", r->name,
                   r->version, why);
}

int ee_kek_from_payload(struct ee_keys *k, const struct ee_key_record *r,
                        const uint8_t *payload, struct ee_kek **out,
                        struct ee_error *err)
{
    const struct ee_suite *suite = ee_suite_by_id(r->suite);
    int rc = EE_OK;

    if (suite == NULL) {
        return ee_fail(err, EE_TAMPERED, "its suite %u is unknown", r->suite);
    }
    rc = ee_kek_new(out, &k->engine.ossl, suite, payload,
                    payload + EE_KEY_BYTES, err);
    if (rc == EE_OK &&
        !ee_equal((*out)->fingerprint, r->fingerprint, EE_MAC_BYTES)) {
        ee_kek_free(*out);
        *out = NULL;
        rc = ee_fail(err, EE_TAMPERED, "its wrap is another key's");
    }
    return rc;
}

int ee_keys_unwrap(struct ee_keys *k, const char *schema,
                   const struct ee_key_record *r, struct ee_kek **out,
                   struct ee_error *err)
{
    struct unwrap_work w = {.k = k, .schema = schema, .record = r};
    struct ee_wrap *list = NULL;
    int rc = EE_OK;

    *out = NULL;
    w.payload = ee_cell_new();
    if (w.payload == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for keys");
    }
    rc = ee_store_wraps(&k->statements, schema, r->fingerprint, &list, err);
    if (rc == EE_OK && list == NULL && r->state == EE_STATE_DESTROYED) {
        rc = ee_keys_destroyed(r, err);
        goto out;
    }
    if (rc == EE_OK) {
        ee_attempts_order(&k->attempts, &list);
        rc = unwrap_any(&w, list, err);
    }
    if (rc == EE_OK) {
        rc = ee_kek_from_payload(k, r, w.payload, out, err);
    }
    if (rc != EE_OK && rc != EE_NOMEM) {
        rc = name_the_key(r, schema, rc, err);
    }
out:
    ee_wraps_free(list);
    ee_cell_free(w.payload);
    return rc;
}

int ee_keys_check_wrap(struct ee_provider *p, const uint8_t *payload,
                       struct ee_bytes wrapped, struct ee_bytes context,
                       struct ee_error *err)
{
    uint8_t *again = ee_cell_new(); /* secret: wiped when freed */
    int rc = EE_NOMEM;

    if (again == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for keys");
    }
    rc = ee_provider_unwrap(p, again, wrapped, context, err);
    if (rc == EE_OK && !ee_equal(again, payload, EE_PAYLOAD_BYTES)) {
        rc = ee_fail(err, EE_INTERNAL, "its wrap gives another key back");
    }
    ee_cell_free(again);
    return rc;
}

int ee_keys_wrap_by(struct ee_keys *k, const struct ee_cmk_call *call,
                    bool may_create, char *stored, uint8_t *wrapped,
                    size_t *wrapped_len, const uint8_t *payload,
                    struct ee_error *err)
{
    const char *uri = call->uri->text;
    int64_t began = ee_monotonic_ms();
    struct ee_session session;
    struct ee_provider *p = NULL;
    int rc = ee_session_open_cmk(&session, k, call, may_create, err);

    if (rc != EE_OK) {
        return rc;
    }
    rc = ee_provider_open(&p, &k->providers, call->uri, &session.env, err);
    if (rc == EE_OK) {
        rc = ee_provider_canonical(p, stored, call->uri, err);
    }
    if (rc == EE_OK) {
        rc = ee_provider_wrap(p, wrapped, wrapped_len, payload, call->context,
                              err);
    }
    ee_attempts_count(&k->attempts, uri, EE_CALL_WRAP, rc, began);
    rc = ee_audit_call(&k->audit, "wrap", call->schema, call->record, uri, rc,
                       err);
    if (rc == EE_OK && ee_provider_can_unwrap(p)) {
        began = ee_monotonic_ms();
        rc = ee_keys_check_wrap(p, payload, ee_bytes(wrapped, *wrapped_len),
                                call->context, err);
        ee_attempts_count(&k->attempts, uri, EE_CALL_UNWRAP, rc, began);
        rc = ee_audit_call(&k->audit, "unwrap", call->schema, call->record, uri,
                           rc, err);
    }
    ee_provider_close(p);
    ee_session_close(&session);
    return rc;
}

int ee_keys_wrap(struct ee_keys *k, const char *schema, const char *cmk,
                 const struct ee_key_record *r, const uint8_t *payload,
                 bool named, char *stored, uint8_t *wrapped,
                 size_t *wrapped_len, struct ee_error *err)
{
    uint8_t context[EE_PROVIDER_CONTEXT_MAX];
    struct ee_cmk_uri uri;
    struct ee_cmk_call call = {
        .schema = schema,
        .uri = &uri,
        .record = r,
        .context = ee_bytes(context, ee_record_provider_context(context, r))};
    int rc = ee_cmk_uri_parse(&uri, cmk, err);

    if (rc == EE_OK && named) {
        rc = ee_trust_name(k, schema, cmk, err);
    }
    if (rc == EE_OK && named) {
        rc = ee_keys_file_in_use(k, schema, &uri, &call.file_in_use, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_wrap_by(k, &call, named, stored, wrapped, wrapped_len,
                             payload, err);
    }
    if (rc == EE_OK && named) {
        rc = ee_trust_name(k, schema, stored, err);
    }
    return rc;
}
