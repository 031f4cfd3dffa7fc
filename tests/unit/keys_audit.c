/* SPDX-License-Identifier: MIT
 *
 * keys_audit.c: the audit log as a file: chain, torn lines, rotation, who may
 * touch it, several writers at once, a full disk.
 */
#include "ring.h"
#include "tap.h"
#include "verdict.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 4
#define LINES    60

static struct ee_error err;
static const struct ee_audit_event event = {
    .event = "created", .key = "pii", .version = 1};

static void log_init(struct ee_audit_log *log, const char *name)
{
    ee_audit_log_init(log);
    ring_must(ee_audit_log_set(log, ring_path(name), &err) == EE_OK);
}

static int append(struct ee_audit_log *log)
{
    return ee_audit_log_append(log, &event, false, &err);
}

/* n lines of a writer of its own. */
static bool write_lines(const char *name, int n)
{
    struct ee_audit_log log;
    bool good = true;

    log_init(&log, name);
    for (int i = 0; i < n; i++) {
        good = append(&log) == EE_OK && good;
    }
    ee_audit_log_close(&log);
    return good;
}

static void put(const char *name, const void *bytes, size_t n)
{
    (void)ring_write(name, bytes, n, 0600);
}

static off_t size_of(const char *name)
{
    struct stat st;

    return stat(ring_path(name), &st) == 0 ? st.st_size : -1;
}

static void expect(const char *name, const char *problems, const char *what)
{
    const struct verdict v = verify(name, NULL);

    ok(strcmp(v.problems, problems) == 0, "%s: %s (%s)", what,
       problems[0] != '\0' ? problems : "nothing found", v.problems);
}

/* ---- the file ---- */

static unsigned mode_of(const char *name)
{
    struct stat st;

    return lstat(ring_path(name), &st) == 0 ? st.st_mode & 07777 : 0;
}

static void chain(void)
{
    const mode_t before = umask(0777);
    struct verdict v;

    ok(write_lines("a.log", 3) && mode_of("a.log") == 0600,
       "a log is made with mode 0600");
    (void)umask(before);
    ok(write_lines("a.log", 2), "another writer goes on");
    v = verify("a.log", NULL);
    ok(v.problems[0] == '\0' && v.last.line == 5 && v.last.seq == 5 &&
           strcmp(v.last.detail, "5 lines, no problem found") == 0,
       "five lines, one chain: %s", v.last.detail);
}

static void torn(void)
{
    size_t n = 0;
    uint8_t *bytes = NULL;
    unsigned bad = 0;
    size_t start = 0;

    ring_must(write_lines("t.log", 3));
    bytes = ring_read("t.log", &n);
    for (start = n - 1; bytes[start - 1] != '\n'; start--) {
    }
    for (size_t cut = start; cut <= n; cut++) {
        const bool whole = cut == start || cut >= n - 1;
        const uint64_t lines = cut == start ? 3 : whole ? 4 : 5;
        struct verdict v;

        put("t.log", bytes, cut);
        v = verify("t.log", NULL);
        bad += strcmp(v.problems, whole ? "" : "torn:3") != 0;
        bad += !write_lines("t.log", 1);
        v = verify("t.log", NULL);
        if (strcmp(v.problems, whole ? "" : "torn:3") != 0 ||
            v.last.line != lines) {
            note("cut at %zu of %zu: %s, %s", cut, n, v.problems,
                 v.last.detail);
            bad++;
        }
    }
    ok(bad == 0, "a last line cut at each of %zu places is closed and told of",
       n - start);
    put("t.log", bytes, n - 9);
    ring_must(write_lines("t.log", 2));
    expect("t.log", "torn:3", "the chain goes on after it");
    free(bytes);
}

static void torn_twice(void)
{
    size_t n = 0;
    uint8_t *bytes = NULL;

    ring_must(write_lines("tt.log", 2));
    bytes = ring_read("tt.log", &n);
    put("tt.log", bytes, n - 9);
    free(bytes);
    ring_must(write_lines("tt.log", 1)); /* 1, piece, torn, line */
    bytes = ring_read("tt.log", &n);
    for (int lines = 0; lines < 2; n--) {
        lines += bytes[n - 2] == '\n';
    }
    put("tt.log", bytes, n + 40); /* the line "torn" is torn itself */
    ok(write_lines("tt.log", 1), "a torn line that was being closed");
    expect("tt.log", "torn:2", "both pieces");
    put("tt.log", bytes, 20);
    ok(write_lines("tt.log", 1), "the first line of all is torn");
    expect("tt.log", "torn:1", "it begins again at 1");
    free(bytes);
}

static void damaged_end(void)
{
    static uint8_t junk[EE_AUDIT_LINE_MAX + 100];
    struct ee_audit_log log;

    memset(junk, 'x', sizeof junk);
    put("junk.log", junk, sizeof junk);
    log_init(&log, "junk.log");
    ok(append(&log) == EE_TAMPERED && size_of("junk.log") == sizeof junk,
       "a file that is no log is left alone: %s", err.msg);
    ee_audit_log_close(&log);
}

