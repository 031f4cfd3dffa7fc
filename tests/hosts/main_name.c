/* SPDX-License-Identifier: MIT
 *
 * main_name.c: a host that gives its main database another name, by
 * SQLITE_DBCONFIG_MAINDBNAME. "main" stays an alias of it.
 */
#include "host.h"
#include "tap.h"

static sqlite3 *open_renamed(void)
{
    sqlite3 *db = host_open_loaded("renamed.db");

    host_must(sqlite3_db_config(db, SQLITE_DBCONFIG_MAINDBNAME, "base") ==
                  SQLITE_OK,
              "main cannot be renamed");
    return db;
}

int main(void)
{
    sqlite3 *db = NULL;

    host_setup();
    db = open_renamed();
    ok(host_run(db, "SELECT envelope_key_create('main:pii')"),
       "a key is created under the alias");
    ok(host_says(db, "SELECT schema FROM temp.envelope_keys", "base"),
       "its database is called by its own name");
    ok(host_says(db, "SELECT envelope_open(envelope_seal('x', 'main:pii'))",
                 "x") &&
           host_says(db, "SELECT envelope_open(envelope_seal('x', 'BASE:pii'))",
                     "x"),
       "both names seal");
    ok(host_says(db, "SELECT envelope_key_set_state('main:pii', 'disabled')",
                 "disabled") &&
           !host_run(db, "SELECT envelope_seal('x', 'base:pii')"),
       "a state that one name sets holds under the other");
    (void)sqlite3_close(db);
    host_cleanup();
    return done();
}
