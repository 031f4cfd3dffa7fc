/* SPDX-License-Identifier: MIT
 *
 * table.c: makes and removes what the benchmarks in SQL work on.
 */
#include "table.h"

#include "measure.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 8

static char folder[64];

/* to remove; a database has a keyring beside it */
static char files[FILES_MAX][128];
static int file_count;

void table_must(sqlite3 *db, int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "bench: %s: %s\n", what, db ? sqlite3_errmsg(db) : "");
        exit(1);
    }
}

static const char *add_file(const char *name, const char *ending)
{
    char *path = files[file_count];

    table_must(NULL, file_count < FILES_MAX, "too many files");
    (void)snprintf(path, sizeof files[0], "%s/%s%s", folder, name, ending);
    file_count++;
    return path;
}

static void remove_folder(void)
{
    for (int i = 0; i < file_count; i++) {
        (void)unlink(files[i]);
    }
    (void)rmdir(folder);
}

void table_folder(void)
{
    const uint8_t key[32] = {1};
    const char *path = NULL;
    int fd = -1;

    (void)snprintf(folder, sizeof folder, "%s/envelope-bench-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    table_must(NULL, mkdtemp(folder) != NULL, "mkdtemp");
    table_must(NULL, atexit(remove_folder) == 0, "atexit");
    path = add_file("key", "");
    fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
    table_must(NULL, fd >= 0 && write(fd, key, sizeof key) == sizeof key,
               "key");
    (void)close(fd);
    table_must(NULL, setenv("ENVELOPE_KEYFILE", path, 1) == 0, "setenv");
}

void table_run(sqlite3 *db, const char *sql)
{
    table_must(db, sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, sql);
}

sqlite3_stmt *table_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;

    table_must(db, sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK,
               sql);
    return stmt;
}

double table_cost(sqlite3_stmt *stmt, long first, long rows)
{
    double start = 0;
    int rc = SQLITE_ROW;

    (void)sqlite3_bind_int64(stmt, 1, first);
    (void)sqlite3_bind_int64(stmt, 2, first + rows);
    start = measure_cpu();
    while (rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
    }
    table_must(sqlite3_db_handle(stmt), rc == SQLITE_DONE, sqlite3_sql(stmt));
    (void)sqlite3_reset(stmt);
    return (measure_cpu() - start) * 1e9 / (double)rows;
}

static void load(sqlite3 *db, const char *file)
{
    table_must(db, sqlite3_load_extension(db, file, NULL, NULL) == SQLITE_OK,
               file);
}

static sqlite3 *open_database(const char *path)
{
    const char *extension = getenv("EE_EXTENSION");
    const char *bench = getenv("EE_BENCH");
    sqlite3 *db = NULL;
    char floor[512];

    table_must(NULL, extension && bench, "run me by make bench");
    table_must(db, sqlite3_open(path, &db) == SQLITE_OK, path);
    table_must(db, sqlite3_enable_load_extension(db, 1) == SQLITE_OK, "load");
    (void)snprintf(floor, sizeof floor, "%s/ext_floor", bench);
    load(db, extension);
    load(db, floor);
    return db;
}

sqlite3 *table_make(const char *name, long rows)
{
    sqlite3 *db = open_database(add_file(name, ""));
    char sql[512];

    (void)add_file(name, ".keyring");
    table_run(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                  "PRAGMA cache_size = -65536;"
                  "SELECT envelope_key_create('pii');"
                  "CREATE TABLE plain(id INTEGER PRIMARY KEY, c);"
                  "CREATE TABLE sealed(id INTEGER PRIMARY KEY, c);");
    (void)snprintf(sql, sizeof sql,
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                   " FROM n WHERE i < %ld) INSERT INTO plain"
                   " SELECT i, printf('user%%08d@mail.test', i) FROM n",
                   rows);
    table_run(db, sql);
    table_run(db, "INSERT INTO sealed SELECT id, envelope_seal(c, 'pii',"
                  " 'Customer.Email', id) FROM plain;"
                  "SELECT envelope_key_rotate('pii')");
    return db;
}