static struct ee_audit_link first_link(const char *name)
{
    struct ee_audit_link link = {0};
    size_t n = 0;
    uint8_t *bytes = ring_read(name, &n);
    const uint8_t *newline = memchr(bytes, '\n', n);

    ring_must(
        newline != NULL &&
        ee_audit_line_parse(&link, ee_bytes(bytes, (size_t)(newline - bytes))));
    free(bytes);
    return link;
}

static void rotation(void)
{
    struct ee_audit_log log;
    struct ee_audit_link link;
    struct verdict old;

    log_init(&log, "r.log");
    ring_must(append(&log) == EE_OK);
    ring_must(write_lines("r.log", 2)); /* somebody else's */
    (void)rename(ring_path("r.log"), ring_path("r.old"));
    ok(append(&log) == EE_OK && append(&log) == EE_OK,
       "a log that was moved away is begun anew");
    old = verify("r.old", NULL);
    link = first_link("r.log");
    ok(old.problems[0] == '\0' && old.last.seq == 3 && link.continued &&
           link.seq == 4 && memcmp(link.prev, old.last.head, 32) == 0,
       "the new one goes on from the very last line of the old one");
    expect("r.log", "", "and is whole");
    ok(verify("r.log", old.last.head).problems[0] == '\0',
       "the head of the old one is known to the new one");
    ok(truncate(ring_path("r.log"), 0) == 0 && append(&log) == EE_OK &&
           first_link("r.log").seq == 7,
       "emptied in place: it goes on, too");
    ee_audit_log_close(&log);

    (void)unlink(ring_path("r.log"));
    ring_must(write_lines("r.log", 1));
    link = first_link("r.log");
    ok(link.seq == 1 && !link.continued,
       "who does not know the old one begins at 1");
}

/* ---- who may touch it ---- */

static void refused(const char *name, const char *says, const char *what)
{
    struct ee_audit_log log;

    log_init(&log, name);
    ok(append(&log) != EE_OK && strstr(err.msg, says) != NULL, "%s: %s", what,
       err.msg);
    ee_audit_log_close(&log);
}

static void kinds(void)
{
    static const unsigned bad[] = {0620, 0602, 0622, 0666};

    ring_must(write_lines("k.log", 1));
    ring_must(symlink(ring_path("k.log"), ring_path("link.log")) == 0);
    refused("link.log", "symbolic link", "a symlink");
    ring_must(symlink("nothing", ring_path("dangling.log")) == 0);
    refused("dangling.log", "symbolic link", "a dangling symlink");
    ok(size_of("nothing") < 0, "which makes no file");
    ring_must(mkfifo(ring_path("fifo.log"), 0600) == 0);
    refused("fifo.log", "regular file", "a FIFO");
    ring_must(mkdir(ring_path("dir.log"), 0700) == 0);
    refused("dir.log", "directory", "a folder");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)chmod(ring_path("k.log"), bad[i]);
        refused("k.log", "chmod", "others may write to it");
    }
    (void)chmod(ring_path("k.log"), 0644);
    ok(write_lines("k.log", 1), "others may read it");
    expect("k.log", "", "and nothing was written by those refused");
    (void)chmod(ring_dir, 0777);
    refused("k.log", "everybody can write", "a folder that all can write to");
    refused("new.log", "everybody can write", "nor is a log made there");
    (void)chmod(ring_dir, 0700);
    ok(size_of("new.log") < 0, "no log was made");
}

static void somebody_elses(void)
{
    struct ee_audit_log log;
    int status = -1;

    if (geteuid() != 0) {
        skip("not root", "another user's log");
        return;
    }
    (void)chmod(ring_dir, 0755);
    (void)chmod(ring_path("k.log"), 0666);
    if (fork() == 0) {
        log_init(&log, "k.log");
        _exit(setuid(54321) == 0 && append(&log) == EE_DENIED ? 0 : 1);
    }
    (void)wait(&status);
    ok(status == 0, "another user's log is refused");
    (void)chmod(ring_path("k.log"), 0600);
    (void)chmod(ring_dir, 0700);
}

/* ---- several at once ---- */

static void *writer(void *arg)
{
    return write_lines(arg, (int)scaled(LINES)) ? arg : NULL;
}

/* A process with two threads. */
static int writers(const char *name)
{
    pthread_t thread;
    void *other = NULL;
    void *mine = NULL;

    ring_must(pthread_create(&thread, NULL, writer, (void *)(size_t)name) == 0);
    mine = writer((void *)(size_t)name);
    (void)pthread_join(thread, &other);
    return mine != NULL && other != NULL ? 0 : 1;
}

static int start_writers(const char *name)
{
    int running = 0;

    for (; running < CHILDREN; running++) {
        if (fork() == 0) {
            _exit(writers(name));
        }
    }
    return running;
}

