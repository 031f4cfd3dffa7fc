/* SPDX-License-Identifier: MIT
 *
 * big_values.c: values as long as SQLite lets them be: 1,000,000,000 bytes
 * with the envelope around them. `make check-big`; needs 5 GB of memory.
 */
#include "host.h"
#include "tap.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define LIMIT    1000000000 /* SQLITE_MAX_LENGTH, as built by default */
#define OVERHEAD 110
/* in use at the same time: the value, its envelope and what was opened, each
 * of a gigabyte, and one more while SQLite copies */
#define MEMORY ((rlim_t)5 * 1000 * 1000 * 1000)

static sqlite3 *db;

/* Values that differ in each of their bytes' places, and not much work. */
static void fill(uint8_t *p, size_t n)
{
    uint64_t x = 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i + 8 <= n; i += 8) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        memcpy(p + i, &x, 8);
    }
}

/* Keeps the BLOB of the first row; *error is SQLite's for none. */
static sqlite3_value *one(sqlite3_stmt *stmt, int *error)
{
    sqlite3_value *value = NULL;

    *error = sqlite3_step(stmt);
    if (*error == SQLITE_ROW) {
        value = sqlite3_value_dup(sqlite3_column_value(stmt, 0));
    }
    (void)sqlite3_finalize(stmt);
    return value;
}

static sqlite3_value *seal(const uint8_t *p, size_t n, bool text, int *error)
{
    sqlite3_stmt *stmt = host_prepare(db, "SELECT envelope_seal(?1, 'pii', 7)");

    if (text) {
        (void)sqlite3_bind_text64(stmt, 1, (const char *)p, n, SQLITE_STATIC,
                                  SQLITE_UTF8);
    } else {
        (void)sqlite3_bind_blob64(stmt, 1, p, n, SQLITE_STATIC);
    }
    return one(stmt, error);
}

/* Does what was sealed open to the same? Takes the envelope. */
static bool opens(sqlite3_value *sealed, const uint8_t *p, size_t n, int type)
{
    sqlite3_stmt *stmt = host_prepare(db, "SELECT envelope_open(?1, 7)");
    bool same = false;

    (void)sqlite3_bind_blob64(stmt, 1, sqlite3_value_blob(sealed),
                              (sqlite3_uint64)sqlite3_value_bytes(sealed),
                              SQLITE_STATIC);
    same = sqlite3_step(stmt) == SQLITE_ROW &&
           sqlite3_column_type(stmt, 0) == type &&
           (size_t)sqlite3_column_bytes(stmt, 0) == n &&
           memcmp(sqlite3_column_blob(stmt, 0), p, n) == 0;
    if (!same) {
        note("%s", sqlite3_errmsg(db));
    }
    (void)sqlite3_finalize(stmt);
    sqlite3_value_free(sealed);
    return same;
}

static void longest(uint8_t *p, bool text, const char *what)
{
    const size_t n = LIMIT - OVERHEAD;
    int rc = SQLITE_OK;
    sqlite3_value *sealed = seal(p, n, text, &rc);

    if (sealed == NULL) {
        ok(0, "%s of %zu bytes: %s", what, n, sqlite3_errmsg(db));
        return;
    }
    ok(sqlite3_value_bytes(sealed) == LIMIT &&
           opens(sealed, p, n, text ? SQLITE_TEXT : SQLITE_BLOB),
       "%s of %zu bytes is sealed and opened", what, n);
}

static void one_more(uint8_t *p, size_t n)
{
    int rc = SQLITE_OK;
    sqlite3_value *sealed = seal(p, n, false, &rc);

    ok(sealed == NULL && rc == SQLITE_TOOBIG, "%zu bytes are refused: %s", n,
       sqlite3_errmsg(db));
    sqlite3_value_free(sealed);
}

static void lengths_between(uint8_t *p)
{
    bool good = true;

    for (size_t n = 1; n < LIMIT / 2; n *= 31) {
        int rc = SQLITE_OK;
        sqlite3_value *sealed = seal(p, n, false, &rc);

        good = sealed != NULL && opens(sealed, p, n, SQLITE_BLOB) && good;
    }
    ok(good, "and lengths between");
}

static void table_keeps_it(uint8_t *p)
{
    sqlite3_stmt *stmt = NULL;
    const size_t n = LIMIT / 4;
    bool same = false;

    /* a row is a value too, with its header: not quite LIMIT fits in */
    (void)host_run(db, "CREATE TABLE t(c)");
    stmt =
        host_prepare(db, "INSERT INTO t VALUES(envelope_seal(?1, 'pii', 7))");
    (void)sqlite3_bind_blob64(stmt, 1, p, n, SQLITE_STATIC);
    (void)sqlite3_step(stmt);
    (void)sqlite3_finalize(stmt);
    stmt = host_prepare(db, "SELECT envelope_open(envelope_rewrap(c), 7) "
                            "FROM t");
    same = sqlite3_step(stmt) == SQLITE_ROW &&
           (size_t)sqlite3_column_bytes(stmt, 0) == n &&
           memcmp(sqlite3_column_blob(stmt, 0), p, n) == 0;
    (void)sqlite3_finalize(stmt);
    ok(same, "%zu bytes through a table, rewrapped", n);
}

int main(void)
{
    const struct rlimit most = {MEMORY, MEMORY};
    uint8_t *p = NULL;

    host_setup();
    db = host_open_loaded("big.db");
    host_must(sqlite3_limit(db, SQLITE_LIMIT_LENGTH, -1) == LIMIT,
              "this SQLite has another limit");
    host_must(host_run(db, "SELECT envelope_key_create('pii')"), "no key");
    host_must(setrlimit(RLIMIT_AS, &most) == 0, "no limit of memory");
    p = malloc(LIMIT);
    host_must(p != NULL, "out of memory");
    fill(p, LIMIT);
    longest(p, false, "a BLOB");
    longest(p, true, "a TEXT");
    one_more(p, LIMIT - OVERHEAD + 1);
    one_more(p, LIMIT);
    lengths_between(p);
    table_keeps_it(p);
    ok(host_says(db, "SELECT envelope_open(envelope_seal('', 'pii')) = ''",
                 "1"),
       "the connection goes on");
    free(p);
    (void)sqlite3_close(db);
    host_cleanup();
    return done();
}
