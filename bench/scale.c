/* SPDX-License-Identifier: MIT
 *
 * scale.c: does a row of a large table cost more than a row of a small one?
 *
 *   scale SMALL LARGE
 *
 * Goes through the large table once, SMALL rows at a time, and through the
 * whole small one in between, so that whatever else the machine does is shared
 * by both. What SQLite itself takes (the copy through bench_floor(), the scan)
 * is measured in the same turns and subtracted: medians over the turns, CPU
 * time of this thread. The bound is 1.1. Takes about 600 bytes for each row of
 * LARGE in the folder of table.h.
 */
#include "measure.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOUND     1.1
#define TURNS_MAX 1000

/* below is what whole is compared with. The tables a and b grow. */
static const struct operation {
    const char *name;
    const char *below;
    const char *whole;
} operations[] = {
    {"seal",
     "INSERT INTO a SELECT id, bench_floor(c) FROM plain"
     " WHERE id > ?1 AND id <= ?2",
     "INSERT INTO b SELECT id, envelope_seal(c, 'pii', 'Customer.Email', id)"
     " FROM plain WHERE id > ?1 AND id <= ?2"},
    {"open",
     "SELECT count(c), count(id) FROM sealed WHERE id > ?1 AND id <= ?2",
     "SELECT count(envelope_open(c, 'Customer.Email', id)) FROM sealed"
     " WHERE id > ?1 AND id <= ?2"},
    {"rewrap",
     "INSERT INTO a SELECT id, c || x'' FROM sealed"
     " WHERE id > ?1 AND id <= ?2",
     "INSERT INTO b SELECT id, envelope_rewrap(c) FROM sealed"
     " WHERE id > ?1 AND id <= ?2"},
};

enum { SMALL, LARGE, SIZES };
enum { BELOW, WHOLE, SIDES };

static struct {
    sqlite3 *db;
    sqlite3_stmt *stmt[SIDES];
    double ns[SIDES][TURNS_MAX];
} size[SIZES];

static const char *const fresh_tables =
    "DROP TABLE IF EXISTS a; CREATE TABLE a(id INTEGER PRIMARY KEY, c);"
    "DROP TABLE IF EXISTS b; CREATE TABLE b(id INTEGER PRIMARY KEY, c);";

static void turn(size_t i, long rows)
{
    table_run(size[SMALL].db, "DELETE FROM a; DELETE FROM b");
    for (int n = 0; n < SIZES * SIDES; n++) {
        const int at = i % 2 == 0 ? n : SIZES * SIDES - 1 - n;
        const int which = at % SIZES;
        const int side = at / SIZES;

        size[which].ns[side][i] = table_cost(
            size[which].stmt[side], which == SMALL ? 0 : (long)i * rows, rows);
    }
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

static void report(const char *name, size_t turns, long early_kib)
{
    double ours[SIZES];

    for (int i = 0; i < SIZES; i++) {
        ours[i] =
            median(size[i].ns[WHOLE], turns) - median(size[i].ns[BELOW], turns);
    }
    printf("%-7s %5.0f ns a row, %5.0f in the small table: ratio %.2f  %s\n"
           "        resident memory %ld KiB, %ld after a tenth\n",
           name, ours[LARGE], ours[SMALL], ours[LARGE] / ours[SMALL],
           ours[LARGE] / ours[SMALL] <= BOUND ? "ok" : "over", resident_kib(),
           early_kib);
    (void)fflush(stdout);
}

static void measure(const struct operation *o, size_t turns, long rows)
{
    long early_kib = 0;

    for (int i = 0; i < SIZES; i++) {
        table_run(size[i].db, fresh_tables);
        size[i].stmt[BELOW] = table_prepare(size[i].db, o->below);
        size[i].stmt[WHOLE] = table_prepare(size[i].db, o->whole);
    }
    for (size_t i = 0; i < turns; i++) {
        turn(i, rows);
        early_kib = i == turns / 10 ? resident_kib() : early_kib;
    }
    for (int i = 0; i < SIZES; i++) {
        (void)sqlite3_finalize(size[i].stmt[BELOW]);
        (void)sqlite3_finalize(size[i].stmt[WHOLE]);
    }
    report(o->name, turns, early_kib);
}

int main(int argc, char **argv)
{
    const long small = argc == 3 ? atol(argv[1]) : 0;
    const long large = argc == 3 ? atol(argv[2]) : 0;

    table_must(NULL, small > 0 && large >= small && large / small <= TURNS_MAX,
               "usage: scale SMALL LARGE");
    table_folder();
    size[SMALL].db = table_make("small.db", small);
    size[LARGE].db = table_make("large.db", large);
    printf("%ld rows, and %ld\n", large, small);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        measure(&operations[i], (size_t)(large / small), small);
    }
    for (int i = 0; i < SIZES; i++) {
        (void)sqlite3_close(size[i].db);
    }
    return 0;
}
