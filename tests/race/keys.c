/* SPDX-License-Identifier: MIT
 *
 * keys.c: 16 threads at the keys of one database, for ThreadSanitizer to watch.
 *
 *   race/keys own|shared     (without an argument: both)
 *
 * own: each thread opens and closes connections of its own, all of which seal,
 * open, rewrap and let keys expire, while some rotate, disable, make subjects,
 * write the audit log and read the statistics. shared: all of them use one
 * connection, serialized by SQLite; then once more, and another thread
 * interrupts it. Every value that comes back is the one that was sealed. Prints
 * TAP.
 */
#include "unit/tap.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int sqlite3_envelope_init(sqlite3 *db, char **message, const void *api);

#define THREADS 16

/* The public key of tests/vectors/pem/x25519.pub. */
static const char public_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VuAyEAST6C/HRGSlkmiBdiPSBTxeuOLMSpiLT+4XnsawENUx0=\n"
    "-----END PUBLIC KEY-----\n";
#define PUBLIC                                                                 \
    "pem:x.pub#sha256-"                                                        \
    "7b97094ca4e644f7b7043362e1d8a29326727e8bdb39948c58837374bbfbef64"

static char folder[] = "/tmp/envelope-race-XXXXXX";
static char file[64];
static sqlite3 *common;
static atomic_int failures;
static atomic_int works;
static atomic_bool stop;

struct thread {
    pthread_t id;
    int number;
};

/* Another thread of a shared connection may change its error between our
 * statement and this: it is for people only. */
static void failed(sqlite3 *db, const char *sql, int rc)
{
    atomic_fetch_add(&failures, 1);
    (void)printf("# %d %s: %s\n", rc, sqlite3_errmsg(db), sql);
}

/* Somebody else may hold a lock for long, and an interrupt is one of ours. */
static bool is_excused(int rc)
{
    return (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_INTERRUPT;
}

/* The first column of the first row as a number, or -1. argument: bound twice.
 */
static sqlite3_int64 number_of(sqlite3 *db, const char *sql, int argument)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3_int64 value = -1;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK && sqlite3_bind_parameter_count(stmt) > 0) {
        (void)sqlite3_bind_int(stmt, 1, argument);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    if (rc == SQLITE_ROW) {
        value = sqlite3_column_int64(stmt, 0);
        rc = SQLITE_OK;
        atomic_fetch_add(&works, 1);
    } else if (rc == SQLITE_DONE) {
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_OK && !is_excused(rc)) {
        failed(db, sql, rc);
    }
    (void)sqlite3_finalize(stmt);
    return value;
}

static void expect(sqlite3 *db, const char *sql, int argument,
                   sqlite3_int64 value)
{
    const sqlite3_int64 got = number_of(db, sql, argument);

    if (got != value && got != -1) {
        failed(db, sql, -1);
    }
}

/* What every thread does with a connection. */
static void use(sqlite3 *db, int number, int round)
{
    expect(db,
           "SELECT sum(envelope_open(envelope_seal(value, 'pii', ?1), ?1))"
           " FROM json_each('[1, 2, 3, 4]')",
           number, 10);
    expect(db,
           "SELECT sum(envelope_open(envelope_rewrap(v), i)) ="
           " sum(i) FROM (SELECT i, v FROM t LIMIT 8)",
           0, 1);
    if (round % 4 == 0) {
        (void)number_of(db, "SELECT sum(value) FROM envelope_stats", 0);
        (void)number_of(db, "SELECT sum(unwraps) FROM envelope_providers", 0);
        (void)number_of(db, "SELECT count(*) FROM envelope_keys", 0);
    }
    if (number == 0) {
        (void)number_of(db, "SELECT length(envelope_key_rotate('pii'))", 0);
    } else if (number == 1) {
        (void)number_of(db,
                        "SELECT length(envelope_key_set_state('other',"
                        " iif(?1 % 2, 'disabled', 'active')))",
                        round);
    } else if (number == 2) {
        (void)number_of(db, "SELECT length(envelope_key_create('pii/' || ?1))",
                        (int)getpid() + round + atomic_load(&works) * 100);
    } else if (number == 3) {
        (void)number_of(db, "SELECT length(envelope_key_rewrap('pii'))", 0);
    }
}

static sqlite3 *open_db(void)
{
    sqlite3 *db = NULL;
    char *message = NULL;

    if (sqlite3_open_v2(file, &db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                            SQLITE_OPEN_FULLMUTEX,
                        NULL) != SQLITE_OK ||
        sqlite3_envelope_init(db, &message, NULL) != SQLITE_OK) {
        failed(db, message != NULL ? message : "open", -1);
    }
    sqlite3_free(message);
    (void)sqlite3_busy_timeout(db, 20000);
    return db;
}

/* Keys are used up, too old and pushed out all the time. */
static void set_limits(sqlite3 *db)
{
    (void)number_of(db, "SELECT envelope_config('cache_uses', '12')", 0);
    (void)number_of(db, "SELECT envelope_config('cache_ttl', '1s')", 0);
    (void)number_of(db, "SELECT envelope_config('cache_bytes', '40000')", 0);
}

static int rounds(void)
{
    const char *scale = getenv("EE_SCALE");
    const int n = (int)(8 * (scale != NULL ? atof(scale) : 1.0));

    return n > 2 ? n : 2;
}

/* A server that has a public key only; with 60 seconds all of them go on with
 * one version. */
