/* SPDX-License-Identifier: MIT
 *
 * secret.c: the arena of secret cells.
 *
 * Chunks of 256 KiB are mapped when needed and kept for the life of the
 * process (the extension is never unloaded). Free cells form a list, which is
 * kept outside the pages because a fork wipes what is inside. The one that was
 * freed last is taken first: the CPU still has it in its caches.
 */
#include "base/secret.h"

#include <pthread.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK_BYTES (256 * 1024)
#define CHUNK_CELLS (CHUNK_BYTES / EE_CELL_BYTES)
#define CHUNKS_MAX  1024

#define NO_CELL UINT32_MAX
#define IN_USE  (UINT32_MAX - 1)

/* A cell's number is its chunk's times CHUNK_CELLS, and its place there. */
struct chunk {
    uint8_t *pages;
    uint32_t next[CHUNK_CELLS]; /* the next free cell, or IN_USE */
};

static struct {
    pthread_mutex_t lock;
    struct chunk *chunks[CHUNKS_MAX];
    size_t chunk_count;
    uint32_t free; /* the first free cell */
    size_t cells_used;
    bool unlocked;     /* some mlock() failed */
    bool dumpable;     /* some MADV_DONTDUMP failed */
    bool forkkept;     /* some MADV_WIPEONFORK failed: the child wipes */
    bool atfork_ready; /* the handlers below are registered */
} arena = {.lock = PTHREAD_MUTEX_INITIALIZER, .free = NO_CELL};

const char *ee_sodium_version(void)
{
    return sodium_version_string();
}

/* Keys, MACs and commitments have 32 bytes. For these libsodium compares in
 * vector registers; its calls for any length read each byte by itself. */

bool ee_is_zero(const void *p, size_t n)
{
    static const uint8_t zeros[crypto_verify_32_BYTES];

    return n == sizeof zeros ? crypto_verify_32(p, zeros) == 0
                             : sodium_is_zero(p, n) == 1;
}

bool ee_equal(const void *a, const void *b, size_t n)
{
    return n == crypto_verify_32_BYTES ? crypto_verify_32(a, b) == 0
                                       : sodium_memcmp(a, b, n) == 0;
}

/* A thread may fork while another holds the lock; hold it across fork so the
 * child never inherits it taken. */
static void before_fork(void)
{
    (void)pthread_mutex_lock(&arena.lock);
}

static void after_fork_parent(void)
{
    (void)pthread_mutex_unlock(&arena.lock);
}

static void after_fork_child(void)
{
    if (arena.forkkept) {
        for (size_t i = 0; i < arena.chunk_count; i++) {
            ee_wipe(arena.chunks[i]->pages, CHUNK_BYTES);
        }
    }
    (void)pthread_mutex_unlock(&arena.lock);
}

/* Lock held. */
static void protect(uint8_t *pages, size_t n)
{
    if (mlock(pages, n) != 0) {
        arena.unlocked = true;
    }
    if (madvise(pages, n, MADV_DONTDUMP) != 0) {
        arena.dumpable = true;
    }
    if (madvise(pages, n, MADV_WIPEONFORK) != 0) {
        arena.forkkept = true;
    }
}

static void *map_pages(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                   -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

/* Lock held. */
static void add_free(struct chunk *c, uint32_t cell)
{
    c->next[cell % CHUNK_CELLS] = arena.free;
    arena.free = cell;
}

/* The bookkeeping is mapped too: this layer has no allocator, and a chunk is
 * never given back. False when out of memory. Lock held. */
static bool add_chunk(void)
{
    const uint32_t first = (uint32_t)arena.chunk_count * CHUNK_CELLS;
    struct chunk *c = NULL;

    if (arena.chunk_count == CHUNKS_MAX) {
        return false;
    }
    if (!arena.atfork_ready) {
        if (pthread_atfork(before_fork, after_fork_parent, after_fork_child)) {
            return false;
        }
        arena.atfork_ready = true;
    }
    c = map_pages(sizeof *c);
    if (c == NULL) {
        return false;
    }
    c->pages = map_pages(CHUNK_BYTES);
    if (c->pages == NULL) {
        (void)munmap(c, sizeof *c);
        return false;
    }
    protect(c->pages, CHUNK_BYTES);
    arena.chunks[arena.chunk_count++] = c;
    for (uint32_t i = CHUNK_CELLS; i > 0; i--) {
        add_free(c, first + i - 1);
    }
    return true;
}

/* Lock held. */
static void *take_free(void)
{
    const uint32_t cell = arena.free;
    struct chunk *c = arena.chunks[cell / CHUNK_CELLS];

    arena.free = c->next[cell % CHUNK_CELLS];
    c->next[cell % CHUNK_CELLS] = IN_USE;
    arena.cells_used++;
    return c->pages + (size_t)(cell % CHUNK_CELLS) * EE_CELL_BYTES;
}

/* A cell that is freed twice would be handed to two owners. Lock held. */
static void give_back(size_t chunk, size_t cell)
{
    struct chunk *c = arena.chunks[chunk];

    if (c->next[cell] != IN_USE) {
        abort(); /* lint: abort, before a secret has two owners */
    }
    add_free(c, (uint32_t)(chunk * CHUNK_CELLS + cell));
    arena.cells_used--;
}

void *ee_cell_new(void)
{
    void *cell = NULL;

    (void)pthread_mutex_lock(&arena.lock);
    if (arena.free != NO_CELL || add_chunk()) {
        cell = take_free();
    }
    (void)pthread_mutex_unlock(&arena.lock);
    return cell;
}

void ee_cell_free(void *cell)
{
    uint8_t *p = cell;

    if (p == NULL) {
        return;
    }
    ee_wipe(p, EE_CELL_BYTES);
    (void)pthread_mutex_lock(&arena.lock);
    for (size_t i = 0; i < arena.chunk_count; i++) {
        const struct chunk *c = arena.chunks[i];

        if (p >= c->pages && p < c->pages + CHUNK_BYTES) {
            give_back(i, (size_t)(p - c->pages) / EE_CELL_BYTES);
        }
    }
    (void)pthread_mutex_unlock(&arena.lock);
}

void *ee_secret_pages_new(size_t n)
{
    void *pages = map_pages(n);

    if (pages != NULL) {
        (void)pthread_mutex_lock(&arena.lock);
        protect(pages, n);
        (void)pthread_mutex_unlock(&arena.lock);
    }
    return pages;
}

void ee_secret_pages_free(void *pages, size_t n)
{
    if (pages != NULL) {
        ee_wipe(pages, n);
        (void)munmap(pages, n);
    }
}

void ee_arena_report(struct ee_arena_report *report)
{
    (void)pthread_mutex_lock(&arena.lock);
    report->cells_used = arena.cells_used;
    report->cells_total = arena.chunk_count * CHUNK_CELLS;
    report->locked = !arena.unlocked;
    report->undumpable = !arena.dumpable;
    report->forkwiped = !arena.forkkept;
    (void)pthread_mutex_unlock(&arena.lock);
}
