/* SPDX-License-Identifier: MIT
 *
 * base_secret_denied.c: the arena where the system refuses memory, locks or
 * protection: out of memory is an error and nothing else, and what could not
 * be had is told.
 *
 * mmap(), mlock() and madvise() of this program, and of the libraries it
 * loads, are the ones below. Every statement has a child of its own, since an
 * arena has its pages for life.
 */
#include "base/secret.h"
#include "child.h"
#include "tap.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOMEBODY 54321 /* a user with no name */
#define CELLS    500   /* more than two chunks of 256 KiB */

int sqlite3_envelope_init(sqlite3 *db, char **message, const void *api);

/* ---- a system that refuses ---- */

/* seen by the libraries too */
#define EXPORTED __attribute__((visibility("default")))

static struct {
    long maps_left; /* that many mmap() succeed; -1: all */
    bool once;      /* and after one refusal all do again */
    bool lock;
    int advice; /* this one of madvise() */
} deny = {.maps_left = -1, .advice = -1};

static long refusals;

static bool refuse_map(void)
{
    if (deny.maps_left != 0) {
        deny.maps_left -= deny.maps_left > 0;
        return false;
    }
    refusals++;
    deny.maps_left = deny.once ? -1 : 0;
    return true;
}

EXPORTED void *mmap(void *at, size_t n, int prot, int flags, int fd,
                    off_t offset)
{
    if (refuse_map()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, at, n, prot, flags, fd, offset);
}

EXPORTED int mlock(const void *p, size_t n)
{
    if (deny.lock) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_mlock, p, n);
}

EXPORTED int madvise(void *p, size_t n, int advice)
{
    if (deny.advice == advice) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_madvise, p, n, advice);
}

/* ---- the arena alone ---- */

/* Which of its two maps fails: what it keeps of a chunk, or the pages. */
static void no_map(void *arg, void *out, size_t n)
{
    struct ee_arena_report report;
    uint8_t *cell = NULL;

    (void)n;
    deny.maps_left = *(const long *)arg;
    cell = ee_cell_new();
    ee_arena_report(&report);
    *(bool *)out = cell == NULL && refusals == 1 && report.cells_total == 0;
    deny.maps_left = -1;
    cell = ee_cell_new();
    *(bool *)out = *(bool *)out && cell != NULL;
    ee_cell_free(cell);
}

static void no_more_chunks(void *arg, void *out, size_t n)
{
    static uint8_t *cells[CELLS];
    bool kept = true;
    size_t had = 0;

    (void)arg;
    (void)n;
    cells[0] = ee_cell_new();
    deny.maps_left = 0;
    while (cells[had] != NULL) {
        memset(cells[had], (int)(1 + had % 255), EE_CELL_BYTES);
        cells[++had] = ee_cell_new();
    }
    for (size_t i = 0; i < had; i++) {
        kept = kept && cells[i][0] == (uint8_t)(1 + i % 255) &&
               cells[i][EE_CELL_BYTES - 1] == cells[i][0];
    }
    ee_cell_free(cells[7]);
    *(bool *)out = kept && had > 8 && ee_cell_new() == cells[7];
}

static struct ee_arena_report report_of_one_cell(void)
{
    struct ee_arena_report report;
    void *cell = ee_cell_new();

    ee_arena_report(&report);
    ee_cell_free(cell);
    return report;
}

static void not_locked(void *arg, void *out, size_t n)
{
    (void)arg;
    (void)n;
    deny.lock = true;
    *(bool *)out = !report_of_one_cell().locked;
}

static void not_left_out(void *arg, void *out, size_t n)
{
    (void)arg;
    (void)n;
    deny.advice = MADV_DONTDUMP;
    *(bool *)out = !report_of_one_cell().undumpable;
}

static void sees_zeros(void *arg, void *out, size_t n)
{
    const uint8_t *cell = arg;
    bool zero = true;

    (void)n;
    for (size_t i = 0; i < EE_CELL_BYTES; i++) {
        zero = zero && cell[i] == 0;
    }
    *(bool *)out = zero;
}

/* The kernel does not wipe: the handler of fork() does. */
static void not_wiped_on_fork(void *arg, void *out, size_t n)
{
    struct ee_arena_report report;
    uint8_t *cell = NULL;
    bool zero = false;

    (void)arg;
    (void)n;
    deny.advice = MADV_WIPEONFORK;
    cell = ee_cell_new();
    ee_arena_report(&report);
    memset(cell, 0x5a, EE_CELL_BYTES);
    *(bool *)out = child_ask(sees_zeros, cell, &zero, sizeof zero) && zero &&
                   !report.forkwiped && cell[0] == 0x5a;
}

