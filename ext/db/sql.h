/* SPDX-License-Identifier: MIT
 *
 * sql.h: how every layer from here up reaches SQLite.
 *
 * The extension is loaded into somebody's SQLite and calls it through the
 * routine table it was handed. Only files that need SQLite include this; the
 * layers below (base, crypto, envelope) never do. The table itself is defined
 * in sqlite/entry.c. Heap memory from here up is SQLite's, so that its limits
 * and the out-of-memory sweep see all of it.
 */
#ifndef EE_DB_SQL_H
#define EE_DB_SQL_H

#include "base/status.h"

#include <sqlite3ext.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
SQLITE_EXTENSION_INIT3

/* Turns a failed call on db into an ee_status and a message that says what
 * was being done ("read the key table"). The message holds SQLite's own words,
 * which can name tables but no values. */
int ee_sql_fail(sqlite3 *db, int rc, const char *doing, struct ee_error *err);

/* Runs one or more statements without results. */
int ee_sql_exec(sqlite3 *db, const char *sql, const char *doing,
                struct ee_error *err) EE_CHECKED;

/* Steps a statement that writes to its end: PRAGMA count_changes makes a row of
 * what it changed. */
int ee_sql_run(sqlite3 *db, sqlite3_stmt *stmt, const char *doing,
               struct ee_error *err) EE_CHECKED;

/* Prepares one statement from a format of sqlite3_mprintf() (%w quotes a
 * schema name inside double quotes). flags as of sqlite3_prepare_v3(). The
 * caller finalizes *out, which is NULL on failure. */
int ee_sql_prepare(sqlite3 *db, sqlite3_stmt **out, unsigned flags,
                   const char *doing, struct ee_error *err, const char *format,
                   ...) EE_CHECKED;

/* Copies a BLOB column that has exactly n bytes; false for any other. */
bool ee_sql_blob_is(sqlite3_stmt *stmt, int column, uint8_t *out, size_t n);

#endif
