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
    ee_statement_put(&k->statements, w->undo_all);
    ee_statement_put(&k->statements, w->force);
}

static int prepare_write(struct ee_keys *k, struct ee_write *w,
                         struct ee_error *err)
{
    const struct {
        sqlite3_stmt **out;
        const char *sql;
    } wanted[] = {{&w->release, "RELEASE envelope_key"},
                  {&w->undo, "ROLLBACK TO envelope_key"},
                  {&w->undo_all, "ROLLBACK"},
                  {&w->force, "BEGIN IMMEDIATE"}};
    int rc = EE_OK;

    for (size_t i = 0; rc == EE_OK && i < sizeof wanted / sizeof *wanted; i++) {
        rc = ee_statement_get(&k->statements, wanted[i].out, wanted[i].sql, "",
                              doing, err);
    }
    return rc;
}

int ee_keys_refuse_foreign(const char *schema, struct ee_error *err)
{
    return ee_fail(err, EE_CONFIG,
                   "%s has a trigger on a key table, in the file or a TEMP "
                   "one, or an index that the extension has not made, or its "
                   "schema cannot be read here (an authorizer hides it, or "
                   "this is part of CREATE TABLE ... AS): keys are not changed "
                   "then; DROP the trigger or the index, or run this in a "
                   "SELECT of its own",
                   schema);
}

/* A trigger in the file may be anybody's: it could undo what is written, or
 * keep a copy of a wrap that is to be destroyed. So could a TEMP one. An index
 * that lacks rows would keep them from being found. */
static int refuse_foreign(struct ee_keys *k, const char *schema,
                          struct ee_error *err)
{
    bool yes = false;
    int rc = ee_store_has_foreign(&k->statements, schema, &yes, err);

    if (rc == EE_OK && yes) {
        rc = ee_keys_refuse_foreign(schema, err);
    }
    return rc;
}

static int refuse_ignored(struct ee_error *err)
{
    return ee_fail(err, EE_CONFIG,
                   "an authorizer of this connection ignores savepoints, so "
                   "keys cannot be changed");
}

/* A savepoint cannot be opened while a statement writes, and must not be: a
 * statement that fails later would take half of the key with it. */
static int savepoint_fail(struct ee_keys *k, int step, struct ee_error *err)
{
    if (step == SQLITE_BUSY) {
        return ee_fail(err, EE_MISUSE,
                       "keys cannot be changed inside an INSERT, UPDATE or "
                       "DELETE: run this in a SELECT of its own");
    }
    return ee_sql_fail(k->db, step, doing, err);
}

/* expected: SQLITE_DONE or SQLITE_ERROR. What an authorizer ignores compiles
 * to nothing, and succeeds. */
static int step_probe(struct ee_keys *k, const char *sql, int expected,
                      struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int step = SQLITE_OK;
    int rc = ee_statement_get(&k->statements, &stmt, sql, "", doing, err);

    if (rc != EE_OK) {
        return rc;
    }
    step = sqlite3_step(stmt);
    if (step != expected) {
        rc = step == SQLITE_DONE || step == SQLITE_ERROR
                 ? refuse_ignored(err)
                 : savepoint_fail(k, step, err);
    }
    ee_statement_put(&k->statements, stmt);
    return rc;
}

/* A savepoint that is not there must be missed, or nothing could be taken
 * back. Inside a transaction a savepoint that is opened must be there, too;
 * outside the transaction shows that. (A ROLLBACK TO would prove as much, but
 * after a change of the schema it aborts the SELECT that we are in.) */
