/* SPDX-License-Identifier: MIT
 *
 * encoding.h: no call goes on in a statement that was compiled for another
 * text encoding than the database has.
 *
 * SQLite takes a database for UTF-8 until it first reads the schema, and a
 * statement without a table does not make it read one. When our own queries
 * then do, in the middle of such a statement, an UTF-16 database changes the
 * encoding under it: SQLite 3.40 takes the statement's literals for UTF-16
 * from the next step on, so that 'abcd' would be sealed as two Chinese
 * characters; SQLite 3.46 refuses to read the schema at all.
 */
#ifndef EE_SQLITE_ENCODING_H
#define EE_SQLITE_ENCODING_H

#include "sqlite/conn.h"

/* Before a function that SQLite took for a UTF-8 database's reads or writes
 * keys. EE_MISUSE where the database is in UTF-16; what was prepared is
 * compiled anew when it is run again. A query for each connection. */
int ee_encoding_check(struct ee_conn *conn, struct ee_error *err) EE_CHECKED;

#endif
