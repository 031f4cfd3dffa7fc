/* SPDX-License-Identifier: MIT
 *
 * sql.c: small helpers over SQLite's C interface.
 */
#include "db/sql.h"

#include <stdarg.h>
#include <string.h>

static int status_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
        return EE_OK;
    case SQLITE_NOMEM:
        return EE_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return EE_BUSY;
    case SQLITE_INTERRUPT:
        return EE_INTERRUPTED;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return EE_DENIED;
    default:
        return EE_IO;
    }
}

int ee_sql_fail(sqlite3 *db, int rc, const char *doing, struct ee_error *err)
{
    const int status = status_of(rc);

    if (status == EE_NOMEM) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    /* a statement that failed before it was interrupted has another message */
    return ee_fail(err, status, "could not %s: %s", doing,
                   status == EE_INTERRUPTED ? "interrupted"
                                            : sqlite3_errmsg(db));
}

int ee_sql_exec(sqlite3 *db, const char *sql, const char *doing,
                struct ee_error *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? EE_OK : ee_sql_fail(db, rc, doing, err);
}

int ee_sql_run(sqlite3 *db, sqlite3_stmt *stmt, const char *doing,
               struct ee_error *err)
{
    int rc = SQLITE_ROW;

    while (rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
    }
    return rc == SQLITE_DONE ? EE_OK : ee_sql_fail(db, rc, doing, err);
}

int ee_sql_prepare(sqlite3 *db, sqlite3_stmt **out, unsigned flags,
                   const char *doing, struct ee_error *err, const char *format,
                   ...)
{
    va_list args;
    char *sql = NULL;
    int rc = SQLITE_NOMEM;

    *out = NULL;
    va_start(args, format);
    sql = sqlite3_vmprintf(format, args);
    va_end(args);
    if (sql != NULL) {
        rc = sqlite3_prepare_v3(db, sql, -1, flags, out, NULL);
    }
    sqlite3_free(sql);
    return rc == SQLITE_OK ? EE_OK : ee_sql_fail(db, rc, doing, err);
}

bool ee_sql_blob_is(sqlite3_stmt *stmt, int column, uint8_t *out, size_t n)
{
    const void *p = sqlite3_column_blob(stmt, column);

    if (p == NULL || (size_t)sqlite3_column_bytes(stmt, column) != n) {
        return false;
    }
    memcpy(out, p, n);
    return true;
}
