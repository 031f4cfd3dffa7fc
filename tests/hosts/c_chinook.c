/* SPDX-License-Identifier: MIT
 *
 * c_chinook.c: the main job on real input, done by a C program: the customers
 * of Chinook, by prepared statements with bound parameters.
 * tests/sql/test_chinook.py does it through Python and through the shell.
 */
#include "host.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CUSTOMERS 59
#define COLUMNS   5

static const char *const columns[COLUMNS] = {"Email", "Phone", "Fax", "Address",
                                             "PostalCode"};
static char original[512]; /* the path of the database that nobody changes */

static const char *sql(const char *format, const char *column)
{
    static char text[512];

    /* the column, as often as the longest of the formats asks for it */
    (void)snprintf(text, sizeof text, format, column, column, column);
    return text;
}

/* Not its mode: the original may be read-only. */
static void copy(const char *from, const char *to)
{
    char command[1200];

    (void)snprintf(command, sizeof command, "cat '%s' > '%s'", from, to);
    host_must(system(command) == 0, command);
}

/* The scope that a column's values are bound to: Customer.Email */
static void bind_scope(sqlite3_stmt *stmt, int i, const char *column)
{
    char scope[64];

    (void)snprintf(scope, sizeof scope, "Customer.%s", column);
    host_must(sqlite3_bind_text(stmt, i, scope, -1, SQLITE_TRANSIENT) ==
                  SQLITE_OK,
              "bind");
}

/* ---- the main job ---- */

static bool create_key(sqlite3 *db)
{
    sqlite3_stmt *stmt = host_prepare(db, "SELECT envelope_key_create(?1)");
    bool made = false;

    (void)sqlite3_bind_text(stmt, 1, "pii", 3, SQLITE_STATIC);
    made =
        sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) == 16;
    if (sqlite3_finalize(stmt) != SQLITE_OK) {
        note("%s", sqlite3_errmsg(db));
    }
    return made;
}

/* Reads each value, and writes its envelope: all four are parameters. */
static size_t seal_column(sqlite3 *db, const char *column)
{
    sqlite3_stmt *in =
        host_prepare(db, sql("SELECT CustomerId, %s FROM Customer "
                             "WHERE CustomerId > ?1 ORDER BY 1 LIMIT 1",
                             column));
    sqlite3_stmt *out = host_prepare(
        db, sql("UPDATE Customer SET %s = envelope_seal(?1, ?2, ?3, ?4) "
                "WHERE CustomerId = ?4",
                column));
    sqlite3_int64 last = 0;
    size_t done = 0;

    (void)sqlite3_bind_text(out, 2, "pii", -1, SQLITE_STATIC);
    bind_scope(out, 3, column);
    for (;; done++) {
        (void)sqlite3_bind_int64(in, 1, last);
        if (sqlite3_step(in) != SQLITE_ROW) {
            break;
        }
        last = sqlite3_column_int64(in, 0);
        (void)sqlite3_bind_value(out, 1, sqlite3_column_value(in, 1));
        (void)sqlite3_bind_int64(out, 4, last);
        (void)sqlite3_reset(in);
        host_must(sqlite3_step(out) == SQLITE_DONE, sqlite3_errmsg(db));
        (void)sqlite3_reset(out);
    }
    (void)sqlite3_finalize(in);
    (void)sqlite3_finalize(out);
    return done;
}

static size_t rewrap_column(sqlite3 *db, const char *column)
{
    sqlite3_stmt *stmt =
        host_prepare(db, sql("UPDATE Customer SET %s = envelope_rewrap(%s, ?1) "
                             "WHERE %s IS NOT NULL",
                             column));

    (void)sqlite3_bind_text(stmt, 1, "pii", -1, SQLITE_STATIC);
    host_must(sqlite3_step(stmt) == SQLITE_DONE, sqlite3_errmsg(db));
    (void)sqlite3_finalize(stmt);
    return (size_t)sqlite3_changes(db);
}

/* ---- compared ---- */

static bool same_value(sqlite3_value *a, sqlite3_value *b)
{
    const int type = sqlite3_value_type(a);
    const void *x = sqlite3_value_blob(a);
    const void *y = sqlite3_value_blob(b);
    const int n = sqlite3_value_bytes(a);

    return sqlite3_value_type(b) == type && sqlite3_value_bytes(b) == n &&
           (n == 0 || memcmp(x, y, (size_t)n) == 0);
}

/* Every value and its storage class, against the original file. */
static size_t same_in_column(sqlite3 *plain, sqlite3 *db, const char *column)
{
    sqlite3_stmt *was = host_prepare(
        plain, sql("SELECT %s FROM Customer ORDER BY CustomerId", column));
    sqlite3_stmt *is = host_prepare(
        db, sql("SELECT envelope_open(%s, ?1, CustomerId) FROM Customer "
                "ORDER BY CustomerId",
                column));
    size_t same = 0;

    bind_scope(is, 1, column);
    while (sqlite3_step(was) == SQLITE_ROW && sqlite3_step(is) == SQLITE_ROW) {
        same += same_value(sqlite3_column_value(was, 0),
                           sqlite3_column_value(is, 0));
    }
    (void)sqlite3_finalize(was);
    if (sqlite3_finalize(is) != SQLITE_OK) {
        note("%s: %s", column, sqlite3_errmsg(db));
        return 0;
    }
    return same;
}

