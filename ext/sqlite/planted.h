/* SPDX-License-Identifier: MIT
 *
 * planted.h: no stored table or index calls a function that
 * SQLITE_DIRECTONLY keeps from the schema.
 *
 * SQLite documents that it refuses such calls, and does not refuse all: 3.40
 * marks what comes from the schema only where a function is deterministic, so a
 * CHECK runs; and where the schema was read before we were loaded, also a
 * generated column or an index; and a virtual table may run statements of its
 * own, as FTS4 does for compress=. Whoever wrote the file could have values
 * opened and settings changed by an INSERT into any table, or by PRAGMA
 * integrity_check. (Views and triggers are refused.)
 *
 * So we look at the schema ourselves, whenever SQLite has read it anew. What
 * somebody takes out of the file again between SQLite's look and ours is not
 * seen.
 */
#ifndef EE_SQLITE_PLANTED_H
#define EE_SQLITE_PLANTED_H

#include "sqlite/conn.h"

/* Before such a function runs, once in a statement execution. A statement has a
 * transaction on each database whose tables it can use: where it has none,
 * nothing is read. EE_TAMPERED when there is such a call. */
int ee_planted_look(struct ee_conn *conn, struct ee_error *err) EE_CHECKED;

#endif
