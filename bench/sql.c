/* SPDX-License-Identifier: MIT
 *
 * sql.c: what sealing, opening and rewrapping cost in SQL.
 *
 *   sql [ROWS]
 *
 * Copies a table of ROWS values of 22 bytes (1,000,000) in turns: through
 * bench_floor(), which does no crypto, through envelope_seal(), and through
 * envelope_rewrap(); scans it with and without envelope_open(). CPU time of
 * this thread a row, medians of the rounds. Then the limit loop (bench/limit.h)
 * and the bounds: (seal - floor) / limit, and so on, at most 1.3.
 *
 * EE_EXTENSION and EE_BENCH (the folder of ext_floor.so) are set by make.
 */
#include "limit.h"
#include "measure.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS 7
#define BOUND  1.3

static char folder[64];
static sqlite3 *db;

static void must(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "sql: %s: %s\n", what, db ? sqlite3_errmsg(db) : "");
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

static void load(const char *file)
{
    char *message = NULL;

    must(sqlite3_load_extension(db, file, NULL, &message) == SQLITE_OK, file);
}

static void make_table(long rows)
{
    char sql[512];
    char floor[512];

    must(sqlite3_open(path("b.db"), &db) == SQLITE_OK, "open");
    must(sqlite3_enable_load_extension(db, 1) == SQLITE_OK, "load");
    (void)snprintf(floor, sizeof floor, "%s/ext_floor", getenv("EE_BENCH"));
    load(getenv("EE_EXTENSION"));
    load(floor);
    run("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
        "PRAGMA cache_size = -65536;"
        "SELECT envelope_key_create('pii');"
        "CREATE TABLE plain(id INTEGER PRIMARY KEY, c);"
        "CREATE TABLE sealed(id INTEGER PRIMARY KEY, c);"
        "CREATE TABLE copy(id INTEGER PRIMARY KEY, c);");
    (void)snprintf(sql, sizeof sql,
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                   " FROM n WHERE i < %ld) INSERT INTO plain"
                   " SELECT i, printf('user%%08d@mail.test', i) FROM n",
                   rows);
    run(sql);
    run("INSERT INTO sealed SELECT id, envelope_seal(c, 'pii',"
        " 'Customer.Email', id) FROM plain; SELECT envelope_key_rotate('pii')");
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

static const struct {
    const char *name;
    const char *sql;
} work[] = {
    {"floor: copy, 110 bytes longer",
     "INSERT INTO copy SELECT id, bench_floor(c) FROM plain"},
    {"seal", "INSERT INTO copy SELECT id, envelope_seal(c, 'pii',"
             " 'Customer.Email', id) FROM plain"},
    {"scan", "SELECT count(c), count(id) FROM sealed"},
    {"open", "SELECT count(envelope_open(c, 'Customer.Email', id))"
             " FROM sealed"},
    {"floor: copy, same length",
     "INSERT INTO copy SELECT id, c || x'' FROM sealed"},
    {"rewrap", "INSERT INTO copy SELECT id, envelope_rewrap(c) FROM sealed"},
};

enum { FLOOR, SEAL, SCAN, OPEN, COPY, REWRAP, WORK_COUNT };

/* The limit loop on a value of the table's length; CPU ns an operation. */
enum { LIMIT_SEAL, LIMIT_OPEN, LIMIT_REWRAP, LIMIT_COUNT };

#define LIMIT_OPERATIONS 200000

static void limit_round(double *ns)
{
    static const uint8_t value[] = "user00000001@mail.test";
    static const char scope[] = "Customer.Email";
    static const uint8_t keks[2][32] = {{1}, {2}};
    const size_t n = sizeof value - 1;
    uint8_t blob[sizeof value - 1 + LIMIT_OVERHEAD];
    uint8_t out[sizeof blob];
    struct limit_key key[2];
    struct limit l;
    double at[LIMIT_COUNT + 1];
    int good = 1;

    limit_init(&l, false);
    limit_key_init(&key[0], keks[0]);
    limit_key_init(&key[1], keks[1]);
    at[0] = measure_cpu();
    for (int i = 0; i < LIMIT_OPERATIONS; i++) {
        limit_seal(&l, &key[0], blob, value, n, scope, sizeof scope - 1, 7);
    }
    at[1] = measure_cpu();
    for (int i = 0; i < LIMIT_OPERATIONS; i++) {
        good &= limit_open(&l, &key[0], out, blob, sizeof blob, scope,
                           sizeof scope - 1, 7);
    }
    at[2] = measure_cpu();
    for (int i = 0; i < LIMIT_OPERATIONS; i++) {
        memcpy(out, blob, sizeof out);
        good &= limit_rewrap(&key[0], &key[1], out);
    }
    at[3] = measure_cpu();
    for (int i = 0; i < LIMIT_COUNT; i++) {
        ns[i] = (at[i + 1] - at[i]) * 1e9 / LIMIT_OPERATIONS;
    }
    limit_clear(&l);
    must(good, "the limit loop");
}

static void report(const char *name, double ours, double below, double limit)
{
    const double ratio = (ours - below) / limit;

    printf("%-7s %7.0f - %5.0f = %5.0f ns, limit %5.0f: ratio %.2f  %s\n", name,
           ours, below, ours - below, limit, ratio,
           ratio <= BOUND ? "ok" : "over");
}

static long resident_kib(void)
{
    char line[128];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        (void)sscanf(line, "VmRSS: %ld", &kib);
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return kib;
}

/* Everything in turns; the order changes from round to round. */
static void measure_all(long rows, double ns[WORK_COUNT][ROUNDS],
                        double limit[LIMIT_COUNT][ROUNDS])
{
    double one[LIMIT_COUNT];

    for (int round = 0; round < ROUNDS; round++) {
        limit_round(one);
        for (int i = 0; i < LIMIT_COUNT; i++) {
            limit[i][round] = one[i];
        }
        for (int i = 0; i < WORK_COUNT; i++) {
            const int at = round % 2 == 0 ? i : WORK_COUNT - 1 - i;

            ns[at][round] = cost(work[at].sql, rows);
        }
    }
}

int main(int argc, char **argv)
{
    const long rows = argc > 1 ? atol(argv[1]) : 1000000;
    double ns[WORK_COUNT][ROUNDS];
    double limit[LIMIT_COUNT][ROUNDS];
    double mid[WORK_COUNT];

    must(rows > 0 && getenv("EE_EXTENSION") && getenv("EE_BENCH"),
         "run me by make bench");
    if (!limit_available()) {
        printf("no AES instructions: nothing to compare with\n");
        return 0;
    }
    make_folder();
    make_table(rows);
    measure_all(rows, ns, limit);
    for (int i = 0; i < WORK_COUNT; i++) {
        mid[i] = median(ns[i], ROUNDS);
        printf("%-32s %7.0f ns a row\n", work[i].name, mid[i]);
    }
    report("seal", mid[SEAL], mid[FLOOR], median(limit[LIMIT_SEAL], ROUNDS));
    report("open", mid[OPEN], mid[SCAN], median(limit[LIMIT_OPEN], ROUNDS));
    report("rewrap", mid[REWRAP], mid[COPY],
           median(limit[LIMIT_REWRAP], ROUNDS));
    printf("resident memory %ld KiB with %ld rows\n", resident_kib(), rows);
    (void)sqlite3_close(db);
    remove_folder();
    return 0;
}
