/* SPDX-License-Identifier: MIT
 *
 * cmk_use.c: which keys would be lost with a version of a CMK?
 *
 * Looks in the databases of the connection. It cannot know of others, nor of
 * backups.
 */
#include "base/secret.h"
#include "keys/keys.h"
#include "provider/provider.h"

#include <string.h>

struct use {
    struct ee_keys *k;
    struct ee_provider *p;
    uint32_t version;
    const char *schema;
    uint8_t *payload; /* a cell: secret, freed by ee_keys_check_cmk_unused() */
};

static bool is_of_scheme(const struct ee_provider *p, const char *cmk)
{
    const size_t n = strlen(p->cls->scheme);

    return strncmp(cmk, p->cls->scheme, n) == 0 && cmk[n] == ':';
}

/* The wrap says so itself, and proves it by opening. Where its path or name
 * is another way to write the same CMK, that is found, too. */
static bool is_under(struct use *u, const struct ee_key_record *r,
                     const struct ee_wrap *w)
{
    uint8_t context[EE_PROVIDER_CONTEXT_MAX];
    const size_t n = ee_record_provider_context(context, r);
    struct ee_error ignored;
    bool yes = false;

    if (!is_of_scheme(u->p, w->cmk) ||
        ee_provider_version_of(u->p, w->wrapped) != u->version) {
        return false;
    }
    yes = ee_provider_unwrap(u->p, u->payload, w->wrapped, ee_bytes(context, n),
                             &ignored) == EE_OK;
    ee_wipe(u->payload, EE_PAYLOAD_BYTES);
    return yes;
}

static int check_record(void *arg, const struct ee_key_record *r,
                        struct ee_error *err)
{
    struct use *u = arg;
    struct ee_wrap *list = NULL;
    int under = 0;
    int others = 0;
    int rc = ee_store_wraps(&u->k->statements, u->schema, r->fingerprint, &list,
                            err);

    for (const struct ee_wrap *w = list; rc == EE_OK && w; w = w->next) {
        if (is_under(u, r, w)) {
            under++;
        } else if (w->wrapped.n > 0) {
            others++;
        }
    }
    ee_wraps_free(list);
    if (rc == EE_OK && under > 0 && others == 0) {
        rc = ee_fail(err, EE_KEY_STATE,
                     "only this version opens key %s version %u in %s, which "
                     "would be lost: SELECT envelope_key_rewrap('%s') first, "
                     "after envelope_cmk_rotate() if it is the current one",
                     r->name, r->version, u->schema, r->name);
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

int ee_keys_check_cmk_unused(struct ee_keys *k, struct ee_provider *p,
                             uint32_t version, struct ee_error *err)
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
    rc = ee_keys_each_schema(k, check_schema, &u, err);
    ee_cell_free(u.payload);
    return rc == EE_KEY_UNKNOWN ? EE_OK : rc;
}
