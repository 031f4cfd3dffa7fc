/* SPDX-License-Identifier: MIT
 *
 * scan.c: reads /proc/PID/smaps for where, and /proc/PID/mem for what.
 */
#include "scan.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

const char *scan_is_pointless(void)
{
    const char *preload = getenv("LD_PRELOAD");

    if (preload != NULL && strstr(preload, "vgpreload") != NULL) {
        return "valgrind keeps the processor's registers in memory";
    }
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
    return "a sanitizer keeps registers and copies in memory";
#elif !defined(__OPTIMIZE__)
    return "without optimisation, registers are kept in memory";
#else
    return NULL;
#endif
}

void scan_add(struct scan_needles *n, enum scan_kind kind, const uint8_t *p,
              size_t len)
{
    for (size_t at = 0; len >= SCAN_NEEDLE && at < len; at += SCAN_NEEDLE) {
        const size_t last = len - SCAN_NEEDLE;

        if (n->count == SCAN_NEEDLES) {
            abort();
        }
        n->list[n->count].kind = kind;
        memcpy(n->list[n->count].bytes, p + (at < last ? at : last),
               SCAN_NEEDLE);
        n->count++;
    }
}

/* ---- a range of memory ---- */

struct scanner {
    const struct scan_needles *needles;
    struct scan_hits *hits;
    bool may_start[65536]; /* does a needle start with these two bytes? */
    int memory;
};

static size_t start_of(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

static void look_at(struct scanner *s, const uint8_t *p, bool arena)
{
    for (size_t i = 0; i < s->needles->count; i++) {
        if (memcmp(p, s->needles->list[i].bytes, SCAN_NEEDLE) == 0) {
            const enum scan_kind kind = s->needles->list[i].kind;

            (arena ? s->hits->in_arena : s->hits->elsewhere)[kind]++;
        }
    }
}

static void look_in(struct scanner *s, unsigned long start, unsigned long end,
                    bool arena)
{
    const size_t n = end - start;
    uint8_t *copy = malloc(n);
    ssize_t got = copy != NULL ? pread(s->memory, copy, n, (off_t)start) : -1;

    if (got == (ssize_t)n) {
        s->hits->bytes += n;
        for (size_t i = 0; i + SCAN_NEEDLE <= n; i++) {
            if (s->may_start[start_of(copy + i)]) {
                look_at(s, copy + i, arena);
            }
        }
    }
    free(copy);
}

/* ---- a process ---- */

/* Writable and its own: heap, stack, arena, data. */
static bool is_of_interest(const char *modes)
{
    return modes[0] == 'r' && modes[1] == 'w' && modes[3] == 'p';
}

static void look_everywhere(struct scanner *s, FILE *smaps)
{
    unsigned long start = 0;
    unsigned long end = 0;
    unsigned long next_start = 0;
    unsigned long next_end = 0;
    char modes[8] = "";
    char next[8];
    char line[4096];

    while (fgets(line, sizeof line, smaps) != NULL) {
        if (sscanf(line, "%lx-%lx %7s", &next_start, &next_end, next) == 3) {
            start = next_start;
            end = next_end;
            memcpy(modes, next, sizeof modes);
        } else if (strncmp(line, "VmFlags:", 8) == 0 && is_of_interest(modes)) {
            look_in(s, start, end, strstr(line, " wf") != NULL);
        }
    }
}

static void scan(pid_t pid, const struct scan_needles *needles,
                 struct scan_hits *hits)
{
    static struct scanner s;
    char path[64];
    FILE *smaps = NULL;

    s.needles = needles;
    s.hits = hits;
    for (size_t i = 0; i < needles->count; i++) {
        s.may_start[start_of(needles->list[i].bytes)] = true;
    }
    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    s.memory = open(path, O_RDONLY | O_CLOEXEC);
    (void)snprintf(path, sizeof path, "/proc/%d/smaps", (int)pid);
    smaps = fopen(path, "r");
    if (s.memory >= 0 && smaps != NULL) {
        look_everywhere(&s, smaps);
    }
    hits->readable = hits->bytes > 0;
}

static void wait_for(pid_t pid)
{
    int status = 0;

    (void)waitpid(pid, &status, 0);
}

/* The victim says by a byte that it is done, and then sleeps. */
static pid_t start_victim(void (*victim)(void *arg), void *arg)
{
    int ends[2] = {-1, -1};
    char byte = 0;
    pid_t pid = -1;

    if (pipe(ends) != 0 || (pid = fork()) < 0) {
        abort();
    }
    if (pid == 0) {
        (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
        victim(arg);
        (void)!write(ends[1], "", 1);
        (void)pause();
        _exit(0);
    }
    (void)close(ends[1]);
    if (read(ends[0], &byte, 1) != 1) {
        (void)printf("Bail out! the victim did not come to its end\n");
        exit(1);
    }
    (void)close(ends[0]);
    return pid;
}

void scan_victim(void (*victim)(void *arg),
                 void (*needles)(void *arg, struct scan_needles *n), void *arg,
                 struct scan_hits *hits)
{
    struct scan_hits *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = start_victim(victim, arg);
    pid_t scanner = fork();

    if (shared == MAP_FAILED || scanner < 0) {
        abort();
    }
    if (scanner == 0) {
        static struct scan_needles list;

        needles(arg, &list);
        scan(pid, &list, shared);
        _exit(0);
    }
    wait_for(scanner);
    (void)kill(pid, SIGKILL);
    wait_for(pid);
    *hits = *shared;
    (void)munmap(shared, sizeof *shared);
}
