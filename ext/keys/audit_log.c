/* SPDX-License-Identifier: MIT
 *
 * audit_log.c: opens, locks and extends the file of an audit log.
 *
 * Locks are taken in one order, the new file's before the old one's, so that
 * two processes that notice a rotation do not wait for each other.
 */
#include "keys/audit_tail.h"

#include "db/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WHAT         "audit log"
#define OPEN_TRIES   20  /* when the file is moved away again and again */
#define LOCK_SECONDS 10  /* a writer holds the lock for one fsync() */
#define WRITABLE     022 /* others may read it, if its owner so decides */

/* Lines in one write: torn or continued, and the one to be written. */
#define OUT_MAX (1 + 2 * EE_AUDIT_WRITE_MAX)

void ee_audit_log_init(struct ee_audit_log *log)
{
    *log = (struct ee_audit_log){.fd = -1};
}

void ee_audit_log_close(struct ee_audit_log *log)
{
    if (log->fd >= 0) {
        (void)close(log->fd);
    }
    log->fd = -1;
    log->last = (struct ee_audit_end){0};
}

int ee_audit_log_set(struct ee_audit_log *log, const char *path,
                     struct ee_error *err)
{
    return ee_file_resolve(&log->path, WHAT, path, NULL, 0, err);
}

void ee_audit_log_move(struct ee_audit_log *dst, struct ee_audit_log *src)
{
    ee_audit_log_close(dst);
    *dst = *src;
    dst->path.shown = ee_file_shown(dst->path.file);
    ee_audit_log_init(src);
}

/* ---- the lock ---- */

static void wait_milliseconds(long n)
{
    const struct timespec span = {.tv_nsec = n * 1000000};

    (void)nanosleep(&span, NULL);
}

static double now(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int ee_audit_log_lock(int fd, short type, const char *shown,
                      struct ee_error *err)
{
    const double deadline = now() + LOCK_SECONDS;
    long pause = 1;

    for (;;) {
        struct flock whole = {.l_type = type, .l_whence = SEEK_SET};

        if (fcntl(fd, F_OFD_SETLK, &whole) == 0) {
            return EE_OK;
        }
        if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
            return ee_fail(err, EE_IO, "cannot lock audit log %s: %s", shown,
                           strerror(errno));
        }
        if (now() > deadline) {
            return ee_fail(err, EE_BUSY,
                           "another process has held audit log %s locked for "
                           "%d seconds",
                           shown, LOCK_SECONDS);
        }
        wait_milliseconds(pause);
        pause = pause < 16 ? pause * 2 : pause;
    }
}

static void unlock(int fd)
{
    struct ee_error ignored;

    (void)!ee_audit_log_lock(fd, F_UNLCK, "", &ignored);
}

/* ---- opening ---- */

