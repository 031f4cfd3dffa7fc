/* SPDX-License-Identifier: MIT
 *
 * cmk_use.c: which keys would be lost with a version of a CMK?
 *
 * Looks in the databases of the connection. It cannot know of others, nor of
 * backups.
 */
#include "base/secret.h"
#include "crypto/kdf.h"
#include "keys/keys.h"
#include "provider/cmk_uri.h"
#include "provider/provider.h"

#include <string.h>

struct use {
    struct ee_keys *k;
    struct ee_provider *p;
    uint32_t version;
    const char *schema;
    uint8_t *payload; /* a cell: secret, freed by ee_keys_lock_unused_cmk() */
};

static bool is_of_scheme(const struct ee_provider *p, const char *cmk)
{
    const size_t n = strlen(p->cls->scheme);

    return strncmp(cmk, p->cls->scheme, n) == 0 && cmk[n] == ':';
}

/* Is it the record's KEK that the payload holds? Wipes it. */
static bool take_payload(struct use *u, const struct ee_key_record *r)
{
    uint8_t fingerprint[EE_MAC_BYTES];

    ee_kdf(fingerprint, u->payload, "kek-id", ee_bytes(&r->suite, 1));
    ee_wipe(u->payload, EE_PAYLOAD_BYTES);
    return ee_equal(fingerprint, r->fingerprint, sizeof fingerprint);
}

/* The wrap says so itself, and proves it by opening. Where its path or name
 * is another way to write the same CMK, that is found, too. Only a wrap that
 * the CMK refuses is not under it: one that could not be tried may be. */
static int is_under(struct use *u, const struct ee_key_record *r,
                    const struct ee_wrap *w, bool *yes, struct ee_error *err)
{
    uint8_t context[EE_PROVIDER_CONTEXT_MAX];
    const size_t n = ee_record_provider_context(context, r);
    int rc = EE_OK;

    *yes = false;
    if (!is_of_scheme(u->p, w->cmk) ||
        ee_provider_version_of(u->p, w->wrapped) != u->version) {
        return EE_OK;
    }
    rc = ee_provider_unwrap(u->p, u->payload, w->wrapped, ee_bytes(context, n),
                            err);
    if (rc == EE_OK) {
        *yes = take_payload(u, r);
    }
    return rc == EE_AUTH ? EE_OK : rc;
}

/* Another way to the key counts once it was gone: what stands in the table
 * proves nothing. */
static bool opens(struct use *u, const struct ee_key_record *r,
                  const struct ee_wrap *w)
{
    uint8_t context[EE_PROVIDER_CONTEXT_MAX];
    struct ee_error ignored;
    struct ee_cmk_uri uri;
    const struct ee_cmk_call call = {
        .schema = u->schema,
        .uri = &uri,
        .record = r,
        .context = ee_bytes(context, ee_record_provider_context(context, r))};

    return w->wrapped.n > 0 &&
           ee_cmk_uri_parse(&uri, w->cmk, &ignored) == EE_OK &&
           ee_keys_unwrap_by(u->k, &call, u->payload, w->wrapped, &ignored) ==
               EE_OK &&
           take_payload(u, r);
}

/* Would the key be lost with the version? Any doubt is an error. */
static int check_wraps(struct use *u, const struct ee_key_record *r,
                       const struct ee_wrap *list, bool *lost,
                       struct ee_error *err)
{
    bool under = false;
    bool another = false;

    for (const struct ee_wrap *w = list; w != NULL; w = w->next) {
        bool yes = false;
        int rc = is_under(u, r, w, &yes, err);

        if (rc != EE_OK) {
            return rc;
        }
        under = under || yes;
    }
    for (const struct ee_wrap *w = list; under && !another && w; w = w->next) {
        struct ee_error ignored;
        bool yes = false;

        another = is_under(u, r, w, &yes, &ignored) == EE_OK && !yes &&
                  opens(u, r, w);
    }
    *lost = under && !another;
    return EE_OK;
}

static int check_record(void *arg, const struct ee_key_record *r,
                        struct ee_error *err)
{
    struct use *u = arg;
    struct ee_wrap *list = NULL;
    bool lost = false;
    int rc = ee_store_wraps(&u->k->statements, u->schema, r->fingerprint, &list,
                            err);

    if (rc == EE_OK) {
        rc = check_wraps(u, r, list, &lost, err);
    }
    ee_wraps_free(list);
    if (rc == EE_OK && lost) {
        rc = ee_fail(err, EE_KEY_STATE,
                     "only this version opens key %s version %u in %s, which "
                     "would be lost: SELECT envelope_key_rewrap('%s:%s') "
                     "first, after envelope_cmk_rotate() if it is the current "
                     "one",
                     r->name, r->version, u->schema, u->schema, r->name);
    }
    return rc;
}

static int check_schema(void *arg, const char *schema, struct ee_error *err)
{
    struct use *u = arg;
    int rc = EE_OK;

    u->schema = schema;
    rc = ee_store_all(&u->k->statements, schema, check_record, u, err);
    return rc == EE_OK ? EE_KEY_UNKNOWN : rc; /* the next schema, please */
}

/* A wrap that somebody has written and not committed cannot be seen. Nobody
 * has any while we hold the lock, and what we see is the newest. */
static int lock_schema(void *arg, const char *schema, struct ee_error *err)
{
    struct use *u = arg;
    bool yes = false;
    int rc = ee_store_exists(&u->k->statements, schema, &yes, err);

    if (rc == EE_OK && yes) {
        rc = ee_store_lock(&u->k->statements, schema, err);
    }
    if (rc == EE_BUSY) {
        rc = ee_fail(err, EE_BUSY,
                     "%s is being written by another connection, or was "
                     "while a SELECT that still runs here began: its keys may "
                     "need this version; finish that, and try again",
                     schema);
    }
    return rc == EE_OK ? EE_KEY_UNKNOWN : rc; /* the next schema, please */
}

static int check_all(struct use *u, struct ee_error *err)
{
    const bool refuse = u->k->refuse_in_transaction;
    int rc = ee_keys_each_schema(u->k, lock_schema, u, err);

    u->k->refuse_in_transaction = false; /* it is ours, and must be held */
    if (rc == EE_KEY_UNKNOWN) {
        rc = ee_keys_each_schema(u->k, check_schema, u, err);
    }
    u->k->refuse_in_transaction = refuse;
    return rc == EE_KEY_UNKNOWN ? EE_OK : rc;
}

int ee_keys_lock_unused_cmk(struct ee_keys *k, struct ee_provider *p,
                            uint32_t version, struct ee_write *w,
                            struct ee_error *err)
{
    struct use u = {.k = k, .p = p, .version = version};
    int rc = EE_OK;

    if (!sqlite3_get_autocommit(k->db)) {
        return ee_fail(err, EE_MISUSE,
                       "a CMK version is not destroyed inside a transaction, "
                       "whose wraps may be rolled back: COMMIT first");
    }
    u.payload = ee_cell_new();
    if (u.payload == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for keys");
    }
    rc = ee_write_begin(k, w, err);
    if (rc == EE_OK) {
        rc = check_all(&u, err);
        if (rc != EE_OK) {
            ee_write_undo(k, w);
        }
    }
    ee_cell_free(u.payload);
    return rc;
}
