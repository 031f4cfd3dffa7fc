/* SPDX-License-Identifier: MIT
 *
 * write.c: the transaction around a change of the key tables.
 *
 * Always a savepoint: inside the application's transaction it is nested,
 * outside it is a transaction of its own.
 */
#include "keys/keys.h"

static const char doing[] = "change the key tables";

static void put_statements(struct ee_keys *k, struct ee_write *w)
{
    ee_statement_put(&k->statements, w->release);
    ee_statement_put(&k->statements, w->undo);
    ee_statement_put(&k->statements, w->force);
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
    if (rc == EE_OK) {
        rc = ee_statement_get(s, &w->force, "BEGIN IMMEDIATE", "", doing, err);
    }
    return rc;
}

/* A trigger in the file may be anybody's: it could undo what is written, or
 * keep a copy of a wrap that is to be destroyed. */
static int refuse_triggers(struct ee_keys *k, const char *schema,
                           struct ee_error *err)
{
    bool yes = false;
    int rc = ee_store_has_trigger(&k->statements, schema, &yes, err);

    if (rc == EE_OK && yes) {
        rc = ee_fail(err, EE_CONFIG,
                     "%s has a trigger on a key table: DROP it, keys are not "
                     "changed while it is there",
                     schema);
    }
    return rc;
}

/* A savepoint cannot be opened while a statement writes, and must not be: a
 * statement that fails later would take half of the key with it. */
static int open_savepoint(struct ee_keys *k, struct ee_error *err)
{
    int rc = sqlite3_exec(k->db, "SAVEPOINT envelope_key", NULL, NULL, NULL);

    if (rc == SQLITE_BUSY) {
        return ee_fail(err, EE_MISUSE,
                       "keys cannot be changed inside an INSERT, UPDATE or "
                       "DELETE: run this in a SELECT of its own");
    }
    if (rc == SQLITE_OK && sqlite3_get_autocommit(k->db)) {
        return ee_fail(err, EE_CONFIG,
                       "an authorizer of this connection ignores savepoints, "
                       "so keys cannot be changed");
    }
    return rc == SQLITE_OK ? EE_OK : ee_sql_fail(k->db, rc, doing, err);
}

int ee_keys_begin(struct ee_keys *k, const char *schema, struct ee_write *w,
                  struct ee_error *err)
{
    int rc = EE_OK;

    *w = (struct ee_write){.inner = !sqlite3_get_autocommit(k->db)};
    rc = refuse_triggers(k, schema, err);
    if (rc == EE_OK) {
        rc = prepare_write(k, w, err);
    }
    if (rc == EE_OK) {
        rc = open_savepoint(k, err);
    }
    if (rc != EE_OK) {
        put_statements(k, w);
    }
    return rc;
}

/* While sqlite3_interrupt() is in force a ROLLBACK fails, too, and the
 * transaction would stay open behind the application's back. But a statement
 * that may write, and is interrupted, makes SQLite roll back everything, as it
 * documents for sqlite3_interrupt(). BEGIN IMMEDIATE is one; not interrupted
 * it only complains of the open transaction. */
static void take_back(struct ee_keys *k, struct ee_write *w)
{
    (void)sqlite3_reset(w->release);
    if (sqlite3_step(w->undo) != SQLITE_DONE &&
        !sqlite3_get_autocommit(k->db)) {
        (void)sqlite3_step(w->force);
    }
    if (w->inner) {
        (void)sqlite3_step(w->release);
    }
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
        take_back(k, w);
        ee_statements_renew(&k->statements);
    } else if (w->inner) {
        k->provisional = true;
    }
    ee_audit_ended(&k->audit, rc == EE_OK && w->inner);
    put_statements(k, w);
    return rc;
}
