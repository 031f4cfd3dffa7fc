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

static const char doing[] = "change the key tables";

static void put_statements(struct ee_keys *k, struct ee_write *w)
{
    ee_statement_put(&k->statements, w->release);
    ee_statement_put(&k->statements, w->undo);
}

static int prepare_write(struct ee_keys *k, struct ee_write *w,
                         struct ee_error *err)
{
    struct ee_statements *s = &k->statements;
    int rc = ee_statement_get(s, &w->release, "RELEASE envelope_key", "", doing,
                              err);

    if (rc == EE_OK && w->inner) {
        rc = ee_statement_get(s, &w->undo, "ROLLBACK TO envelope_key", "",
                              doing, err);
    } else if (rc == EE_OK) {
        rc = ee_statement_get(s, &w->undo, "ROLLBACK", "", doing, err);
    }
    return rc;
}

/* A savepoint cannot be opened while a statement writes, and must not be: a
 * statement that fails later would take half of the key with it. The write
 * that changes nothing makes the table envelope_keys take part in the
 * transaction, so that we are told when it is rolled back. */
static int open_savepoint(struct ee_keys *k, struct ee_error *err)
{
    int rc = sqlite3_exec(k->db, "SAVEPOINT envelope_key", NULL, NULL, NULL);

    if (rc == SQLITE_BUSY) {
        return ee_fail(err, EE_MISUSE,
                       "keys cannot be changed inside an INSERT, UPDATE or "
                       "DELETE: run this in a SELECT of its own");
    }
    return rc == SQLITE_OK ? EE_OK : ee_sql_fail(k->db, rc, doing, err);
}

int ee_keys_begin(struct ee_keys *k, struct ee_write *w, struct ee_error *err)
{
    int rc = EE_OK;

    *w = (struct ee_write){.inner = !sqlite3_get_autocommit(k->db)};
    rc = prepare_write(k, w, err);
    if (rc == EE_OK) {
        rc = open_savepoint(k, err);
    }
    if (rc != EE_OK) {
        put_statements(k, w);
        return rc;
    }
    rc = ee_sql_exec(k->db, "DELETE FROM envelope_keys WHERE 0", doing, err);
    return rc == EE_OK ? EE_OK : ee_keys_end(k, w, rc, err);
}

void ee_keys_changed(struct ee_keys *k)
{
    k->changed = ee_keys_now(k);
}

int ee_keys_end(struct ee_keys *k, struct ee_write *w, int rc,
                struct ee_error *err)
{
    int step = SQLITE_DONE;

    ee_keys_changed(k);
    if (rc == EE_OK) {
        step = sqlite3_step(w->release);
        if (step != SQLITE_DONE) {
            rc = ee_sql_fail(k->db, step, doing, err);
        }
    }
    if (rc != EE_OK) {
        (void)sqlite3_reset(w->release);
        (void)sqlite3_step(w->undo);
        if (w->inner) {
            (void)sqlite3_step(w->release);
        }
    }
    put_statements(k, w);
    return rc;
}