/* ---- through SQL ---- */

static sqlite3 *db;

/* Runs sql and keeps the first value, as text, in said. */
static int run(const char *sql, char *said, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    said[0] = '\0';
    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        (void)snprintf(said, size, "%s", sqlite3_column_text(stmt, 0));
    }
    return stmt != NULL ? sqlite3_finalize(stmt) : rc;
}

static bool open_db(void)
{
    char *message = NULL;

    return sqlite3_open(":memory:", &db) == SQLITE_OK &&
           sqlite3_envelope_init(db, &message, NULL) == SQLITE_OK;
}

/* Refuses the first mmap() of a call, then the second, … until none is left.
 * A new child for each: both the arena and libsodium are new there. */
static void one_map_fails(void *arg, void *out, size_t n)
{
    const char *create =
        "SELECT envelope_key_create('pii', 'keyring:denied.keyring')";
    int *result = out;
    char said[64];

    (void)n;
    if (!open_db()) {
        return;
    }
    deny.maps_left = *(const long *)arg;
    deny.once = true;
    result[0] = run(create, said, sizeof said);
    result[1] = (int)refusals;
    deny.maps_left = -1;
    if (result[0] != SQLITE_OK) { /* as if nothing had happened */
        result[2] = run("SELECT count(*) FROM envelope_keys", said,
                        sizeof said) == SQLITE_OK &&
                    said[0] == '0' &&
                    run(create, said, sizeof said) == SQLITE_OK;
    }
    result[3] = run("SELECT envelope_open(envelope_seal('x', 'pii'))", said,
                    sizeof said) == SQLITE_OK &&
                strcmp(said, "x") == 0;
    result[4] = sqlite3_close(db) == SQLITE_OK;
}

static void every_map_fails(const char *what)
{
    bool clean = true;
    long i = 0;

    for (;; i++) {
        int result[5] = {-1, 0, 0, 0, 0};
        bool ended = child_ask(one_map_fails, &i, result, sizeof result);

        (void)unlink("denied.keyring");
        if (ended && result[1] == 0) { /* no i-th mmap() in the whole call */
            clean = clean && result[0] == SQLITE_OK && result[3] && result[4];
            break;
        }
        if (!ended || result[0] != SQLITE_NOMEM || !result[2] || !result[3] ||
            !result[4]) {
            note("mmap %ld: ended %d, result %d, as before %d, works %d, "
                 "closes %d",
                 i + 1, ended, result[0], result[2], result[3], result[4]);
            clean = false;
        }
    }
    ok(clean && i >= 2, "%s: each of %ld mmap() that fails is out of memory",
       what, i);
}

/* As an ordinary user, with the system's own mlock(). */
static void tells_that_it_is_unlocked(void *arg, void *out, size_t n)
{
    const struct rlimit none = {0, 0};
    char said[64];

    (void)arg;
    (void)n;
    *(bool *)out = setrlimit(RLIMIT_MEMLOCK, &none) == 0 &&
                   (geteuid() != 0 || setuid(SOMEBODY) == 0) && open_db() &&
                   run("SELECT json_extract(envelope_debug(), "
                       "'$.secret_memory.locked')",
                       said, sizeof said) == SQLITE_OK &&
                   strcmp(said, "0") == 0;
}

static void statement(void (*job)(void *arg, void *out, size_t n), long arg,
                      const char *what)
{
    bool good = false;
    bool ended = child_ask(job, &arg, &good, sizeof good);

    ok(ended && good, "%s", what);
}

int main(void)
{
    char folder[] = "/tmp/ee-denied-XXXXXX";

    if (mkdtemp(folder) == NULL || chdir(folder) != 0) {
        return 1;
    }
    statement(no_map, 0, "no cell without memory for its chunk");
    statement(no_map, 1, "nor without pages; later there is one");
    statement(no_more_chunks, 0, "a full arena keeps and reuses its cells");
    statement(not_locked, 0, "pages that cannot be locked are told");
    statement(not_left_out, 0, "and those that a core dump would hold");
    statement(not_wiped_on_fork, 0,
              "a child sees zeros even where the kernel does not wipe");
    (void)setenv("ENVELOPE_PASSPHRASE", "correct horse", 1);
    every_map_fails("create under a passphrase");
    (void)unsetenv("ENVELOPE_PASSPHRASE");
    statement(tells_that_it_is_unlocked, 0,
              "envelope_debug() says when no memory may be locked");
    (void)chdir("/");
    (void)rmdir(folder);
    return done();
}
