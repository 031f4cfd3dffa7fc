/* SPDX-License-Identifier: MIT
 *
 * provider_keyring_crash.c: two processes at once, a kill at any moment, and
 * a full disk. What was acknowledged is there afterwards.
 */
#include "ring.h"
#include "tap.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN  4
#define ROTATIONS 10
#define ACKS_MAX  4096

/* What a child had finished when it was killed. */
struct ack {
    uint8_t wrapped[EE_PAYLOAD_BYTES + 64];
    size_t n;
    atomic_bool destroyed; /* it was about to be, or is */
};

struct board {
    atomic_uint count;
    struct ack acks[ACKS_MAX];
};

static struct board *board;
static struct ee_error err;

static unsigned random_below(unsigned n)
{
    static uint64_t state = 12345;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((state >> 33) % n);
}

/* Wraps payload seed under the current version and says so. */
static int acknowledge(struct ee_provider *p)
{
    unsigned i = atomic_load(&board->count);
    uint8_t w[EE_CMK_WRAPPED_MAX];
    size_t n = 0;
    int rc = ring_wrap(p, i, w, &n, &err);

    if (rc == EE_OK) {
        memcpy(board->acks[i].wrapped, w, n);
        board->acks[i].n = n;
        atomic_store(&board->acks[i].destroyed, false);
        atomic_store(&board->count, i + 1);
    }
    return rc;
}

/* Everything acknowledged unwraps, but for what was being destroyed. */
static bool all_there(const char *name)
{
    struct ee_provider *p = NULL;
    bool good = ring_open(&p, name, false, &err) == EE_OK;

    for (unsigned i = 0; good && i < atomic_load(&board->count); i++) {
        struct ack *a = &board->acks[i];
        int rc = ring_unwrap(p, i, a->wrapped, a->n, &err);

        good =
            rc == EE_OK || (rc == EE_KEY_STATE && atomic_load(&a->destroyed));
    }
    ee_provider_close(p);
    return good;
}

static unsigned now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned)(t.tv_sec * 1000000L + t.tv_nsec / 1000);
}

/* How long work takes, in a child as below. */
static unsigned time_of(void (*work)(void))
{
    unsigned start = now_us();

    if (fork() == 0) {
        work();
        _exit(0);
    }
    (void)wait(NULL);
    return now_us() - start;
}

