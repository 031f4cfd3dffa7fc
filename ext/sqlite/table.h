/* SPDX-License-Identifier: MIT
 *
 * table.h: what our tables have in common.
 *
 * They are virtual, eponymous only (no xCreate, so nothing of them is ever
 * stored in a file), read-only, and out of reach for a planted view or trigger.
 */
#ifndef EE_SQLITE_TABLE_H
#define EE_SQLITE_TABLE_H

#include "sqlite/conn.h"

/* First member of every table's own struct. */
struct ee_table {
    sqlite3_vtab base; /* must be first */
    struct ee_conn *conn;
};

static inline struct ee_conn *ee_table_conn(const sqlite3_vtab *base)
{
    return ((const struct ee_table *)base)->conn;
}

/* Registers the module under its table's name. An SQLite code. */
int ee_table_register(struct ee_conn *conn, const char *name,
                      const sqlite3_module *module);

/* For xConnect: a table of `size` bytes, zero but for its struct ee_table.
 * conn: what xConnect gets as aux. An SQLite code. */
int ee_table_connect(sqlite3 *db, void *conn, const char *declaration,
                     size_t size, sqlite3_vtab **out);

/* xDisconnect of a table that owns nothing more. */
int ee_table_disconnect(sqlite3_vtab *base);

/* For xOpen: a cursor of `size` bytes, all zero, freed by sqlite3_free(). */
int ee_table_open(size_t size, sqlite3_vtab_cursor **out);

/* Makes err the table's error, behind its name. Returns the SQLite code. */
int ee_table_fail(sqlite3_vtab *base, const char *name,
                  const struct ee_error *err);

#endif
