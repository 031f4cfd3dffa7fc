/* SPDX-License-Identifier: MIT
 *
 * base_secret.c: what the arena promises of its cells.
 */
#include "base/secret.h"
#include "child.h"
#include "smaps.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS 16
#define CELLS   500 /* more than two chunks of 256 KiB */

static bool is_all(const uint8_t *p, uint8_t byte)
{
    for (size_t i = 0; i < EE_CELL_BYTES; i++) {
        if (p[i] != byte) {
            return false;
        }
    }
    return true;
}

static void cells_are_zeroed_and_wiped(void)
{
    uint8_t *cell = ee_cell_new();
    uint8_t *again = NULL;

    ok(cell != NULL && is_all(cell, 0), "a new cell is all zero");
    ok((uintptr_t)cell % 64 == 0, "a cell is aligned to 64 bytes");
    memset(cell, 0xa5, EE_CELL_BYTES);
    ee_cell_free(cell);
    ok(is_all(cell, 0), "a freed cell is wiped");
    again = ee_cell_new();
    ok(again == cell && is_all(again, 0), "a freed cell is used again, zeroed");
    ee_cell_free(again);
    ee_cell_free(NULL);
    ok(1, "freeing NULL is harmless");
}

static void cells_are_apart(void)
{
    static uint8_t *cells[CELLS];
    struct ee_arena_report before;
    struct ee_arena_report full;
    struct ee_arena_report after;
    bool apart = true;

    ee_arena_report(&before);
    for (size_t i = 0; i < CELLS; i++) {
        cells[i] = ee_cell_new();
        memset(cells[i], (int)(1 + i % 255), EE_CELL_BYTES);
    }
    ee_arena_report(&full);
    for (size_t i = 0; i < CELLS; i++) {
        apart = apart && is_all(cells[i], (uint8_t)(1 + i % 255));
        ee_cell_free(cells[i]);
    }
    ee_arena_report(&after);
    ok(apart, "%d cells in several chunks do not overlap", CELLS);
    ok(full.cells_used == before.cells_used + CELLS &&
           after.cells_used == before.cells_used &&
           full.cells_total >= full.cells_used &&
           after.cells_total == full.cells_total,
       "the report counts cells; chunks are kept");
}

/* What the arena did must show in the kernel's own words, on every page. Where
 * the kernel or a sanitizer does not let anybody do it, the arena says so. */
static void pages_have(const char *flag, const char *what, bool promised,
                       bool possible)
{
    static uint8_t *cells[CELLS];
    bool all = true;

    if (!possible) {
        skip("not allowed to this process", what);
        return;
    }
    for (size_t i = 0; i < CELLS; i++) {
        cells[i] = ee_cell_new();
        if (i % 50 == 0 || i == CELLS - 1) {
            all = all && smaps_has(cells[i], flag) &&
                  smaps_has(cells[i] + EE_CELL_BYTES - 1, flag);
        }
    }
    for (size_t i = 0; i < CELLS; i++) {
        ee_cell_free(cells[i]);
    }
    ok(promised && all, "%s", what);
}

static void pages_are_protected(void)
{
    const size_t n = 1024 * 1024;
    void *probe = mmap(NULL, n, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const bool lo = mlock(probe, n) == 0 && smaps_has(probe, "lo");
    const bool dd = madvise(probe, n, MADV_DONTDUMP) == 0;
    const bool wf = madvise(probe, n, MADV_WIPEONFORK) == 0;
    struct ee_arena_report report;

    (void)munmap(probe, n);
    ee_arena_report(&report);
    pages_have("lo", "every page is locked into memory (VmFlags lo)",
               report.locked, lo);
    pages_have("dd", "every page is left out of core dumps (VmFlags dd)",
               report.undumpable, dd);
    pages_have("wf", "every page is wiped on fork (VmFlags wf)",
               report.forkwiped, wf);
    ok(!smaps_has(&lo, "wf") && !smaps_has(&lo, "dd"),
       "these flags are not on just any page");
}

struct pair {
    uint8_t *first;
    uint8_t *second;
};

static void child_looks(void *arg, void *out, size_t n)
{
    const struct pair *cells = arg;
    uint8_t *fresh = NULL;
    bool *seen = out;

    (void)n;
    seen[0] = is_all(cells->first, 0) && is_all(cells->second, 0);
    fresh = ee_cell_new();
    seen[1] = fresh != NULL && fresh != cells->first &&
              fresh != cells->second && is_all(fresh, 0);
    memset(cells->first, 0x11, EE_CELL_BYTES);
    ee_cell_free(cells->second);
    ee_cell_free(fresh);
    seen[2] = true;
}

static void child_sees_zeros(void)
{
    struct pair cells = {ee_cell_new(), ee_cell_new()};
    bool seen[3] = {false};
    bool ended = false;

    memset(cells.first, 0x5a, EE_CELL_BYTES);
    memset(cells.second, 0x5b, EE_CELL_BYTES);
    ended = child_ask(child_looks, &cells, seen, sizeof seen);
    ok(ended && seen[0], "a forked child sees zeros in every cell");
    ok(ended && seen[1], "cells in use stay in use in the child");
    ok(ended && seen[2], "the child can write and free its cells");
    ok(is_all(cells.first, 0x5a) && is_all(cells.second, 0x5b),
       "nothing of that reaches the parent");
    ee_cell_free(cells.first);
    ee_cell_free(cells.second);
}

/* ---- threads ---- */

struct worker {
    pthread_t thread;
    uint8_t mark;
    size_t rounds;
    const bool *stop; /* NULL: only rounds count */
    bool good;
};

/* Takes a few cells, marks them, checks that nobody else did, gives back. */
static void *take_and_give(void *arg)
{
    struct worker *w = arg;
    uint8_t *cells[8];

    w->good = true;
    for (size_t i = 0; i < w->rounds; i++) {
        for (size_t c = 0; c < 8; c++) {
            cells[c] = ee_cell_new();
            w->good = w->good && cells[c] != NULL && is_all(cells[c], 0);
            memset(cells[c], w->mark, EE_CELL_BYTES);
        }
        for (size_t c = 0; c < 8; c++) {
            w->good = w->good && is_all(cells[c], w->mark);
            ee_cell_free(cells[c]);
        }
        if (w->stop != NULL && __atomic_load_n(w->stop, __ATOMIC_RELAXED)) {
            break;
        }
    }
    return NULL;
}

static void start(struct worker *workers, size_t rounds, const bool *stop)
{
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){
            .mark = (uint8_t)(i + 1), .rounds = rounds, .stop = stop};
        if (pthread_create(&workers[i].thread, NULL, take_and_give,
                           &workers[i]) != 0) {
            abort();
        }
    }
}

