/* SPDX-License-Identifier: MIT
 *
 * row_cost.c: sealing and rewrapping a value allocate the result and nothing
 * else, opening one not even that. malloc() is counted: SQLite's, ours and the
 * libraries'.
 */
#include "host.h"
#include "tap.h"

#include <stdlib.h>

static volatile long allocations; /* malloc() is one that a compiler knows */

#ifndef __SANITIZE_ADDRESS__ /* it has its own */
/* glibc's names for its own, for a program that takes the public ones, and lets
 * its libraries see that. */
#define TAKEN __attribute__((visibility("default")))
extern void *__libc_malloc(size_t n);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_calloc(size_t count, size_t n);

TAKEN void *malloc(size_t n)
{
    allocations++;
    return __libc_malloc(n);
}

TAKEN void *realloc(void *p, size_t n)
{
    allocations++;
    return __libc_realloc(p, n);
}

TAKEN void *calloc(size_t count, size_t n)
{
    allocations++;
    return __libc_calloc(count, n);
}
#endif

static bool is_counted(void)
{
    const long before = allocations;
    void *volatile p = malloc(1);

    free(p);
    return allocations > before;
}

/* Of a statement that has run before, over n rows. */
static long allocations_of(sqlite3_stmt *stmt, int n)
{
    const long before = allocations;

    host_must(sqlite3_bind_int(stmt, 1, n) == SQLITE_OK, "bind");
    host_must(sqlite3_step(stmt) == SQLITE_ROW, "step");
    host_must(sqlite3_reset(stmt) == SQLITE_OK, "reset");
    return allocations - before;
}

/* expected: for each row */
static void costs(sqlite3 *db, const char *what, const char *sql, int expected)
{
    sqlite3_stmt *stmt = host_prepare(db, sql);
    long few = 0;
    long many = 0;

    (void)allocations_of(stmt, 500);
    few = allocations_of(stmt, 500);
    many = allocations_of(stmt, 2500);
    ok(many - few == 2000L * expected,
       "%s: %ld more allocations for 2000 more rows", what, many - few);
    (void)sqlite3_finalize(stmt);
}

int main(void)
{
    sqlite3 *db = NULL;

    if (!is_counted()) {
        skip("malloc() is taken already", "one allocation for each row");
        return done();
    }
    host_setup();
    db = host_open_loaded("rows.db");
    host_must(
        host_run(
            db, "SELECT envelope_key_create('pii');"
                "CREATE TABLE t(id INTEGER PRIMARY KEY, v, c);"
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                " LIMIT 2500) INSERT INTO t SELECT i, printf('%0200d', i),"
                " envelope_seal(printf('%0200d', i), 'pii', 'T.v', i) FROM n;"
                "SELECT envelope_key_rotate('pii')"),
        "a table");
    costs(db, "seal",
          "SELECT count(envelope_seal(v, 'pii', 'T.v', id)) FROM t"
          " WHERE id <= ?1",
          1);
    costs(db, "open",
          "SELECT count(envelope_open(c, 'T.v', id)) FROM t"
          " WHERE id <= ?1",
          0 /* a buffer that is used again */);
    costs(db, "rewrap",
          "SELECT count(envelope_rewrap(c)) FROM t WHERE id <= ?1", 1);
    (void)sqlite3_close(db);
    host_cleanup();
    return done();
}