/* Runs work in a child and kills it after a random time below us. */
static void killed(void (*work)(void), unsigned us)
{
    unsigned after = random_below(us);
    struct timespec wait_for = {.tv_sec = after / 1000000,
                                .tv_nsec = after % 1000000 * 1000L};
    pid_t child = fork();

    if (child == 0) {
        work();
        _exit(0);
    }
    (void)nanosleep(&wait_for, NULL);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

static void make_work(void)
{
    struct ee_provider *p = NULL;

    if (ring_open(&p, "k.keyring", true, &err) == EE_OK) {
        (void)acknowledge(p);
    }
    ee_provider_close(p);
}

static void killed_making(void)
{
    size_t rounds = scaled(60);
    size_t good = 0;
    size_t made = 0;
    unsigned usual = time_of(make_work); /* depends on the disk */

    for (size_t i = 0; i < rounds; i++) {
        struct ee_provider *p = NULL;

        (void)unlink(ring_path("k.keyring"));
        atomic_store(&board->count, 0);
        killed(make_work, usual + usual / 4);
        made += atomic_load(&board->count);
        /* there is none, or it is whole */
        good += (access(ring_path("k.keyring"), F_OK) != 0 &&
                 atomic_load(&board->count) == 0) ||
                all_there("k.keyring");
        good += ring_open(&p, "k.keyring", true, &err) == EE_OK;
        ee_provider_close(p);
    }
    ok(good == 2 * rounds, "killed while making, %zu of %zu done: %s", made,
       rounds, err.msg);
}

/* Rotates, wraps, and destroys some versions, until limit wraps are done. */
static void change_until(unsigned limit)
{
    struct ee_provider *p = NULL;
    uint32_t version = 0;
    int rc = ring_open(&p, "r.keyring", false, &err);

    while (rc == EE_OK && atomic_load(&board->count) < limit) {
        unsigned before = atomic_load(&board->count);

        rc = ee_provider_rotate(p, &version, &err);
        if (rc == EE_OK) {
            rc = acknowledge(p);
        }
        if (rc == EE_OK && before > 0 && before % 3 == 0) {
            const uint8_t *w = board->acks[before - 1].wrapped;

            atomic_store(&board->acks[before - 1].destroyed, true);
            rc = ee_provider_destroy(
                p, (uint32_t)(w[0] << 24 | w[1] << 16 | w[2] << 8 | w[3]),
                &err);
        }
    }
    ee_provider_close(p);
}

static void change_work(void)
{
    change_until(ACKS_MAX);
}

static void change_a_little(void)
{
    change_until(6);
}

static void killed_changing(void)
{
    size_t rounds = scaled(60);
    size_t good = 0;
    size_t done_before = 0;
    unsigned usual = 1;

    atomic_store(&board->count, 0);
    for (size_t i = 0; i < rounds; i++) {
        if (i % 30 == 0) { /* a fresh one, before it grows too slow */
            struct ee_provider *p = NULL;

            (void)unlink(ring_path("r.keyring"));
            good += ring_open(&p, "r.keyring", true, &err) == EE_OK;
            ee_provider_close(p);
            done_before += atomic_load(&board->count);
            atomic_store(&board->count, 0);
            usual = time_of(change_a_little);
        }
        killed(change_work, usual);
        good += all_there("r.keyring");
    }
    ok(good == rounds + (rounds + 29) / 30,
       "killed while rotating and destroying, %zu done: %s",
       done_before + atomic_load(&board->count), err.msg);
}

/* Makes or opens, then rotates: all children start from no file. */
static int race_work(void)
{
    struct ee_provider *p = NULL;
    uint8_t w[EE_CMK_WRAPPED_MAX];
    uint32_t version = 0;
    size_t n = 0;
    int rc = ring_open(&p, "race.keyring", true, &err);

    if (rc == EE_OK) {
        rc = ring_wrap(p, 7, w, &n, &err);
    }
    for (int i = 0; rc == EE_OK && i < ROTATIONS; i++) {
        rc = ee_provider_rotate(p, &version, &err);
    }
    if (rc == EE_OK) {
        rc = ring_unwrap(p, 7, w, n, &err);
    }
    ee_provider_close(p);
    return rc;
}

static void races(void)
{
    size_t rounds = scaled(8);
    size_t good = 0;

    for (size_t i = 0; i < rounds; i++) {
        bool fine = true;
        const char *count = NULL;
        char expected[16];

        (void)unlink(ring_path("race.keyring"));
        for (int c = 0; c < CHILDREN; c++) {
            if (fork() == 0) {
                _exit(race_work() == EE_OK ? 0 : 1);
            }
        }
        for (int c = 0; c < CHILDREN; c++) {
            int status = -1;

            (void)wait(&status);
            fine = fine && status == 0;
        }
        (void)snprintf(expected, sizeof expected, "%d",
                       1 + CHILDREN * ROTATIONS);
        count = ring_sql("race.keyring",
                         "SELECT count(*) FROM cmk WHERE state = 'enabled'");
        good += fine && count != NULL && strcmp(count, expected) == 0;
    }
    ok(good == rounds, "%d processes make and rotate one keyring at once",
       CHILDREN);
}

/* Rotates until the disk is full; what was acknowledged must be there. */
static int fill_work(void)
{
    struct ee_provider *p = NULL;
    uint32_t version = 0;
    int rc = ring_open(&p, "full.keyring", false, &err);

    while (rc == EE_OK && atomic_load(&board->count) < ACKS_MAX) {
        rc = ee_provider_rotate(p, &version, &err);
        if (rc == EE_OK) {
            rc = acknowledge(p);
        }
    }
    if (rc == EE_IO) { /* and reading goes on */
        unsigned i = atomic_load(&board->count) - 1;

        rc = ring_unwrap(p, i, board->acks[i].wrapped, board->acks[i].n,
                         &err) == EE_OK
                 ? EE_IO
                 : EE_INTERNAL;
    }
    ee_provider_close(p);
    return rc;
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit = {bytes, bytes};

    (void)signal(SIGXFSZ, SIG_IGN);
    (void)setrlimit(RLIMIT_FSIZE, &limit);
}

static void file_too_large(void)
{
    struct ee_provider *p = NULL;
    int status = -1;
    bool made = ring_open(&p, "full.keyring", true, &err) == EE_OK;

    ee_provider_close(p);
    atomic_store(&board->count, 0);
    if (fork() == 0) {
        limit_files((rlim_t)20 * 1024);
        _exit(fill_work() == EE_IO ? 0 : 1);
    }
    (void)wait(&status);
    ok(made && status == 0 && all_there("full.keyring"),
       "a write error after %u rotations loses nothing",
       atomic_load(&board->count));

    for (rlim_t bytes = 0; bytes <= 8192; bytes += 4096) {
        if (fork() == 0) {
            limit_files(bytes);
            _exit(ring_open(&p, "none.keyring", true, &err) == EE_IO ? 0 : 1);
        }
        (void)wait(&status);
        ok(status == 0 && access(ring_path("none.keyring"), F_OK) != 0,
           "no keyring is made with %lu bytes of room", (unsigned long)bytes);
    }
}

static void fill_disk(void)
{
    FILE *f = fopen(ring_path("filler"), "wb");

    while (f != NULL && fputc('x', f) != EOF && fflush(f) == 0) {
    }
    if (f != NULL) {
        (void)fclose(f);
    }
}

/* A real full disk, where mounting one is allowed. */
static void disk_full(void)
{
    struct ee_provider *p = NULL;
    bool made = false;
    int status = -1;

    (void)unlink(ring_path("full.keyring"));
    if (mount("none", ring_dir, "tmpfs", 0, "size=48k,mode=700") != 0) {
        skip("cannot mount a tmpfs", "a full disk");
        return;
    }
    (void)ring_write("test.key", "0123456789abcdef0123456789abcdef", 32, 0600);
    made = ring_open(&p, "full.keyring", true, &err) == EE_OK;
    ee_provider_close(p);
    atomic_store(&board->count, 0);
    if (fork() == 0) {
        _exit(fill_work() == EE_IO ? 0 : 1);
    }
    (void)wait(&status);
    ok(made && status == 0 && all_there("full.keyring"),
       "a disk full after %u rotations loses nothing",
       atomic_load(&board->count));
    fill_disk();
    ok(ring_open(&p, "second.keyring", true, &err) == EE_IO &&
           access(ring_path("second.keyring"), F_OK) != 0,
       "no second keyring: %s", err.msg);
    ee_provider_close(p);
    (void)umount(ring_dir);
}

int main(void)
{
    ring_setup();
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) {
        return 1;
    }
    killed_making();
    killed_changing();
    races();
    file_too_large();
    disk_full();
    return done();
}
