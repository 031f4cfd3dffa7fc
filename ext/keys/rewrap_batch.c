/* SPDX-License-Identifier: MIT
 *
 * rewrap_batch.c: one call for all wraps that a key has under one CMK.
 */
#include "keys/rewrap_batch.h"

#include "base/clock.h"
#include "keys/session.h"

#include <string.h>

/* One wrap: the position-th that a draft has seen. */
struct place {
    struct ee_draft *draft;
    size_t position;
    size_t context_bytes;
    uint8_t context[EE_PROVIDER_CONTEXT_MAX];
    uint8_t wrapped[EE_CMK_WRAPPED_MAX];
};

struct batch {
    struct ee_keys *k;
    const char *schema;
    struct ee_cmk_uri uri;
    struct ee_session session;
    struct ee_provider *p;
    struct place *places; /* sqlite3_free() */
    struct envelope_item *items;
    size_t count;
    char stored[EE_CMK_URI_MAX];
};

static void add_place(struct batch *b, struct ee_draft *d,
                      const struct ee_wrap *w, size_t position)
{
    struct place *place = &b->places[b->count];

    place->draft = d;
    place->position = position;
    place->context_bytes =
        ee_record_provider_context(place->context, &d->record);
    b->items[b->count++] =
        (struct envelope_item){.context = place->context,
                               .context_bytes = place->context_bytes,
                               .old = w->wrapped.p,
                               .old_bytes = w->wrapped.n,
                               .wrapped = place->wrapped};
}

/* A CMK stands once with each version. */
static void gather(struct batch *b, struct ee_draft *const *drafts,
                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t position = 0;

        for (const struct ee_wrap *w = drafts[i]->seen; w; w = w->next) {
            if (w->wrapped.n > 0 && strcmp(w->cmk, b->uri.text) == 0) {
                add_place(b, drafts[i], w, position);
                break;
            }
            position++;
        }
    }
}

/* Opens each new wrap again, and only then counts it as made. */
static int check(struct batch *b, struct ee_error *err)
{
    int rc = EE_OK;

    for (size_t i = 0; rc == EE_OK && i < b->count; i++) {
        const struct place *at = &b->places[i];
        const struct ee_bytes wrapped =
            ee_bytes(at->wrapped, b->items[i].wrapped_bytes);
        const int64_t began = ee_monotonic_ms();

        rc = ee_keys_check_wrap(b->p, at->draft->payload, wrapped,
                                ee_bytes(at->context, at->context_bytes), err);
        ee_attempts_count(&b->k->attempts, b->uri.text, EE_CALL_UNWRAP, rc,
                          began);
        rc = ee_audit_call(&b->k->audit, "unwrap", b->schema,
                           &at->draft->record, b->uri.text, rc, err);
    }
    return rc;
}

static int keep(const struct batch *b, struct ee_error *err)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct place *at = &b->places[i];
        struct ee_wrap **made = &at->draft->made[at->position];

        *made = ee_wrap_new(b->stored,
                            ee_bytes(at->wrapped, b->items[i].wrapped_bytes));
        if (*made == NULL) {
            return ee_fail(err, EE_NOMEM, "out of memory");
        }
    }
    return EE_OK;
}

static int ask(struct batch *b, struct ee_error *err)
{
    const int64_t began = ee_monotonic_ms();
    int rc = ee_provider_canonical(b->p, b->stored, &b->uri, err);

    if (rc == EE_OK) {
        rc = ee_provider_rewrap(b->p, b->items, b->count, err);
    }
    ee_attempts_count(&b->k->attempts, b->uri.text, EE_CALL_WRAP, rc, began);
    for (size_t i = 0; i < b->count; i++) {
        rc = ee_audit_call(&b->k->audit, "wrap", b->schema,
                           &b->places[i].draft->record, b->uri.text, rc, err);
    }
    if (rc == EE_OK) {
        rc = check(b, err);
    }
    return rc == EE_OK ? keep(b, err) : rc;
}

static int allocate(struct batch *b, size_t count, struct ee_error *err)
{
    b->places = sqlite3_malloc64(count * sizeof *b->places);
    b->items = sqlite3_malloc64(count * sizeof *b->items);
    return b->places != NULL && b->items != NULL
               ? EE_OK
               : ee_fail(err, EE_NOMEM, "out of memory");
}

/* All wraps under the CMK. */
static int rewrap_under(struct ee_keys *k, const char *schema, const char *cmk,
                        struct ee_draft *const *drafts, size_t count,
                        struct ee_error *err)
{
    struct batch b = {.k = k, .schema = schema};
    const struct ee_cmk_call call = {.schema = schema, .uri = &b.uri};
    int rc = ee_cmk_uri_parse(&b.uri, cmk, err);

    if (rc == EE_OK) {
        rc = ee_session_open_cmk(&b.session, k, &call, false, err);
    }
    if (rc == EE_OK) {
        rc = ee_provider_open(&b.p, &k->providers, &b.uri, &b.session.env, err);
    }
    if (rc == EE_OK && ee_provider_can_rewrap(b.p)) {
        rc = allocate(&b, count, err);
        if (rc == EE_OK) {
            gather(&b, drafts, count);
            rc = ask(&b, err);
        }
    }
    ee_provider_close(b.p);
    ee_session_close(&b.session);
    sqlite3_free(b.places);
    sqlite3_free(b.items);
    return rc;
}

/* Was its CMK asked for an earlier one? */
static bool was_asked(struct ee_draft *const *drafts, size_t i,
                      const struct ee_wrap *wrap)
{
    for (size_t k = 0; k <= i; k++) {
        for (const struct ee_wrap *w = drafts[k]->seen; w && w != wrap;
             w = w->next) {
            if (w->wrapped.n > 0 && strcmp(w->cmk, wrap->cmk) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Not a file's: its provider rewraps nothing, and it costs Argon2id to find
 * that out. */
static bool may_rewrap(const struct ee_wrap *w)
{
    struct ee_cmk_uri uri;
    struct ee_error ignored;

    return w->wrapped.n > 0 &&
           ee_cmk_uri_parse(&uri, w->cmk, &ignored) == EE_OK &&
           !ee_cmk_uri_is_file(&uri);
}

int ee_rewrap_batches(struct ee_keys *k, const char *schema,
                      struct ee_draft *const *drafts, size_t count,
                      struct ee_error *err)
{
    int rc = EE_OK;

    for (size_t i = 0; i < count; i++) {
        for (const struct ee_wrap *w = drafts[i]->seen; w; w = w->next) {
            if (!may_rewrap(w) || was_asked(drafts, i, w)) {
                continue;
            }
            rc = rewrap_under(k, schema, w->cmk, drafts, count, err);
            if (rc != EE_OK && ee_keys_is_fatal(rc)) {
                return rc;
            }
        }
    }
    return EE_OK;
}
