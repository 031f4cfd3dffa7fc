/* SPDX-License-Identifier: MIT
 *
 * planted.c: looks for calls of our functions in the definitions of stored
 * tables and indexes, each time SQLite has read the schema anew.
 */
#include "sqlite/planted.h"

#include "sqlite/functions.h"
#include "sqlite/sql_text.h"

#include <string.h>

static const char doing[] = "look at the schema";

/* ?1: 0 to have SQLite find out only whether its schema is the same one. */
static const char rows[] =
    "SELECT sql, type FROM \"%w\".sqlite_schema WHERE ?1";

static bool is_called(const struct ee_sql_name *name, const char *what)
{
    return name->n == strlen(what) &&
           sqlite3_strnicmp(name->p, what, (int)name->n) == 0;
}

/* The function, if it must not be called there. NULL: none. */
static const struct ee_function *find_function(const struct ee_sql_name *name,
                                               enum ee_entry entry)
{
    for (size_t i = 0; ee_families[i] != NULL; i++) {
        for (const struct ee_function *f = ee_families[i]; f->name != NULL;
             f++) {
            if (ee_function_is_direct(f, entry) && is_called(name, f->name)) {
                return f;
            }
        }
    }
    return NULL;
}

/* There SQLite refuses our functions. It goes by the text, not by the column
 * `type`, which is anybody's. */
static bool is_refused_by_sqlite(const char *sql)
{
    return sqlite3_strnicmp(sql, "CREATE VIEW ", 12) == 0 ||
           sqlite3_strnicmp(sql, "CREATE TRIGGER ", 15) == 0;
}

static bool is_virtual(const char *sql)
{
    struct ee_sql_name word;

    do {
        ee_sql_next_word(&sql, &word);
    } while (word.p != NULL && !is_called(&word, "virtual"));
    return word.p != NULL;
}

/* A virtual table may call a function that its arguments name, by a statement
 * of its own: FTS4 does for compress= and uncompress=. There any word counts.
 */
static const struct ee_function *find_call(const char *sql, enum ee_entry entry)
{
    const bool any = is_virtual(sql);
    const struct ee_function *found = NULL;
    struct ee_sql_name name;

    if (is_refused_by_sqlite(sql)) {
        return NULL;
    }
    do {
        if (any) {
            ee_sql_next_word(&sql, &name);
        } else {
            ee_sql_next_call(&sql, &name);
        }
        found = name.p != NULL ? find_function(&name, entry) : NULL;
    } while (name.p != NULL && found == NULL);
    return found;
}

static int refuse(const char *schema, const struct ee_function *f,
                  struct ee_error *err)
{
    char *quoted = sqlite3_mprintf("%w", schema);

    (void)ee_fail(err, EE_TAMPERED,
                  "a table or index of %s has a call of %s() in its "
                  "definition: whoever wrote that could use your keys, so the "
                  "functions that may not be called from there are not called "
                  "at all; to look at it: SELECT sql FROM \"%s\".sqlite_schema "
                  "WHERE sql LIKE '%%%s%%'",
                  schema, f->name, quoted != NULL ? quoted : schema, f->name);
    sqlite3_free(quoted);
    return EE_TAMPERED;
}

/* What an authorizer ignores is NULL. So is an index's text, and all of the one
 * row that CREATE TABLE ... AS has not written yet. */
static bool is_hidden(const char *sql, const char *type, int *empty)
{
    if (sql == NULL && type == NULL) {
        return ++*empty > 1;
    }
    return type == NULL || (sql == NULL && strcmp(type, "index") != 0);
}

static int check_row(sqlite3_stmt *stmt, const char *schema,
                     enum ee_entry entry, int *empty, struct ee_error *err)
{
    const char *sql = (const char *)sqlite3_column_text(stmt, 0);
    const char *type = (const char *)sqlite3_column_text(stmt, 1);
    const struct ee_function *f = sql != NULL ? find_call(sql, entry) : NULL;

    if (f != NULL) {
        return refuse(schema, f, err);
    }
    if (is_hidden(sql, type, empty)) {
        return ee_fail(err, EE_CONFIG,
                       "the schema of %s cannot be read here: an authorizer of "
                       "this connection hides it, or there is no memory",
                       schema);
    }
    return EE_OK;
}

static int check_rows(struct ee_conn *conn, sqlite3_stmt *stmt,
                      const char *schema, struct ee_error *err)
{
    int empty = 0;
    int step = SQLITE_DONE;
    int rc = EE_OK;

    (void)sqlite3_reset(stmt);
    (void)sqlite3_bind_int(stmt, 1, 1);
    while (rc == EE_OK && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
        rc = check_row(stmt, schema, conn->entry, &empty, err);
    }
    return rc == EE_OK && step != SQLITE_DONE
               ? ee_sql_fail(conn->db, step, doing, err)
               : rc;
}

/* Has SQLite read the schema anew? Then it has compiled this anew, too. */
static bool has_moved(sqlite3_stmt *stmt, bool is_new)
{
    const int times =
        sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_REPREPARE, true);

    return is_new || times > 0;
}

static int look_at(void *arg, const char *schema, struct ee_error *err)
{
    struct ee_conn *conn = arg;
    struct ee_statements *s = &conn->keys.statements;
    sqlite3_stmt *stmt = NULL;
    bool is_new = false;
    int step = SQLITE_DONE;
    int rc = EE_OK;

    if (sqlite3_txn_state(conn->db, schema) <= SQLITE_TXN_NONE ||
        sqlite3_stricmp(schema, "temp") == 0) {
        return EE_KEY_UNKNOWN; /* go on */
    }
    rc = ee_statement_get(s, &stmt, rows, schema, doing, err);
    if (rc != EE_OK) {
        return rc;
    }
    is_new = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_RUN, false) == 0;
    (void)sqlite3_bind_int(stmt, 1, 0);
    step = sqlite3_step(stmt);
    rc = step == SQLITE_DONE ? EE_OK : ee_sql_fail(conn->db, step, doing, err);
    if (rc == EE_OK && has_moved(stmt, is_new)) {
        rc = check_rows(conn, stmt, schema, err);
    }
    ee_statement_put(s, stmt);
    if (rc != EE_OK) { /* looked at again next time */
        ee_statements_renew(s);
    }
    return rc == EE_OK ? EE_KEY_UNKNOWN : rc;
}

static int look_at_all(struct ee_conn *conn, struct ee_error *err)
{
#if SQLITE_VERSION_NUMBER >= 3039000
    const char *schema = NULL;
    int rc = EE_KEY_UNKNOWN;

    if (sqlite3_libversion_number() >= 3039000) {
        for (int i = 0; rc == EE_KEY_UNKNOWN &&
                        (schema = sqlite3_db_name(conn->db, i)) != NULL;
             i++) {
            rc = look_at(conn, schema, err);
        }
        return rc;
    }
#endif
    return ee_keys_each_schema(&conn->keys, look_at, conn, err);
}

int ee_planted_look(struct ee_conn *conn, struct ee_error *err)
{
    const int rc = look_at_all(conn, err);

    return rc == EE_KEY_UNKNOWN ? EE_OK : rc;
}
