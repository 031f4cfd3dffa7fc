/* SPDX-License-Identifier: MIT
 *
 * encoding.c: the database's text encoding, once for each connection.
 */
#include "sqlite/encoding.h"

/* Any setting that changes makes SQLite compile what was prepared anew. */
static void expire_statements(sqlite3 *db)
{
    int on = 0;

    if (sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_QPSG, -1, &on) ==
        SQLITE_OK) {
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_QPSG, !on, NULL);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_QPSG, on, NULL);
    }
}

/* Reads the schema, if nobody did. *utf8 is valid with SQLITE_OK and *known:
 * an authorizer may ignore the question. */
static int ask(sqlite3 *db, bool *utf8, bool *known)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA encoding", -1, &stmt, NULL);

    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);

        *known = name != NULL;
        *utf8 = name != NULL && sqlite3_stricmp(name, "UTF-8") == 0;
    }
    return stmt != NULL ? sqlite3_finalize(stmt) : rc;
}

int ee_encoding_check(struct ee_conn *conn, struct ee_error *err)
{
    bool known = false;
    const int rc = ask(conn->db, &conn->is_utf8, &known);

    if (rc != SQLITE_OK && rc != SQLITE_LOCKED) {
        return ee_sql_fail(conn->db, rc, "read the schema", err);
    }
    if (rc == SQLITE_OK && !known) {
        return ee_fail(err, EE_CONFIG,
                       "an authorizer of this connection hides PRAGMA "
                       "encoding, without which no text is safe");
    }
    if (conn->is_utf8) {
        return EE_OK;
    }
    expire_statements(conn->db);
    return ee_fail(err, EE_MISUSE,
                   "this database is in UTF-16, and its schema was not read "
                   "before: SELECT count(*) FROM sqlite_schema, then run this "
                   "statement again");
}
