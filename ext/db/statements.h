/* SPDX-License-Identifier: MIT
 *
 * statements.h: prepared statements kept between calls, per schema.
 *
 * A function's prepared statements would make sqlite3_close() fail with BUSY.
 * So they are kept only while somebody answers for finalizing them before the
 * connection closes: the instance of our eponymous virtual table, which
 * SQLite disconnects first thing in sqlite3_close() (sqlite/vtab_keys.c calls
 * ee_statements_keep() and ee_statements_drop()). Without a keeper a
 * statement lasts for one use.
 *
 * A statement that was handed out is lent until it is put back, whether it
 * was stepped or not: nobody else gets it, and nothing finalizes it.
 */
#ifndef EE_DB_STATEMENTS_H
#define EE_DB_STATEMENTS_H

#include "db/sql.h"

#define EE_STATEMENTS_MAX 24
#define EE_SCHEMA_MAX     128 /* with its NUL */

struct ee_statements {
    sqlite3 *db;
    bool kept; /* a keeper is there */
    unsigned next_victim;
    struct {
        const char *format; /* identity of the statement: a literal */
        char schema[EE_SCHEMA_MAX];
        sqlite3_stmt *stmt;
        bool lent;
        bool stale; /* renewed while lent: not to be used again */
    } slots[EE_STATEMENTS_MAX];
};

/* A statement ready to bind. format may have up to three %w: the schema. Give
 * it back with ee_statement_put(); never finalize it. */
int ee_statement_get(struct ee_statements *s, sqlite3_stmt **out,
                     const char *format, const char *schema, const char *doing,
                     struct ee_error *err) EE_CHECKED;
void ee_statement_put(struct ee_statements *s, sqlite3_stmt *stmt);
/* ee_sql_run(), and puts it back. */
int ee_statement_run(struct ee_statements *s, sqlite3_stmt *stmt,
                     const char *doing, struct ee_error *err) EE_CHECKED;

/* Forgets the kept statements, so that the next use compiles them again. For
 * when one of them answered with nonsense: an authorizer that ignores a column
 * is compiled in, and SQLite does not compile again when it is taken away. */
void ee_statements_renew(struct ee_statements *s);

void ee_statements_keep(struct ee_statements *s);
/* Finalizes all but the lent ones, which go when they are put back. */
void ee_statements_drop(struct ee_statements *s);

#endif
