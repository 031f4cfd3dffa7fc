/* SPDX-License-Identifier: MIT
 *
 * draft.c: makes a key version.
 */
#include "keys/draft.h"

#include "base/secret.h"
#include "crypto/kdf.h"
#include "provider/cmk_uri.h"

#include <string.h>
#include <time.h>

int ee_draft_new(struct ee_draft **out, struct ee_error *err)
{
    struct ee_draft *d = sqlite3_malloc64(sizeof *d);

    *out = NULL;
    if (d == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    memset(d, 0, sizeof *d);
    d->payload = ee_cell_new();
    if (d->payload == NULL) {
        ee_draft_free(d);
        return ee_fail(err, EE_NOMEM, "out of memory for keys");
    }
    *out = d;
    return EE_OK;
}

static void free_made(struct ee_draft *d)
{
    size_t i = 0;

    for (const struct ee_wrap *w = d->seen; d->made != NULL && w; w = w->next) {
        ee_wraps_free(d->made[i++]);
    }
    sqlite3_free(d->made);
}

void ee_draft_free(struct ee_draft *d)
{
    if (d != NULL) {
        ee_cell_free(d->payload);
        ee_wraps_free(d->wraps);
        free_made(d);
        ee_wraps_free(d->seen);
        sqlite3_free(d);
    }
}

uint8_t *ee_draft_name_secret(struct ee_draft *d)
{
    return d->payload + EE_KEY_BYTES;
}

int ee_draft_draw(struct ee_keys *k, struct ee_draft *d, struct ee_error *err)
{
    struct ee_key_record *r = &d->record;
    int tries = 8; /* a clash is a 2^-64 event: more is a broken generator */

    do {
        if (tries-- == 0) {
            return ee_fail(err, EE_INTERNAL,
                           "the random generator repeats itself");
        }
        ee_random(d->payload, EE_KEY_BYTES);
        ee_kdf(r->fingerprint, d->payload, "kek-id", ee_bytes(&r->suite, 1));
    } while (ee_keys_id_is_taken(k, r->fingerprint)); /* FORMAT R10 */
    r->created = (uint64_t)time(NULL);
    r->origin = EE_ORIGIN_LOCAL;
    r->state = EE_STATE_ACTIVE;
    r->generation = d->generation;
    ee_record_tag1(r->tag1, r, d->payload);
    ee_record_tag2(r->tag2, r, ee_draft_name_secret(d));
    return EE_OK;
}

static bool has_wrap_by(struct ee_keys *k, const char *schema,
                        const struct ee_draft *d, const char *cmk)
{
    const struct ee_wrap *w = d->wraps;

    while (w != NULL && !ee_trust_is_same(k, schema, w->cmk, cmk)) {
        w = w->next;
    }
    return w != NULL;
}

static void append(struct ee_draft *d, struct ee_wrap *w)
{
    struct ee_wrap **link = &d->wraps;

    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = w;
}

void ee_draft_copy(struct ee_draft *d, const struct ee_key_entry *e)
{
    d->record = e->record;
    memcpy(d->payload, e->kek->kek, EE_KEY_BYTES);
    memcpy(d->payload + EE_KEY_BYTES, e->kek->name_secret, EE_KEY_BYTES);
}

/* What to do about a CMK that does not wrap: nothing, by default. */
static int refuse_cmk(const struct ee_draft *d, const char *cmk, int rc,
                      struct ee_error *err)
{
    char why[sizeof err->msg];

    memcpy(why, err->msg, sizeof why);
    return ee_fail(err, rc,
                   "CMK %s does not wrap key %s, and nothing was changed: %s; "
                   "to go on without it for now: SELECT "
                   "envelope_config('allow_partial', 'on')",
                   cmk, d->record.name, why);
}

bool ee_keys_is_fatal(int rc)
{
    return rc == EE_NOMEM || rc == EE_INTERRUPTED || rc == EE_MISUSE ||
           rc == EE_INTERNAL || rc == EE_AUDIT;
}

static bool is_a_cmk(const struct ee_keys *k, const char *text)
{
    struct ee_cmk_uri uri;
    struct ee_error ignored;

    return ee_cmk_uri_parse(&uri, text, &ignored) == EE_OK &&
           ee_provider_exists(&k->providers, &uri);
}

int ee_draft_wrap(struct ee_keys *k, const char *schema, struct ee_draft *d,
                  const char *cmk, bool named, struct ee_error *err)
{
    uint8_t wrapped[EE_CMK_WRAPPED_MAX];
    char stored[EE_CMK_URI_MAX];
    const char *kept = cmk; /* what stands in the table */
    struct ee_wrap *w = NULL;
    size_t n = 0;
    int rc = ee_keys_wrap(k, schema, cmk, &d->record, d->payload, named, stored,
                          wrapped, &n, err);

    if (rc != EE_OK && (ee_keys_is_fatal(rc) || d->alone)) {
        return rc;
    }
    if (rc != EE_OK && named && !is_a_cmk(k, cmk)) {
        return rc; /* a typing error */
    }
    if (rc != EE_OK && !k->allow_partial) {
        return refuse_cmk(d, cmk, rc, err);
    }
    if (rc == EE_OK) {
        kept = stored;
    } else {
        memcpy(d->why, err->msg, sizeof d->why);
        n = 0;
    }
    if (named && has_wrap_by(k, schema, d, kept)) {
        return ee_fail(err, EE_MISUSE,
                       "CMK %s is named twice, and would not be a second way "
                       "to the key",
                       kept);
    }
    w = ee_wrap_new(kept, ee_bytes(wrapped, n));
    if (w == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    append(d, w);
    return EE_OK;
}

int ee_draft_check_wraps(const struct ee_draft *d, struct ee_error *err)
{
    for (const struct ee_wrap *w = d->wraps; w != NULL; w = w->next) {
        if (w->wrapped.n > 0) {
            return EE_OK;
        }
    }
    return ee_fail(err, EE_UNAVAILABLE,
                   "none of the CMKs wraps key %s, and nothing was changed%s%s",
                   d->record.name, d->why[0] != '\0' ? "; the last says: " : "",
                   d->why);
}

int ee_draft_see(struct ee_keys *k, const char *schema, struct ee_draft *d,
                 const uint8_t *key_id, struct ee_error *err)
{
    size_t count = 0;
    int rc = ee_store_wraps(&k->statements, schema, key_id, &d->seen, err);

    d->alone = d->seen != NULL && d->seen->next == NULL;
    for (const struct ee_wrap *w = d->seen; w != NULL; w = w->next) {
        count++;
    }
    if (rc == EE_OK) {
        d->made = sqlite3_malloc64((count + 1) * sizeof(struct ee_wrap *));
        if (d->made == NULL) {
            return ee_fail(err, EE_NOMEM, "out of memory");
        }
        memset(d->made, 0, (count + 1) * sizeof(struct ee_wrap *));
    }
    return rc;
}

int ee_draft_wrap_again(struct ee_keys *k, const char *schema,
                        struct ee_draft *d, const uint8_t *key_id,
                        struct ee_error *err)
{
    size_t i = 0;
    int rc = d->made == NULL ? ee_draft_see(k, schema, d, key_id, err) : EE_OK;

    for (const struct ee_wrap *w = d->seen; rc == EE_OK && w; w = w->next) {
        if (d->made[i] != NULL) {
            append(d, d->made[i]);
            d->made[i] = NULL;
        } else {
            rc = ee_draft_wrap(k, schema, d, w->cmk, false, err);
        }
        i++;
    }
    return rc == EE_OK ? ee_draft_check_wraps(d, err) : rc;
}

static bool same_wraps(const struct ee_wrap *a, const struct ee_wrap *b)
{
    while (a != NULL && b != NULL && strcmp(a->cmk, b->cmk) == 0 &&
           a->wrapped.n == b->wrapped.n &&
           ee_equal(a->wrapped.p, b->wrapped.p, b->wrapped.n)) {
        a = a->next;
        b = b->next;
    }
    return a == NULL && b == NULL;
}

/* A rewrap changes neither record nor manifest: only the wraps tell. */
int ee_draft_check_seen(struct ee_keys *k, const char *schema,
                        const struct ee_draft *d, const uint8_t *key_id,
                        bool *stale, struct ee_error *err)
{
    struct ee_wrap *now = NULL;
    int rc = EE_OK;

    if (d->seen == NULL) {
        return EE_OK;
    }
    rc = ee_store_wraps(&k->statements, schema, key_id, &now, err);
    if (rc == EE_OK && !same_wraps(now, d->seen)) {
        *stale = true;
        rc = ee_keys_is_changing(d->record.name, err);
    }
    ee_wraps_free(now);
    return rc;
}

int ee_draft_insert_wraps(struct ee_keys *k, const char *schema,
                          const struct ee_draft *d, struct ee_error *err)
{
    int position = 1;
    int rc = EE_OK;

    for (const struct ee_wrap *w = d->wraps; rc == EE_OK && w; w = w->next) {
        rc = ee_store_insert_wrap(&k->statements, schema, d->record.fingerprint,
                                  position++, w->cmk, w->wrapped, err);
    }
    return rc;
}

int ee_draft_insert(struct ee_keys *k, const char *schema,
                    const struct ee_draft *d, struct ee_error *err)
{
    int rc = ee_store_insert(&k->statements, schema, &d->record, err);

    return rc == EE_OK ? ee_draft_insert_wraps(k, schema, d, err) : rc;
}

/* A wrap that was not written is a key that is lost when the cache is. */
int ee_draft_read_back_wraps(struct ee_keys *k, const char *schema,
                             const struct ee_draft *d, struct ee_error *err)
{
    struct ee_wrap *list = NULL;
    int rc = ee_store_wraps(&k->statements, schema, d->record.fingerprint,
                            &list, err);

    if (rc == EE_OK && !same_wraps(list, d->wraps)) {
        rc = ee_keys_not_written(schema, d->record.name, err);
    }
    ee_wraps_free(list);
    return rc;
}

int ee_draft_manifest(struct ee_keys *k, const char *schema,
                      const struct ee_draft *d, size_t changed,
                      struct ee_error *err)
{
    const struct ee_key_manifest m = {.generation = d->generation,
                                      .current = d->record.version,
                                      .policy = d->policy};
    int rc = ee_keys_put_manifest(k, schema, d->record.name, m,
                                  d->payload + EE_KEY_BYTES, changed, err);

    return rc == EE_OK ? ee_draft_read_back_wraps(k, schema, d, err) : rc;
}

int ee_draft_keep(struct ee_keys *k, const char *schema,
                  const struct ee_draft *d, struct ee_error *err)
{
    struct ee_key_entry *e = NULL;
    struct ee_kek *kek = NULL;
    int rc = ee_kek_new(&kek, &k->engine.ossl, ee_suite_by_id(d->record.suite),
                        d->payload, d->payload + EE_KEY_BYTES, err);

    if (rc != EE_OK) {
        return rc;
    }
    e = ee_cache_add(&k->cache, schema, kek);
    if (e == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    e->made_here = true;
    k->made_here = true;
    return EE_OK;
}