static bool all_same(sqlite3 *db)
{
    sqlite3 *plain = NULL;
    bool same = true;

    host_must(sqlite3_open_v2(original, &plain, SQLITE_OPEN_READONLY, NULL) ==
                  SQLITE_OK,
              original);
    for (size_t i = 0; i < COLUMNS; i++) {
        same = same_in_column(plain, db, columns[i]) == CUSTOMERS && same;
    }
    (void)sqlite3_close(plain);
    return same;
}

/* The same of a file, by a connection of its own. */
static bool file_is_same(const char *name)
{
    sqlite3 *db = host_open_loaded(name);
    const bool same = all_same(db);

    return sqlite3_close(db) == SQLITE_OK && same;
}

static bool is_intact(const char *name)
{
    sqlite3 *db = host_open(name);
    const bool intact = host_says(db, "PRAGMA integrity_check", "ok");

    return sqlite3_close(db) == SQLITE_OK && intact;
}

/* ---- statements ---- */

static void seals_and_opens(sqlite3 *db)
{
    size_t rows = 0;
    bool sealed = true;

    ok(create_key(db), "a key is made");
    for (size_t i = 0; i < COLUMNS; i++) {
        rows += seal_column(db, columns[i]);
        sealed =
            host_says(db,
                      sql("SELECT count(*) FROM Customer WHERE %s IS NOT NULL "
                          "AND NOT envelope_is_sealed(%s)",
                          columns[i]),
                      "0") &&
            sealed;
    }
    ok(rows == (size_t)CUSTOMERS * COLUMNS && sealed,
       "five columns of %d customers are sealed", CUSTOMERS);
    ok(all_same(db), "every value and storage class comes back");
}

static void rotates_and_rewraps(sqlite3 *db)
{
    bool moved = true;

    ok(host_says(db, "SELECT envelope_key_rotate('pii') IS NOT NULL", "1") &&
           all_same(db),
       "and after a rotation");
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *versions = "SELECT group_concat(DISTINCT json_extract("
                               "envelope_info(%s), '$.key_version')) "
                               "FROM Customer WHERE %s IS NOT NULL";

        moved = rewrap_column(db, columns[i]) > 0 && moved;
        moved = host_says(db, sql(versions, columns[i]), "2") && moved;
    }
    ok(moved && all_same(db), "and rewrapped under the new version");
}

static void refuses_another_row(sqlite3 *db)
{
    sqlite3_stmt *stmt =
        host_prepare(db, "SELECT envelope_open(Email, 'Customer.Email', "
                         "CustomerId + 1) FROM Customer");
    const int rc = sqlite3_step(stmt);

    ok(rc == SQLITE_ERROR &&
           strstr(sqlite3_errmsg(db), "authentication failed") != NULL,
       "another row's context is refused: %s", sqlite3_errmsg(db));
    (void)sqlite3_finalize(stmt);
}

/* What SQLite does without the extension keeps the values. */
static void survives_without_us(void)
{
    sqlite3 *db = NULL;
    char command[1200];

    ok(is_intact("app.db"), "integrity_check without the extension");
    (void)snprintf(command, sizeof command,
                   "sqlite3 -batch -init /dev/null '%s' .dump | "
                   "sqlite3 -batch -init /dev/null '%s'",
                   host_path("app.db"), host_path("restored.db"));
    ok(system(command) == 0 && is_intact("restored.db") &&
           file_is_same("restored.db"),
       ".dump | sqlite3 without the extension");
    db = host_open("app.db");
    ok(host_run(db, "VACUUM") && sqlite3_close(db) == SQLITE_OK &&
           is_intact("app.db") && file_is_same("app.db"),
       "VACUUM without the extension");
    copy(host_path("app.db"), host_path("copy.db"));
    ok(file_is_same("copy.db"), "a copied file");
}

/* false: not there, and that was told */
static bool find_chinook(void)
{
    const char *repo = getenv("EE_REPO");
    const char *shared = getenv("EE_SHARED");
    const char *ci = getenv("CI");

    (void)snprintf(original, sizeof original, "%s%s/data/chinook.sqlite",
                   shared != NULL ? shared
                   : repo != NULL ? repo
                                  : ".",
                   shared != NULL ? "" : "/../shared");
    if (access(original, R_OK) == 0) {
        return true;
    }
    if (ci != NULL && strcmp(ci, "true") == 0) {
        ok(0, "the Chinook database is absent");
    } else {
        skip("the Chinook database is absent", "the main job in C");
    }
    return false;
}

int main(void)
{
    sqlite3 *db = NULL;

    if (!find_chinook()) {
        return done();
    }
    host_setup();
    copy(original, host_path("app.db"));
    db = host_open_loaded("app.db");
    seals_and_opens(db);
    rotates_and_rewraps(db);
    refuses_another_row(db);
    ok(sqlite3_close(db) == SQLITE_OK, "sqlite3_close() leaves nothing behind");
    survives_without_us();
    host_cleanup();
    return done();
}
