/* SPDX-License-Identifier: MIT
 *
 * keys.c: the life of a connection's keys: set up, moments.
 */
#include "keys/keys.h"

#include "keys/seal_only_parts.h"
#include "keys/shared.h"

#include <string.h>

void ee_keys_init(struct ee_keys *k, sqlite3 *db)
{
    memset(k, 0, sizeof *k);
    k->db = db;
    k->statements.db = db;
    k->suite = ee_suite_aes.id;
    k->provider_timeout = EE_PROVIDER_TIMEOUT_MS;
    ee_cache_init(&k->cache);
    ee_seal_only_init(&k->seal_only);
    ee_audit_init(&k->audit, &k->statements);
    ee_providers_init(&k->providers);
}

void ee_keys_clear(struct ee_keys *k)
{
    ee_statements_drop(&k->statements);
    ee_cache_clear(&k->cache);
    ee_keys_share(k, false);
    ee_attempts_clear(&k->attempts);
    ee_audit_clear(&k->audit);
    ee_trust_clear(&k->trust);
    ee_seal_only_clear(&k->seal_only);
    ee_providers_clear(&k->providers);
    if (k->engine_ready) {
        ee_engine_clear(&k->engine);
        k->engine_ready = false;
    }
}

void ee_keys_share(struct ee_keys *k, bool yes)
{
    if (yes && !k->shares) {
        ee_shared_join();
    } else if (!yes && k->shares) {
        ee_shared_leave();
    }
    k->shares = yes;
}

int ee_keys_ready(struct ee_keys *k, struct ee_error *err)
{
    int rc = EE_OK;

    if (!k->engine_ready) {
        rc = ee_engine_init(&k->engine, err);
        k->engine_ready = rc == EE_OK;
    }
    return rc;
}

uint64_t ee_keys_now(struct ee_keys *k)
{
    if (k->audit.pending != NULL) {
        ee_audit_settle(&k->audit);
    }
    ee_cache_tick(&k->cache);
    return ++k->moment;
}

/* A version that was drawn here is over for those who share it, too. */
static void sweep(struct ee_keys *k)
{
    if (ee_cache_sweep(&k->cache)) {
        ee_seal_only_sweep();
    }
}

/* A ROLLBACK takes keys back that were made: their KEKs are wiped, too, once
 * the transaction is over. */
static void forget_taken_back(struct ee_keys *k)
{
    struct ee_key_entry *e = k->cache.newest;

    while (e != NULL) {
        struct ee_key_entry *older = e->older;
        struct ee_key_record r;
        struct ee_key_manifest m;
        struct ee_error ignored;

        if (e->made_here &&
            ee_store_by_id(&k->statements, e->schema, e->record.fingerprint, &r,
                           &m, &ignored) == EE_KEY_UNKNOWN) {
            ee_cache_remove(&k->cache, e);
        } else {
            e->made_here = false;
        }
        e = older;
    }
    k->made_here = false;
}

uint64_t ee_keys_begin_execution(struct ee_keys *k)
{
    const uint64_t now = ee_keys_now(k);

    if (k->running++ == 0 && !k->untracked) {
        sweep(k);
        if (k->made_here && sqlite3_get_autocommit(k->db) &&
            sqlite3_txn_state(k->db, NULL) != SQLITE_TXN_WRITE) {
            forget_taken_back(k);
        }
    }
    return now;
}

void ee_keys_end_execution(struct ee_keys *k)
{
    if (--k->running == 0 && !k->untracked) {
        sweep(k);
    }
}

void ee_keys_changed(struct ee_keys *k)
{
    k->changed = ee_keys_now(k);
}
