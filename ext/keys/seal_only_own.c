/* SPDX-License-Identifier: MIT
 *
 * seal_only_own.c: the name's own key, whose state is that of its seal-only
 * versions, too. FORMAT R46.
 *
 * Who writes the database can put an older state back, or take the key away. So
 * it is verified where this session can load it, and must be where the session
 * has pinned the name. A session with a public key only cannot: there it can
 * only refuse.
 */
#include "base/clock.h"
#include "keys/find.h"
#include "keys/seal_only_parts.h"

#include <string.h>

#define RETRY_MS 10000 /* after the own key could not be loaded */

static int check_state(const struct ee_key_record *r, const char *schema,
                       bool to_seal, struct ee_error *err)
{
    const bool is_main = sqlite3_stricmp(schema, "main") == 0;

    if (r->state == EE_STATE_DESTROYED) {
        return ee_keys_destroyed(r, err);
    }
    if (r->state == EE_STATE_ACTIVE ||
        (!to_seal && r->state == EE_STATE_DECRYPT_ONLY)) {
        return EE_OK;
    }
    return ee_fail(err, EE_KEY_STATE,
                   "key %s is %s, and so are its seal-only versions; to use "
                   "them again: SELECT envelope_key_set_state('%s%s%s', "
                   "'active')",
                   r->name, ee_state_name(r->state), is_main ? "" : schema,
                   is_main ? "" : ":", r->name);
}

/* It was removed, or never made: a pin knows. */
static int check_absent(struct ee_keys *k, const char *schema, const char *name,
                        struct ee_error *err)
{
    struct ee_key_name full;

    (void)sqlite3_snprintf(sizeof full.schema, full.schema, "%s", schema);
    (void)sqlite3_snprintf(sizeof full.name, full.name, "%s", name);
    return ee_trust_check_new(k, &full, err);
}

/* Through a provider, if need be. quiet: no person is asked for anything. */
static int verify(struct ee_keys *k, const char *schema, const char *name,
                  bool quiet, struct ee_key_record *there, struct ee_error *err)
{
    char qualified[EE_SCHEMA_MAX + EE_NAME_MAX];
    struct ee_key_entry *e = NULL;
    const bool before = k->quiet;
    int rc = EE_OK;

    (void)sqlite3_snprintf(sizeof qualified, qualified, "%s:%s", schema, name);
    k->quiet = before || quiet;
    rc = ee_find_key_name(k, qualified, strlen(qualified), true, &e, err);
    k->quiet = before;
    if (rc == EE_OK) {
        *there = e->record;
    }
    return rc;
}

/* This session has not what it takes. That the tables were altered is another
 * thing. */
static bool is_out_of_reach(int rc)
{
    return rc == EE_UNAVAILABLE || rc == EE_DENIED || rc == EE_CONFIG ||
           rc == EE_MISUSE || rc == EE_IO;
}

static bool is_loaded(struct ee_keys *k, const char *schema,
                      const struct ee_key_record *r)
{
    const struct ee_key_entry *e =
        ee_cache_find(&k->cache, schema, r->fingerprint);

    return e != NULL && !ee_cache_is_expired(&k->cache, e);
}

static bool may_try(const struct ee_seal_only_cmk *opener, const char *schema,
                    int64_t now)
{
    return now >= opener->retry ||
           sqlite3_stricmp(opener->retry_at, schema) != 0;
}

static int verify_where_it_can_be(struct ee_keys *k, const char *schema,
                                  struct ee_seal_only_cmk *opener,
                                  struct ee_key_record *there,
                                  struct ee_error *err)
{
    const int64_t now = ee_coarse_ms();
    const bool tries = opener != NULL && may_try(opener, schema, now);
    char name[EE_NAME_MAX];
    int rc = EE_OK;

    if (!tries && !is_loaded(k, schema, there)) {
        return EE_OK;
    }
    memcpy(name, there->name, sizeof name);
    rc = verify(k, schema, name, true, there, err);
    if (is_out_of_reach(rc)) {
        if (opener != NULL) {
            opener->retry = now + RETRY_MS;
            (void)sqlite3_snprintf(sizeof opener->retry_at, opener->retry_at,
                                   "%s", schema);
        }
        rc = EE_OK;
    }
    return rc;
}

int ee_seal_only_check_own(struct ee_keys *k, const char *schema,
                           const char *name, struct ee_seal_only_cmk *opener,
                           struct ee_key_record *there, struct ee_error *err)
{
    struct ee_key_manifest m;
    const bool to_seal = opener == NULL;
    int rc = ee_store_current(&k->statements, schema, name, there, &m, err);

    if (rc == EE_KEY_UNKNOWN) {
        *there = (struct ee_key_record){.suite = k->suite};
        (void)sqlite3_snprintf(sizeof there->name, there->name, "%s", name);
        return check_absent(k, schema, name, err);
    }
    if (rc == EE_OK) { /* before a provider is asked */
        rc = check_state(there, schema, to_seal, err);
    }
    if (rc == EE_OK) {
        rc = ee_trust_is_pinned(k, schema, name)
                 ? verify(k, schema, name, false, there, err)
                 : verify_where_it_can_be(k, schema, opener, there, err);
    }
    if (rc == EE_OK) {
        rc = check_state(there, schema, to_seal, err);
    }
    if (rc == EE_OK && ee_suite_by_id(there->suite) == NULL) {
        there->suite = k->suite; /* of an edited row */
    }
    return rc;
}
