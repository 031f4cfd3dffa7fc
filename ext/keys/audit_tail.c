/* SPDX-License-Identifier: MIT
 *
 * audit_tail.c: reads the last line of an audit log, and judges it.
 */
#include "keys/audit_tail.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_end(struct ee_audit_tail *tail, int fd, const char *shown,
                    uint8_t *window, size_t *n, struct ee_error *err)
{
    struct stat st;
    size_t want = 0;

    if (fstat(fd, &st) != 0) {
        return ee_fail(err, EE_IO, "cannot look at audit log %s: %s", shown,
                       strerror(errno));
    }
    tail->size = st.st_size;
    want = st.st_size < EE_AUDIT_WINDOW ? (size_t)st.st_size : EE_AUDIT_WINDOW;
    for (*n = 0; *n < want;) {
        const ssize_t got =
            pread(fd, window + *n, want - *n, tail->size - (off_t)(want - *n));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return ee_fail(err, EE_IO, "cannot read audit log %s: %s", shown,
                           got < 0 ? strerror(errno) : "it is shrinking");
        }
        *n += (size_t)got;
    }
    return EE_OK;
}

/* The last line in window[0..n); n becomes where it starts. */
static struct ee_bytes last_line(const uint8_t *window, size_t *n)
{
    const size_t end = *n > 0 && window[*n - 1] == '\n' ? *n - 1 : *n;
    const uint8_t *newline = end > 0 ? memrchr(window, '\n', end) : NULL;

    *n = newline != NULL ? (size_t)(newline - window) + 1 : 0;
    return ee_bytes(window + *n, end - *n);
}

/* Goes back from the end to the last good line. */
static int judge(struct ee_audit_tail *tail, const uint8_t *window, size_t n,
                 const char *shown, struct ee_error *err)
{
    const bool whole_file = (off_t)n == tail->size;
    const size_t all = n;
    struct ee_audit_link link = {0};

    tail->open = n > 0 && window[n - 1] != '\n';
    while (n > 0) {
        const struct ee_bytes line = last_line(window, &n);

        if (n == 0 && !whole_file) { /* its start is out of sight */
            return ee_fail(err, EE_TAMPERED,
                           "audit log %s is damaged at its end: move it away "
                           "and look at it; a new one will be begun",
                           shown);
        }
        if (tail->torn == 0) {
            ee_sha256(tail->last.head, line);
        }
        if (ee_audit_line_parse(&link, line)) {
            tail->last.seq = link.seq;
            return EE_OK;
        }
        tail->torn = all - n;
    }
    return EE_OK;
}

int ee_audit_tail_read(struct ee_audit_tail *tail, int fd, const char *shown,
                       uint8_t *window, struct ee_error *err)
{
    size_t n = 0;
    int rc = EE_OK;

    *tail = (struct ee_audit_tail){0};
    rc = read_end(tail, fd, shown, window, &n, err);
    return rc == EE_OK ? judge(tail, window, n, shown, err) : rc;
}