#define OPEN_FLAGS                                                             \
    (O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static int create(struct ee_audit_log *log, struct ee_error *err)
{
    int rc = ee_file_check_dir(&log->path, WHAT, NULL, err);

    if (rc != EE_OK) {
        return rc;
    }
    log->fd = open(log->path.file, OPEN_FLAGS | O_CREAT | O_EXCL, 0600);
    if (log->fd >= 0 && fchmod(log->fd, 0600) == 0) {
        return ee_file_sync_dir(&log->path, WHAT, err);
    }
    if (log->fd < 0 && errno == EEXIST) {
        return EE_OK; /* somebody was faster: look again */
    }
    return ee_fail(err, EE_IO, "cannot make audit log %s: %s", log->path.shown,
                   strerror(errno));
}

/* EE_OK with log->fd -1: try again. */
static int open_log(struct ee_audit_log *log, struct ee_error *err)
{
    log->opener = getpid();
    log->fd = open(log->path.file, OPEN_FLAGS);
    if (log->fd >= 0) {
        return EE_OK;
    }
    if (errno == ENOENT) {
        return create(log, err);
    }
    if (errno == ELOOP) {
        return ee_fail(err, EE_DENIED,
                       "audit log %s is a symbolic link: name the file itself",
                       log->path.shown);
    }
    return ee_fail(err, errno == EACCES || errno == EPERM ? EE_DENIED : EE_IO,
                   "cannot open audit log %s: %s", log->path.shown,
                   strerror(errno));
}

/* Is the open file still the one that the path names, and nobody else's? */
static int check(const struct ee_audit_log *log, bool *current,
                 struct ee_error *err)
{
    struct stat named;
    struct stat st;
    int rc = EE_OK;

    *current = false;
    if (fstat(log->fd, &st) != 0) {
        return ee_fail(err, EE_IO, "cannot look at audit log %s: %s",
                       log->path.shown, strerror(errno));
    }
    if (lstat(log->path.file, &named) != 0 || named.st_dev != st.st_dev ||
        named.st_ino != st.st_ino) {
        return EE_OK;
    }
    *current = true;
    rc = ee_file_check(&log->path, WHAT, &st, WRITABLE, err);
    return rc == EE_OK ? ee_file_check_dir(&log->path, WHAT, &st, err) : rc;
}

/* Opens and locks what the path names now. *old: the file that this process
 * wrote to before, when that is another one; the caller closes it. */
static int lock_current(struct ee_audit_log *log, int *old,
                        struct ee_error *err)
{
    bool current = false;
    int rc = EE_OK;

    for (int tries = 0; tries < OPEN_TRIES; tries++) {
        if (log->fd < 0) {
            rc = open_log(log, err);
            if (rc != EE_OK) {
                return rc;
            }
            continue;
        }
        rc = ee_audit_log_lock(log->fd, F_WRLCK, log->path.shown, err);
        if (rc == EE_OK) {
            rc = check(log, &current, err);
        }
        if (rc != EE_OK || current) {
            return rc;
        }
        unlock(log->fd);
        if (*old < 0 && log->last.seq > 0) {
            *old = log->fd;
        } else {
            (void)close(log->fd);
        }
        log->fd = -1;
    }
    return ee_fail(err, EE_BUSY, "audit log %s is moved away again and again",
                   log->path.shown);
}

/* ---- writing ---- */

struct draft {
    uint8_t out[OUT_MAX];
    size_t n;
    struct ee_audit_end last;
    uint8_t window[EE_AUDIT_WINDOW];
};

static int add_line(struct draft *d, const struct ee_audit_event *e,
                    struct ee_error *err)
{
    struct ee_audit_link link = {.seq = d->last.seq + 1};
    size_t n = 0;

    memcpy(link.prev, d->last.head, sizeof link.prev);
    n = ee_audit_line_write(d->out + d->n, sizeof d->out - d->n, &link, e);
    if (n == 0) {
        return ee_fail(err, EE_INTERNAL, "a line of the audit log is too long");
    }
    ee_sha256(d->last.head, ee_bytes(d->out + d->n, n - 1));
    d->last.seq++;
    d->n += n;
    return EE_OK;
}

/* Where an empty file goes on: the end of the one before it, which may have
 * got more lines since this process wrote to it. */
static void carry(struct draft *d, const struct ee_audit_log *log, int old)
{
    struct ee_audit_tail tail;
    struct ee_error ignored;

    d->last = log->last;
    if (old < 0 || ee_audit_log_lock(old, F_RDLCK, "", &ignored) != EE_OK) {
        return;
    }
    if (ee_audit_tail_read(&tail, old, "", d->window, &ignored) == EE_OK &&
        tail.last.seq > 0 && tail.torn == 0) {
        d->last = tail.last;
    }
}

static int compose(struct draft *d, const struct ee_audit_log *log, int old,
                   const struct ee_audit_tail *tail,
                   const struct ee_audit_event *e, struct ee_error *err)
{
    static const struct ee_audit_event continued = {.event =
                                                        EE_AUDIT_CONTINUED};
    const struct ee_audit_event torn = {.event = EE_AUDIT_TORN,
                                        .bytes = tail->torn};
    int rc = EE_OK;

    d->n = 0;
    d->last = tail->last;
    if (tail->open) {
        d->out[d->n++] = '\n';
    }
    if (tail->size == 0) {
        carry(d, log, old);
        if (d->last.seq > 0) {
            rc = add_line(d, &continued, err);
        }
    } else if (tail->torn > 0) {
        rc = add_line(d, &torn, err);
    }
    return rc == EE_OK ? add_line(d, e, err) : rc;
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        const ssize_t did = write(fd, p, n);

        if (did < 0 && errno == EINTR) {
            continue;
        }
        if (did <= 0) {
            errno = did == 0 ? ENOSPC : errno;
            return -1;
        }
        p += did;
        n -= (size_t)did;
    }
    return 0;
}

static int append(const struct ee_audit_log *log, const struct draft *d,
                  const struct ee_audit_tail *tail, bool sync,
                  struct ee_error *err)
{
    if (write_all(log->fd, d->out, d->n) != 0 ||
        (sync && fsync(log->fd) != 0)) {
        const int why = errno;

        /* Our own bytes, and the lock is ours. On a file that can only grow
         * (chattr +a) this fails, and the next writer finds a torn line. */
        (void)!ftruncate(log->fd, tail->size);
        return ee_fail(err, EE_IO, "cannot write to audit log %s: %s",
                       log->path.shown, strerror(why));
    }
    return EE_OK;
}

static int append_locked(struct ee_audit_log *log, int old, struct draft *d,
                         const struct ee_audit_event *e, bool sync,
                         struct ee_error *err)
{
    struct ee_audit_tail tail;
    int rc =
        ee_audit_tail_read(&tail, log->fd, log->path.shown, d->window, err);

    if (rc == EE_OK) {
        rc = compose(d, log, old, &tail, e, err);
    }
    if (rc == EE_OK) {
        rc = append(log, d, &tail, sync, err);
    }
    if (rc == EE_OK) {
        log->last = d->last;
    }
    return rc;
}

int ee_audit_log_append(struct ee_audit_log *log,
                        const struct ee_audit_event *e, bool sync,
                        struct ee_error *err)
{
    struct draft *d = sqlite3_malloc64(sizeof *d);
    int old = -1;
    int rc = EE_OK;

    if (d == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    if (log->fd >= 0 && log->opener != getpid()) {
        ee_audit_log_close(log); /* a child: the lock would be shared */
    }
    rc = lock_current(log, &old, err);
    if (rc == EE_OK) {
        rc = append_locked(log, old, d, e, sync, err);
    }
    if (log->fd >= 0) {
        unlock(log->fd);
    }
    if (rc != EE_OK && old >= 0) { /* the next try asks the old file again */
        if (log->fd >= 0) {
            (void)close(log->fd);
        }
        log->fd = old;
        old = -1;
    }
    if (old >= 0) {
        (void)close(old);
    }
    sqlite3_free(d);
    return rc;
}
