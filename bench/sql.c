/* SPDX-License-Identifier: MIT
 *
 * sql.c: what sealing, opening and rewrapping cost in SQL.
 *
 *   sql [ROWS]
 *
 * Copies a table of ROWS values of 22 bytes (1,000,000): through bench_floor(),
 * which does no crypto, through envelope_seal(), and through
 * envelope_rewrap(); scans it with and without envelope_open(). These take
 * turns, with the limit loop (bench/limit.h) among them, a slice of the table
 * each, so that whatever else the machine does is shared by all. CPU time of
 * this thread a row, medians over all slices. The bounds: (seal - floor) /
 * limit, and so on, at most 1.3.
 */
#include "limit.h"
#include "measure.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSES 3 /* through the whole table */
#define SLICES 20
#define TURNS  (PASSES * SLICES)
#define BOUND  1.3

static sqlite3 *db;

/* The tables floor, seal, copy and rewrap are emptied before each pass. */
static const struct {
    const char *name;
    const char *sql;
} work[] = {
    {"floor: copy, 110 bytes longer",
     "INSERT INTO floor SELECT id, bench_floor(c) FROM plain"
     " WHERE id > ?1 AND id <= ?2"},
    {"seal", "INSERT INTO seal SELECT id, envelope_seal(c, 'pii',"
             " 'Customer.Email', id) FROM plain WHERE id > ?1 AND id <= ?2"},
    {"scan", "SELECT count(c), count(id) FROM sealed"
             " WHERE id > ?1 AND id <= ?2"},
    {"open", "SELECT count(envelope_open(c, 'Customer.Email', id))"
             " FROM sealed WHERE id > ?1 AND id <= ?2"},
    {"floor: copy, same length",
     "INSERT INTO copy SELECT id, c || x'' FROM sealed"
     " WHERE id > ?1 AND id <= ?2"},
    {"rewrap", "INSERT INTO rewrap SELECT id, envelope_rewrap(c) FROM sealed"
               " WHERE id > ?1 AND id <= ?2"},
};

enum { FLOOR, SEAL, SCAN, OPEN, COPY, REWRAP, WORK_COUNT };

/* The limit loop on a value of the table's length; CPU ns an operation. */
enum { LIMIT_SEAL, LIMIT_OPEN, LIMIT_REWRAP, LIMIT_COUNT };

#define LIMIT_OPERATIONS 20000

static void limit_turn(double *ns)
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
    table_must(db, good, "the limit loop");
}

static void report(const char *name, double ours, double below, double limit)
{
    const double ratio = (ours - below) / limit;

    printf("%-7s %7.0f - %5.0f = %5.0f ns, limit %5.0f: ratio %.2f  %s\n", name,
           ours, below, ours - below, limit, ratio,
           ratio <= BOUND ? "ok" : "over");
}

static void make_tables(long rows)
{
    table_folder();
    db = table_make("rows.db", rows);
    table_run(db, "CREATE TABLE floor(id INTEGER PRIMARY KEY, c);"
                  "CREATE TABLE seal(id INTEGER PRIMARY KEY, c);"
                  "CREATE TABLE copy(id INTEGER PRIMARY KEY, c);"
                  "CREATE TABLE rewrap(id INTEGER PRIMARY KEY, c);");
}

static void measure_all(long rows, double ns[WORK_COUNT][TURNS],
                        double limit[LIMIT_COUNT][TURNS])
{
    sqlite3_stmt *stmt[WORK_COUNT] = {NULL};
    double one[LIMIT_COUNT];

    for (int i = 0; i < WORK_COUNT; i++) {
        stmt[i] = table_prepare(db, work[i].sql);
    }
    for (int turn = 0; turn < TURNS; turn++) {
        const long first = turn % SLICES * (rows / SLICES);

        if (first == 0) {
            table_run(db, "DELETE FROM floor; DELETE FROM seal;"
                          "DELETE FROM copy; DELETE FROM rewrap");
        }
        limit_turn(one);
        for (int i = 0; i < LIMIT_COUNT; i++) {
            limit[i][turn] = one[i];
        }
        for (int i = 0; i < WORK_COUNT; i++) {
            const int at = turn % 2 == 0 ? i : WORK_COUNT - 1 - i;

            ns[at][turn] = table_cost(stmt[at], first, rows / SLICES);
        }
    }
    for (int i = 0; i < WORK_COUNT; i++) {
        (void)sqlite3_finalize(stmt[i]);
    }
}

int main(int argc, char **argv)
{
    const long rows = argc > 1 ? atol(argv[1]) : 1000000;
    static double ns[WORK_COUNT][TURNS];
    static double limit[LIMIT_COUNT][TURNS];
    double mid[WORK_COUNT];

    table_must(NULL, rows >= SLICES, "run me by make bench");
    if (!limit_available()) {
        printf("no AES instructions: nothing to compare with\n");
        return 0;
    }
    make_tables(rows);
    measure_all(rows, ns, limit);
    for (int i = 0; i < WORK_COUNT; i++) {
        mid[i] = median(ns[i], TURNS);
        printf("%-32s %7.0f ns a row\n", work[i].name, mid[i]);
    }
    report("seal", mid[SEAL], mid[FLOOR], median(limit[LIMIT_SEAL], TURNS));
    report("open", mid[OPEN], mid[SCAN], median(limit[LIMIT_OPEN], TURNS));
    report("rewrap", mid[REWRAP], mid[COPY],
           median(limit[LIMIT_REWRAP], TURNS));
    (void)sqlite3_close(db);
    return 0;
}