static bool join(struct worker *workers)
{
    bool good = true;

    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        good = good && workers[i].good;
    }
    return good;
}

static void threads_share_the_arena(void)
{
    struct worker workers[THREADS];
    struct ee_arena_report before;
    struct ee_arena_report after;
    bool good = false;

    ee_arena_report(&before);
    start(workers, scaled(300), NULL);
    good = join(workers);
    ee_arena_report(&after);
    ok(good, "%d threads never share a cell", THREADS);
    ok(after.cells_used == before.cells_used, "and give all of them back");
}

static void child_allocates(void *arg, void *out, size_t n)
{
    uint8_t *cell = NULL;

    (void)arg;
    (void)n;
    (void)alarm(30); /* an inherited lock would wait for ever */
    cell = ee_cell_new();
    *(bool *)out = cell != NULL && is_all(cell, 0);
    ee_cell_free(cell);
}

static void fork_while_threads_allocate(void)
{
    const size_t forks = scaled(40);
    struct worker workers[THREADS];
    bool stop = false;
    bool good = true;

    start(workers, SIZE_MAX, &stop);
    for (size_t i = 0; i < forks; i++) {
        bool fine = false;

        good = child_ask(child_allocates, NULL, &fine, sizeof fine) && good;
        good = good && fine;
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    ok(join(workers), "forking does not disturb threads that allocate");
    ok(good, "a child forked meanwhile can allocate, zeroed, and never hangs");
}

static void child_frees_twice(void *arg, void *out, size_t n)
{
    void *cell = ee_cell_new();

    (void)arg;
    (void)n;
    ee_cell_free(cell);
    ee_cell_free(cell);
    *(bool *)out = true;
}

static void freeing_twice_ends_the_process(void)
{
    bool went_on = false;

    ok(!child_ask(child_frees_twice, NULL, &went_on, sizeof went_on) &&
           !went_on,
       "a cell that is freed twice ends the process");
}

static void comparisons(void)
{
    uint8_t a[64] = {0};
    uint8_t b[64] = {0};
    bool zero = ee_is_zero(a, sizeof a);
    bool equal = ee_equal(a, b, sizeof a);

    ok(zero && equal && ee_equal(a, b, 0) && ee_is_zero(a, 0),
       "equal is equal, zero is zero, nothing is both");
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        a[bit / 8] = (uint8_t)(1u << bit % 8);
        zero = zero && !ee_is_zero(a, sizeof a);
        equal = equal && !ee_equal(a, b, sizeof a);
        a[bit / 8] = 0;
    }
    ok(zero && equal, "any single bit makes a difference");
    memset(a, 1, sizeof a);
    ee_wipe(a, sizeof a - 1);
    ok(ee_is_zero(a, sizeof a - 1) && a[sizeof a - 1] == 1,
       "wiping stops where it should");
}

int main(void)
{
    comparisons();
    cells_are_zeroed_and_wiped();
    cells_are_apart();
    pages_are_protected();
    child_sees_zeros();
    threads_share_the_arena();
    fork_while_threads_allocate();
    freeing_twice_ends_the_process();
    return done();
}
