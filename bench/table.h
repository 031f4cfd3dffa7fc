/* SPDX-License-Identifier: MIT
 *
 * table.h: databases for the benchmarks in SQL, in a folder of their own.
 *
 * Whatever fails is said, and ends the program. EE_EXTENSION (envelope.so) and
 * EE_BENCH (the folder of ext_floor.so) are set by make.
 */
#ifndef EE_BENCH_TABLE_H
#define EE_BENCH_TABLE_H

#include <sqlite3.h>

/* db may be NULL. */
void table_must(sqlite3 *db, int good, const char *what);

/* Makes the folder, in memory where there is one, with a key file in it. It is
 * removed when the program ends. */
void table_folder(void);

/* A new database with the key 'pii' in its second version, and the tables
 * plain and sealed, each of rows (id, c): values of 22 bytes, and what
 * envelope_seal() made of them under the first version. */
sqlite3 *table_make(const char *name, long rows);

void table_run(sqlite3 *db, const char *sql);
sqlite3_stmt *table_prepare(sqlite3 *db, const char *sql);

/* CPU nanoseconds a row of a statement on the rows after the first one: ?1 is
 * an id, the rows follow it up to the id ?2. */
double table_cost(sqlite3_stmt *stmt, long first, long rows);

#endif
