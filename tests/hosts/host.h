/* SPDX-License-Identifier: MIT
 *
 * host.h: an application that loads the extension, as others do: by its file,
 * into a SQLite that the application links.
 */
#ifndef TESTS_HOSTS_HOST_H
#define TESTS_HOSTS_HOST_H

#include <sqlite3.h>
#include <stdbool.h>

/* What run.py says the loadable file is. Ends the program without it. */
const char *host_extension(void);

/* A folder of our own and a key file in it, named by ENVELOPE_KEYFILE; and
 * what removes both. Ends the program when it fails. */
void host_setup(void);
void host_cleanup(void);

/* A file in that folder; at most eight names are kept at a time. */
const char *host_path(const char *name);

/* Ends the program, and says where, when the condition does not hold. */
void host_must(int cond, const char *what);

/* Opens a database in that folder, without and with the extension. */
sqlite3 *host_open(const char *name);
sqlite3 *host_open_loaded(const char *name);

/* The statement, ready for parameters. The caller finalizes it. */
sqlite3_stmt *host_prepare(sqlite3 *db, const char *sql);

/* Runs statements; false, and a note, when one fails. */
bool host_run(sqlite3 *db, const char *sql);

/* Is the first value of the first row this text? */
bool host_says(sqlite3 *db, const char *sql, const char *text);

#endif
