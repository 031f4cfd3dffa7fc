/* SPDX-License-Identifier: MIT
 *
 * subject_row.c: from the row of a data subject's key to a key that may be used
 * now, and back to a row.
 */
#include "base/secret.h"
#include "keys/subject.h"

#include <string.h>

static int altered(const struct ee_subject *s, const char *schema,
                   struct ee_error *err)
{
    return ee_fail(err, EE_TAMPERED,
                   "key %s: its row in %s.envelope_subject was altered, so the "
                   "key is not used; restore the key tables from a backup",
                   s->name, schema);
}

int ee_subject_wrapper(struct ee_keys *k, const char *schema,
                       const struct ee_subject *s, uint64_t moment,
                       struct ee_key_entry **out, struct ee_error *err)
{
    int rc = ee_keys_version(k, schema, ee_subject_parent(s), moment, out, err);

    /* FORMAT R51 */
    if (rc == EE_KEY_UNKNOWN ||
        (rc == EE_OK && (!ee_subject_is_of(s, (*out)->record.name) ||
                         (*out)->record.origin != EE_ORIGIN_LOCAL))) {
        rc = altered(s, schema, err);
    }
    return rc;
}

int ee_subject_unwrap_row(struct ee_keys *k, const char *schema,
                          const struct ee_subject *s,
                          struct ee_key_entry *wrapper, struct ee_kek **out,
                          struct ee_error *err)
{
    struct ee_subject row = *s;
    uint8_t aad[EE_SUBJECT_AAD_MAX];
    const size_t n = ee_subject_aad(aad, s, wrapper->record.suite);
    int rc = ee_subject_unwrap(out, &k->engine.ossl, wrapper->kek,
                               ee_subject_id(&row), ee_subject_nonce(&row),
                               ee_bytes(aad, n), ee_subject_wrapped(&row), err);

    return rc == EE_AUTH ? altered(s, schema, err) : rc; /* FORMAT R53 */
}

int ee_subject_wrap_row(struct ee_keys *k, struct ee_subject *s, uint8_t state,
                        struct ee_key_entry *wrapper, const uint8_t *kek,
                        struct ee_error *err)
{
    uint8_t aad[EE_SUBJECT_AAD_MAX];
    size_t n = 0;

    ee_subject_set(s, state, ee_subject_created(s), wrapper->kek->key_id);
    ee_random(ee_subject_nonce(s), EE_WRAP_NONCE_BYTES); /* FORMAT R52 */
    n = ee_subject_aad(aad, s, wrapper->record.suite);
    if (ee_subject_wrap(&k->engine.ossl, wrapper->kek, ee_subject_wrapped(s),
                        ee_subject_nonce(s), ee_bytes(aad, n), kek) != EE_OK) {
        return ee_fail(err, EE_INTERNAL, "OpenSSL could not wrap a key");
    }
    return EE_OK;
}

static bool is_same(const struct ee_key_entry *e, const struct ee_subject *s)
{
    return e->is_subject && strcmp(e->record.name, s->name) == 0 &&
           ee_equal(e->subject, s->record, sizeof s->record);
}

/* A verified entry for a row: from the cache, or unwrapped. */
static int entry_for(struct ee_keys *k, const char *schema,
                     const struct ee_subject *s, struct ee_key_entry *wrapper,
                     struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_key_entry *e = ee_cache_find(&k->cache, schema, s->record);
    struct ee_kek *kek = NULL;
    int rc = EE_OK;

    if (e != NULL && is_same(e, s) && !ee_cache_is_expired(&k->cache, e)) {
        *out = e;
        return EE_OK;
    }
    if (e != NULL && !e->is_subject) { /* it stays: a rewrap may be at it */
        return altered(s, schema, err);
    }
    k->cache.counts.misses++;
    rc = ee_subject_unwrap_row(k, schema, s, wrapper, &kek, err);
    if (rc != EE_OK) {
        return rc;
    }
    if (e != NULL) { /* the same key: another state or wrap, or expired */
        ee_cache_renew(&k->cache, e, kek, wrapper->loaded);
    } else {
        e = ee_cache_add(&k->cache, schema, kek);
    }
    if (e == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    e->is_subject = true;
    e->loaded = wrapper->loaded;
    ee_subject_describe(&e->record, s, wrapper->record.suite);
    e->manifest.current = e->record.version;
    memcpy(e->subject, s->record, sizeof s->record);
    *out = e;
    return EE_OK;
}

int ee_subject_denied(struct ee_keys *k, uint64_t moment, const char *operation,
                      const struct ee_key_entry *e, int rc,
                      struct ee_error *err)
{
    return ee_audit_denied(&k->audit, moment, operation, e->schema, &e->record,
                           rc, err);
}

static int load(struct ee_keys *k, const char *schema,
                const struct ee_subject *s, uint64_t moment,
                struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_key_entry *wrapper = NULL;
    struct ee_key_record r;
    int rc = EE_OK;

    *out = NULL;
    if (ee_subject_state(s) == EE_STATE_DESTROYED) {
        ee_subject_describe(&r, s, 0);
        return ee_keys_destroyed(&r, err);
    }
    rc = ee_subject_wrapper(k, schema, s, moment, &wrapper, err);
    if (rc == EE_OK && !ee_keys_may_open(wrapper)) { /* FORMAT R54 */
        rc = ee_keys_refuse_state(wrapper, "", err);
        rc = ee_subject_denied(k, moment, "use", wrapper, rc, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    ee_cache_pin(wrapper); /* it is of use for the next row, too */
    rc = entry_for(k, schema, s, wrapper, out, err);
    ee_cache_unpin(wrapper);
    if (rc != EE_OK || *out == NULL) {
        return rc;
    }
    (*out)->checked = k->moment;
    (*out)->openable = wrapper->openable;
    if (!ee_keys_may_open(*out)) {
        rc = ee_keys_refuse_state(*out, "", err);
        rc = ee_subject_denied(k, moment, "use", *out, rc, err);
    }
    return rc;
}

int ee_subject_load(struct ee_keys *k, const char *schema,
                    const struct ee_subject *s, uint64_t moment,
                    struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_key_record r;
    int rc = load(k, schema, s, moment, out, err);

    if (rc == EE_TAMPERED) {
        ee_subject_describe(&r, s, 0);
        rc = ee_audit_denied(&k->audit, moment, "verify", schema, &r, rc, err);
    }
    return rc;
}
