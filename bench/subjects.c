/* SPDX-License-Identifier: MIT
 *
 * subjects.c: what a key for each data subject costs in SQL.
 *
 *   subjects [ROWS]
 *
 * Makes ROWS subjects of a key (1,000,000) at their first seal, in one INSERT.
 * Then copies a table of ROWS values in turns: sealed under one key, and each
 * under the key of its own subject, none of which is in the cache; and opens
 * both. CPU time of this thread a row, medians of the rounds; the bound is 3.
 *
 * EE_EXTENSION is set by make.
 */
#include "measure.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS 5
#define BOUND  3.0

static char folder[64];
static sqlite3 *db;

static void must(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "subjects: %s: %s\n", what,
                db ? sqlite3_errmsg(db) : "");
        exit(1);
    }
}

static void run(const char *sql)
{
    must(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, sql);
}

static const char *path(const char *name)
{
    static char text[128];

    (void)snprintf(text, sizeof text, "%s/%s", folder, name);
    return text;
}

/* A private folder, in memory where there is one, with a key file. */
static void make_folder(void)
{
    uint8_t key[32] = {1};
    int fd = -1;

    (void)snprintf(folder, sizeof folder, "%s/envelope-bench-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    must(mkdtemp(folder) != NULL, "mkdtemp");
    fd = open(path("key"), O_CREAT | O_EXCL | O_WRONLY, 0600);
    must(fd >= 0 && write(fd, key, sizeof key) == (ssize_t)sizeof key, "key");
    (void)close(fd);
    must(setenv("ENVELOPE_KEYFILE", path("key"), 1) == 0, "setenv");
}

static void remove_folder(void)
{
    static const char *const names[] = {"b.db", "b.db.keyring", "key"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)unlink(path(names[i]));
    }
    (void)rmdir(folder);
}

static void make_tables(long rows)
{
    char *message = NULL;
    char sql[512];

    must(sqlite3_open(path("b.db"), &db) == SQLITE_OK, "open");
    must(sqlite3_enable_load_extension(db, 1) == SQLITE_OK, "load");
    must(sqlite3_load_extension(db, getenv("EE_EXTENSION"), NULL, &message) ==
             SQLITE_OK,
         "load");
    run("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
        "PRAGMA cache_size = -262144;"
        "SELECT envelope_key_create('pii'), envelope_key_create('pii/*');"
        "CREATE TABLE plain(id INTEGER PRIMARY KEY, c);"
        "CREATE TABLE one(id INTEGER PRIMARY KEY, c);"
        "CREATE TABLE each(id INTEGER PRIMARY KEY, c);"
        "CREATE TABLE copy(id INTEGER PRIMARY KEY, c);");
    (void)snprintf(sql, sizeof sql,
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                   " FROM n WHERE i < %ld) INSERT INTO plain"
                   " SELECT i, printf('user%%08d@mail.test', i) FROM n",
                   rows);
    run(sql);
    run("INSERT INTO one SELECT id, envelope_seal(c, 'pii', 'Customer.Email',"
        " id) FROM plain");
}

/* CPU nanoseconds a row of one statement, with its table emptied before. */
static double cost(const char *sql, long rows)
{
    double start = 0;

    run("DELETE FROM copy");
    start = measure_cpu();
    run(sql);
    return (measure_cpu() - start) * 1e9 / (double)rows;
}

enum { SEAL_ONE, SEAL_EACH, OPEN_ONE, OPEN_EACH, WORK_COUNT };

static const struct {
    const char *name;
    const char *sql;
} work[] = {
    [SEAL_ONE] = {"seal, one key",
                  "INSERT INTO copy SELECT id, envelope_seal(c, 'pii',"
                  " 'Customer.Email', id) FROM plain"},
    [SEAL_EACH] = {"seal, a key for each row",
                   "INSERT INTO copy SELECT id, envelope_seal(c, 'pii/' || id,"
                   " 'Customer.Email', id) FROM plain"},
    [OPEN_ONE] = {"open, one key",
                  "SELECT count(envelope_open(c, 'Customer.Email', id))"
                  " FROM one"},
    [OPEN_EACH] = {"open, a key for each row",
                   "SELECT count(envelope_open(c, 'Customer.Email', id))"
                   " FROM each"},
};

static void report(const char *name, const double *each, const double *one)
{
    double ratio[ROUNDS];
    double mid = 0;

    for (int i = 0; i < ROUNDS; i++) {
        ratio[i] = each[i] / one[i];
    }
    mid = median(ratio, ROUNDS);
    printf("%s: a key for each row / one key: %.2f  %s\n", name, mid,
           mid <= BOUND ? "ok" : "over");
}

int main(int argc, char **argv)
{
    const long rows = argc > 1 ? atol(argv[1]) : 1000000;
    double ns[WORK_COUNT][ROUNDS];
    double start = 0;

    must(rows > 0 && getenv("EE_EXTENSION") != NULL, "run me by make bench");
    make_folder();
    make_tables(rows);
    start = measure_cpu();
    run("INSERT INTO each SELECT id, envelope_seal(c, 'pii/' || id,"
        " 'Customer.Email', id) FROM plain");
    printf("%-32s %7.0f ns a row\n", "make and seal, a key for each",
           (measure_cpu() - start) * 1e9 / (double)rows);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < WORK_COUNT; i++) {
            const int at = round % 2 == 0 ? i : WORK_COUNT - 1 - i;

            ns[at][round] = cost(work[at].sql, rows);
        }
    }
    report("seal", ns[SEAL_EACH], ns[SEAL_ONE]);
    report("open", ns[OPEN_EACH], ns[OPEN_ONE]);
    for (int i = 0; i < WORK_COUNT; i++) {
        printf("%-32s %7.0f ns a row\n", work[i].name, median(ns[i], ROUNDS));
    }
    (void)sqlite3_close(db);
    remove_folder();
    return 0;
}