/* How many of them ended badly. */
static int wait_for(int running)
{
    int status = 0;
    int bad = 0;

    for (; running > 0; running--) {
        (void)wait(&status);
        bad += status != 0;
    }
    return bad;
}

static void at_once(void)
{
    const uint64_t all = 2 * CHILDREN * scaled(LINES);
    const int bad = wait_for(start_writers("m.log"));
    const struct verdict v = verify("m.log", NULL);

    ok(bad == 0 && v.problems[0] == '\0' && v.last.line == all &&
           v.last.seq == all,
       "%d processes of two threads: %s", CHILDREN, v.last.detail);
}

/* Moves the log away again and again while they write. */
static void at_once_rotating(void)
{
    const uint64_t all = 2 * CHILDREN * scaled(LINES);
    const int running = start_writers("n.log");
    uint64_t lines = 0;
    unsigned bad = 0;
    char name[32];

    for (int i = 0; i < 5; i++) {
        (void)usleep(10000);
        (void)snprintf(name, sizeof name, "n.%d", i);
        (void)rename(ring_path("n.log"), ring_path(name));
    }
    bad += (unsigned)wait_for(running);
    (void)rename(ring_path("n.log"), ring_path("n.5"));
    for (int i = 0; i < 6; i++) {
        (void)snprintf(name, sizeof name, "n.%d", i);
        if (size_of(name) > 0) {
            const struct verdict v = verify(name, NULL);

            bad += v.problems[0] != '\0';
            lines += v.last.line - (first_link(name).continued ? 1 : 0);
        }
    }
    ok(bad == 0 && lines == all,
       "moved away while they write: %llu lines of %llu, all chains whole",
       (unsigned long long)lines, (unsigned long long)all);
}

static bool append_lines(struct ee_audit_log *log, size_t n)
{
    bool good = true;

    while (good && n-- > 0) {
        good = append(log) == EE_OK;
    }
    return good;
}

/* The lock of an open file is one lock for parent and child. */
static void after_fork(void)
{
    const size_t each = 10 * scaled(LINES);
    struct ee_audit_log log;
    struct verdict v;
    int status = -1;
    bool good = false;

    log_init(&log, "f.log");
    ring_must(append(&log) == EE_OK);
    if (fork() == 0) {
        _exit(append_lines(&log, each) ? 0 : 1);
    }
    good = append_lines(&log, each);
    (void)wait(&status);
    v = verify("f.log", NULL);
    ok(good && status == 0 && v.problems[0] == '\0' &&
           v.last.line == 1 + 2 * each,
       "parent and child both go on at once: %s", v.last.detail);
    ee_audit_log_close(&log);
}

/* ---- no room ---- */

static void file_too_large(void)
{
    struct ee_audit_log log;
    const off_t full = 3000;
    int status = -1;

    if (fork() == 0) {
        const struct rlimit limit = {(rlim_t)full, RLIM_INFINITY};
        const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
        off_t size = 0;
        int rc = EE_OK;

        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &limit);
        log_init(&log, "x.log");
        while (rc == EE_OK) {
            size = size_of("x.log");
            rc = append(&log);
        }
        rc = rc == EE_IO && size_of("x.log") == size ? EE_OK : rc;
        (void)setrlimit(RLIMIT_FSIZE, &none);
        _exit(rc == EE_OK && size < full && append(&log) == EE_OK ? 0 : 1);
    }
    (void)wait(&status);
    ok(status == 0, "what does not fit leaves nothing behind");
    expect("x.log", "", "and the chain goes on when there is room again");
}

static void disk_full(void)
{
    static const char one = 'x';
    struct ee_audit_log log;
    off_t size = 0;
    int rc = EE_OK;
    int fd = -1;

    ring_must(mkdir(ring_path("disk"), 0700) == 0);
    if (mount("none", ring_path("disk"), "tmpfs", 0, "size=32k,mode=700") !=
        0) {
        skip("cannot mount a tmpfs", "a full disk");
        return;
    }
    log_init(&log, "disk/d.log");
    ring_must(append(&log) == EE_OK);
    fd = open(ring_path("disk/filler"), O_CREAT | O_WRONLY | O_APPEND, 0600);
    while (write(fd, &one, 1) == 1) {
    }
    while (rc == EE_OK) {
        size = size_of("disk/d.log");
        rc = ee_audit_log_append(&log, &event, true, &err);
    }
    ok(rc == EE_IO && size_of("disk/d.log") == size,
       "a full disk: %s, and no piece of a line", err.msg);
    expect("disk/d.log", "", "nothing is torn");
    (void)ftruncate(fd, 0);
    ok(append(&log) == EE_OK, "and on when there is room again");
    (void)close(fd);
    ee_audit_log_close(&log);
    (void)umount(ring_path("disk"));
}

int main(void)
{
    ring_setup();
    chain();
    torn();
    torn_twice();
    damaged_end();
    rotation();
    kinds();
    somebody_elses();
    at_once();
    at_once_rotating();
    after_fork();
    file_too_large();
    disk_full();
    return done();
}
