/* SPDX-License-Identifier: MIT
 *
 * sqlite_portable_memory.c: after envelope_reseal(), envelope_export() and
 * envelope_import() no plaintext is left anywhere in the process, also when
 * they fail.
 */
#include "base/bytes.h"
#include "kit.h"
#include "ring.h"
#include "scan.h"
#include "tap.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHORT_IS 200 /* bytes: one of the buffers that are kept */
#define LONG_IS  5000
#define VALUE_IS 97 /* seed */

int sqlite3_envelope_init(sqlite3 *db, char **message, const void *api);

static sqlite3 *open_db(void)
{
    sqlite3 *db = NULL;
    char *message = NULL;

    ring_must(sqlite3_open(ring_path("t.db"), &db) == SQLITE_OK);
    ring_must(sqlite3_envelope_init(db, &message, NULL) == SQLITE_OK);
    return db;
}

static void fill(uint8_t *out)
{
    kit_fill(out, LONG_IS, VALUE_IS);
}

/* In a child: the process that scans and is scanned never knew the values. */
static void make_database(void)
{
    uint8_t plain[LONG_IS];
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = open_db();

    fill(plain);
    ring_must(sqlite3_exec(db,
                           "SELECT envelope_key_create('pii');"
                           "CREATE TABLE t(id INTEGER PRIMARY KEY, v, x)",
                           NULL, NULL, NULL) == SQLITE_OK);
    ring_must(sqlite3_prepare_v2(db,
                                 "INSERT INTO t SELECT ?1, v, "
                                 "envelope_export(v) FROM (SELECT "
                                 "envelope_seal(?2, 'pii', ?1) AS v)",
                                 -1, &stmt, NULL) == SQLITE_OK);
    for (int id = 1; id <= 2; id++) {
        (void)sqlite3_bind_int(stmt, 1, id);
        (void)sqlite3_bind_blob(stmt, 2, plain, id == 1 ? SHORT_IS : LONG_IS,
                                SQLITE_STATIC);
        ring_must(sqlite3_step(stmt) == SQLITE_DONE);
        (void)sqlite3_reset(stmt);
    }
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
}

static void run_in_child(void (*what)(void))
{
    const pid_t child = fork();
    int status = 1;

    if (child == 0) {
        what();
        _exit(0);
    }
    ring_must(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

/* Steps once; the statement stays open, as an application's may. */
static void victim(void *arg)
{
    sqlite3_stmt *stmt = NULL;

    ring_must(sqlite3_prepare_v2(open_db(), arg, -1, &stmt, NULL) == SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW &&
           sqlite3_column_type(stmt, 0) != SQLITE_TEXT) {
    }
}

static void needles(void *arg, struct scan_needles *n)
{
    uint8_t plain[LONG_IS];

    (void)arg;
    fill(plain);
    scan_add(n, SCAN_PLAINTEXT, plain, SHORT_IS);
    scan_add(n, SCAN_PLAINTEXT, plain + LONG_IS - SHORT_IS, SHORT_IS);
}

static size_t hits_after(const char *sql)
{
    struct scan_hits hits = {0};
    char text[200];

    (void)snprintf(text, sizeof text, "%s", sql);
    scan_victim(victim, needles, text, &hits);
    ring_must(hits.readable);
    return hits.in_arena[SCAN_PLAINTEXT] + hits.elsewhere[SCAN_PLAINTEXT];
}

int main(void)
{
    if (scan_is_pointless() != NULL) {
        skip(scan_is_pointless(), "no plaintext stays in memory");
        return done();
    }
    ring_setup();
    run_in_child(make_database);
    ok(hits_after("SELECT 'kept', max(envelope_open(v, id)) FROM t") > 0,
       "the scan finds a value that SQLite still holds");
    ok(hits_after("SELECT envelope_reseal(v, 'pii', id) FROM t") == 0,
       "envelope_reseal() leaves no plaintext");
    ok(hits_after("SELECT envelope_reseal(v, 'pii', id + 1) FROM t") == 0,
       "nor when it fails");
    ok(hits_after("SELECT envelope_export(v) FROM t") == 0,
       "envelope_export() leaves no plaintext");
    ok(hits_after("SELECT envelope_import(x, 'pii', id) FROM t") == 0,
       "envelope_import() leaves no plaintext");
    ok(hits_after("SELECT envelope_import(x, 'pii', id + 1) FROM t") == 0,
       "nor when it fails");
    return done();
}
