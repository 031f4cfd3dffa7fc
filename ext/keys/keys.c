/* SPDX-License-Identifier: MIT
 *
 * keys.c: the life of a connection's keys: set up, moments, transactions.
 */
#include "keys/keys.h"

#include <string.h>

void ee_keys_init(struct ee_keys *k, sqlite3 *db)
{
    memset(k, 0, sizeof *k);
    k->db = db;
    k->statements.db = db;
    k->suite = ee_suite_aes.id;
}

void ee_keys_clear(struct ee_keys *k)
{
    ee_statements_drop(&k->statements);
    ee_cache_clear(&k->cache);
    if (k->engine_ready) {
        ee_engine_clear(&k->engine);
        k->engine_ready = false;
    }
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
    return ++k->moment;
}

/* A savepoint cannot be opened while a statement writes, and must not be: a
 * statement that fails later would take half of the key with it. */
int ee_keys_begin(struct ee_keys *k, struct ee_error *err)
{
    int rc = sqlite3_exec(k->db, "SAVEPOINT envelope_key", NULL, NULL, NULL);

    if (rc == SQLITE_BUSY) {
        return ee_fail(err, EE_MISUSE,
                       "keys cannot be changed inside an INSERT, UPDATE or "
                       "DELETE: run this in a SELECT of its own");
    }
    return rc == SQLITE_OK ? EE_OK
                           : ee_sql_fail(k->db, rc, "start a savepoint", err);
}

int ee_keys_end(struct ee_keys *k, int rc, struct ee_error *err)
{
    k->changed = ee_keys_now(k);
    if (rc == EE_OK) {
        rc = ee_sql_exec(k->db, "RELEASE envelope_key", "commit", err);
    }
    if (rc != EE_OK) {
        (void)sqlite3_exec(k->db,
                           "ROLLBACK TO envelope_key; RELEASE envelope_key",
                           NULL, NULL, NULL);
    }
    return rc;
}