static int prove_undo(struct ee_keys *k, bool inner, struct ee_error *err)
{
#define PROBE "\"envelope probes for authorizers\""
    int rc = step_probe(k, "ROLLBACK TO " PROBE, SQLITE_ERROR, err);

    if (rc == EE_OK && inner) {
        rc = step_probe(k, "RELEASE " PROBE, SQLITE_ERROR, err);
    }
    if (rc == EE_OK && inner) {
        rc = step_probe(k, "SAVEPOINT " PROBE, SQLITE_DONE, err);
    }
    if (rc == EE_OK && inner) {
        rc = step_probe(k, "RELEASE " PROBE, SQLITE_DONE, err);
    }
#undef PROBE
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
    (void)sqlite3_reset(w->undo);
    if (!w->inner) {
        (void)sqlite3_step(w->undo_all);
    }
    if (sqlite3_get_autocommit(k->db)) {
        return;
    }
    if (sqlite3_step(w->undo) != SQLITE_DONE) {
        (void)sqlite3_step(w->force);
    }
    (void)sqlite3_step(w->release);
}

static int open_savepoint(struct ee_keys *k, struct ee_write *w,
                          struct ee_error *err)
{
    int step = sqlite3_exec(k->db, "SAVEPOINT envelope_key", NULL, NULL, NULL);
    int rc = EE_OK;

    if (step == SQLITE_OK) {
        return sqlite3_get_autocommit(k->db) ? refuse_ignored(err) : EE_OK;
    }
    rc = savepoint_fail(k, step, err);
    if (step != SQLITE_BUSY) { /* interrupted, it may be open all the same */
        take_back(k, w);
    }
    return rc;
}

int ee_write_begin(struct ee_keys *k, struct ee_write *w, struct ee_error *err)
{
    int rc = EE_OK;

    *w = (struct ee_write){.inner = !sqlite3_get_autocommit(k->db)};
    rc = prepare_write(k, w, err);
    if (rc == EE_OK) {
        rc = prove_undo(k, w->inner, err);
    }
    if (rc == EE_OK) {
        rc = open_savepoint(k, w, err);
    }
    if (rc != EE_OK) { /* what was compiled to nothing is not kept */
        ee_statements_renew(&k->statements);
        put_statements(k, w);
    }
    return rc;
}

void ee_write_undo(struct ee_keys *k, struct ee_write *w)
{
    take_back(k, w);
    ee_statements_renew(&k->statements);
    put_statements(k, w);
}

int ee_keys_begin(struct ee_keys *k, const char *schema, struct ee_write *w,
                  struct ee_error *err)
{
    int rc = refuse_foreign(k, schema, err);

    if (rc == EE_OK) {
        rc = ee_write_begin(k, w, err);
    }
    w->schema = schema;
    return rc;
}

/* Interrupted when it was done already: what holds is not called a failure. */
static bool is_released(struct ee_keys *k, struct ee_write *w)
{
    return w->inner ? sqlite3_step(w->undo) == SQLITE_ERROR
                    : sqlite3_get_autocommit(k->db);
}

static int release(struct ee_keys *k, struct ee_write *w, struct ee_error *err)
{
    const int step = sqlite3_step(w->release);
    int rc = EE_OK;

    if (step != SQLITE_DONE) {
        rc = ee_sql_fail(k->db, step, doing, err);
    } else if (!w->inner && !sqlite3_get_autocommit(k->db)) {
        rc = refuse_ignored(err);
    }
    return step == SQLITE_INTERRUPT && is_released(k, w) ? EE_OK : rc;
}

int ee_keys_end(struct ee_keys *k, struct ee_write *w, int rc,
                struct ee_error *err)
{
    if (rc == EE_OK) { /* there may be one from before the lock was taken */
        rc = refuse_foreign(k, w->schema, err);
    }
    ee_keys_changed(k);
    if (rc == EE_OK) {
        rc = release(k, w, err);
    }
    if (rc == EE_OK && w->inner) {
        k->provisional = true;
    }
    ee_audit_ended(&k->audit, rc == EE_OK && w->inner);
    if (rc != EE_OK) {
        ee_write_undo(k, w);
    } else {
        put_statements(k, w);
    }
    return rc;
}