static void seal_only(int round)
{
    sqlite3 *db = open_db();

    set_limits(db);
    (void)number_of(
        db,
        "SELECT envelope_config('seal_only', 'own=" PUBLIC "'),"
        " envelope_config('seal_only_time', iif(?1 % 3, '60', '0'))",
        round);
    if (number_of(db, "SELECT length(envelope_key_open('own'))", 0) == 16) {
        expect(db, "SELECT envelope_open(envelope_seal(?1, 'own'))", round,
               round);
    }
    if (sqlite3_close(db) != SQLITE_OK) {
        failed(db, "close", -1);
    }
}

static void *own(void *arg)
{
    const struct thread *t = arg;
    const int n = rounds();

    for (int i = 0; i < n; i++) {
        sqlite3 *db = open_db();

        set_limits(db);
        if (t->number % 2 == 0) {
            (void)number_of(db,
                            "SELECT envelope_config('cache_shared', 'on'),"
                            " envelope_config('cache_uses', 'off')",
                            0);
        }
        if (t->number % 4 == 0) {
            (void)number_of(db,
                            "SELECT length(envelope_config('audit',"
                            " (SELECT file || '.audit' FROM"
                            " pragma_database_list WHERE name = 'main')))",
                            0);
        }
        use(db, t->number, 2 * i);
        use(db, t->number, 2 * i + 1);
        seal_only(i);
        if (t->number == 5) {
            (void)number_of(db, "SELECT envelope_drop('open')", 0);
        }
        if (sqlite3_close(db) != SQLITE_OK) {
            failed(db, "close", -1);
        }
    }
    return NULL;
}

static void *shared(void *arg)
{
    const struct thread *t = arg;
    const int n = 2 * rounds();

    for (int i = 0; i < n; i++) {
        use(common, t->number, i);
    }
    return NULL;
}

/* All that runs is interrupted, until for a moment nothing does: with 16
 * threads that is most of it. */
static void *interrupt(void *arg)
{
    const struct timespec pause = {.tv_nsec = 800000000};

    (void)arg;
    while (!atomic_load(&stop)) {
        (void)nanosleep(&pause, NULL);
        sqlite3_interrupt(common);
    }
    return NULL;
}

static void run(const char *name, void *(*body)(void *))
{
    struct thread threads[THREADS];

    atomic_store(&failures, 0);
    atomic_store(&works, 0);
    for (int i = 0; i < THREADS; i++) {
        threads[i].number = i;
        if (pthread_create(&threads[i].id, NULL, body, &threads[i]) != 0) {
            exit(2);
        }
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i].id, NULL);
    }
    ok(atomic_load(&failures) == 0, "%s: 16 threads", name);
    ok(atomic_load(&works) > THREADS, "%s: %d statements gave a row", name,
       atomic_load(&works));
}

static void run_shared(void)
{
    pthread_t other;

    common = open_db();
    set_limits(common);
    run("one connection", shared);
    if (pthread_create(&other, NULL, interrupt, NULL) != 0) {
        exit(2);
    }
    run("one connection, interrupted", shared);
    atomic_store(&stop, true);
    (void)pthread_join(other, NULL);
    ok(sqlite3_close(common) == SQLITE_OK, "one connection: it closes");
}

static void write_public_key(void)
{
    char path[96];
    FILE *f = NULL;

    (void)snprintf(path, sizeof path, "%s/x.pub", folder);
    f = fopen(path, "w");
    if (f == NULL || fputs(public_key, f) < 0 || fchmod(fileno(f), 0644) != 0 ||
        fclose(f) != 0) {
        exit(2);
    }
}

static void set_up(void)
{
    static const uint8_t key[32] = {7};
    char path[96];
    FILE *f = NULL;
    sqlite3 *db = NULL;

    if (mkdtemp(folder) == NULL) {
        exit(2);
    }
    (void)snprintf(path, sizeof path, "%s/key", folder);
    (void)snprintf(file, sizeof file, "%s/t.db", folder);
    f = fopen(path, "w");
    if (f == NULL || fchmod(fileno(f), 0600) != 0 ||
        fwrite(key, sizeof key, 1, f) != 1 || fclose(f) != 0 ||
        setenv("ENVELOPE_KEYFILE", path, 1) != 0) {
        exit(2);
    }
    write_public_key();
    db = open_db();
    (void)number_of(db, "PRAGMA journal_mode = WAL", 0);
    (void)number_of(db, "PRAGMA synchronous = OFF", 0);
    (void)number_of(db, "SELECT envelope_key_create('pii')", 0);
    (void)number_of(db, "SELECT envelope_key_create('other')", 0);
    (void)number_of(db,
                    "CREATE TABLE t AS SELECT value AS i, envelope_seal(value,"
                    " 'pii', value) AS v FROM json_each('[1,2,3,4,5,6,7,8]')",
                    0);
    ok(sqlite3_close(db) == SQLITE_OK && atomic_load(&failures) == 0,
       "a database with keys");
}

static void clear(void)
{
    static const char *const names[] = {
        "key",      "x.pub",        "t.db",       "t.db-wal",
        "t.db-shm", "t.db.keyring", "t.db.audit", "t.db-journal"};
    char path[96];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";

    set_up();
    if (strcmp(only, "shared") != 0) {
        run("own connections", own);
    }
    if (strcmp(only, "own") != 0) {
        run_shared();
    }
    clear();
    return done();
}
