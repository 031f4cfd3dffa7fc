/* SPDX-License-Identifier: MIT
 *
 * audit_verify.c: feeds an audit log, line by line, to its judge.
 */
#include "keys/audit_verify.h"

#include "base/text.h"
#include "db/sql.h"
#include "keys/audit_chain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One line of the longest kind, its newline, and one piece more. */
#define BUFFER_BYTES ((size_t)4 * EE_AUDIT_LINE_MAX)

struct ee_audit_verify {
    int fd;
    off_t left;    /* bytes not read; what is appended meanwhile is not */
    bool skipping; /* inside a line that is too long */
    bool ended;    /* all of it judged */
    bool done;     /* the summary was given */
    size_t taken;  /* of chain.found */
    uint64_t problems;
    char shown[128];
    uint8_t kept[EE_HASH_BYTES];
    struct ee_audit_chain chain;
    size_t at; /* buffer[at..n) is not judged yet */
    size_t n;
    uint8_t buffer[BUFFER_BYTES];
};

/* No writer is in the middle of a line while its size is asked. */
static int look_at(struct ee_audit_verify *v, struct ee_error *err)
{
    struct ee_error ignored;
    struct stat st;
    int rc = EE_OK;

    if (fstat(v->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return ee_fail(err, EE_CONFIG, "%s is not a regular file", v->shown);
    }
    rc = ee_audit_log_lock(v->fd, F_RDLCK, v->shown, err);
    if (rc != EE_OK) {
        return rc;
    }
    if (fstat(v->fd, &st) != 0) {
        rc = ee_fail(err, EE_IO, "cannot look at audit log %s: %s", v->shown,
                     strerror(errno));
    }
    v->left = st.st_size;
    (void)!ee_audit_log_lock(v->fd, F_UNLCK, v->shown, &ignored);
    return rc;
}

int ee_audit_verify_open(struct ee_audit_verify **out, const char *path,
                         const uint8_t *kept, struct ee_error *err)
{
    struct ee_audit_verify *v = sqlite3_malloc64(sizeof *v);
    int rc = EE_OK;

    *out = NULL;
    if (v == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    memset(v, 0, sizeof *v);
    (void)snprintf(v->shown, sizeof v->shown, "%s", ee_file_shown(path));
    if (kept != NULL) {
        memcpy(v->kept, kept, sizeof v->kept);
        v->chain.kept = v->kept;
    }
    v->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    rc = v->fd >= 0 ? look_at(v, err)
                    : ee_fail(err, errno == EACCES ? EE_DENIED : EE_CONFIG,
                              "cannot open audit log %s: %s", v->shown,
                              strerror(errno));
    if (rc != EE_OK) {
        ee_audit_verify_close(v);
        return rc;
    }
    *out = v;
    return EE_OK;
}

void ee_audit_verify_close(struct ee_audit_verify *v)
{
    if (v != NULL) {
        if (v->fd >= 0) {
            (void)close(v->fd);
        }
        sqlite3_free(v);
    }
}

/* Moves the start of a line to the front, and reads what there is room for. */
static int refill(struct ee_audit_verify *v, struct ee_error *err)
{
    memmove(v->buffer, v->buffer + v->at, v->n - v->at);
    v->n -= v->at;
    v->at = 0;
    while (v->n < sizeof v->buffer && v->left > 0) {
        const size_t room = sizeof v->buffer - v->n;
        const size_t want = (off_t)room < v->left ? room : (size_t)v->left;
        const ssize_t got = read(v->fd, v->buffer + v->n, want);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ee_fail(err, EE_IO, "cannot read audit log %s: %s", v->shown,
                           strerror(errno));
        }
        v->left = got == 0 ? 0 : v->left - got; /* it has become shorter */
        v->n += (size_t)got;
    }
    return EE_OK;
}

/* A line of n bytes at p; closed: and its newline. */
static void judge(struct ee_audit_verify *v, const uint8_t *p, size_t n,
                  bool closed)
{
    if (v->skipping || n > EE_AUDIT_LINE_MAX) {
        v->skipping = false;
        ee_audit_chain_long_line(&v->chain);
    } else {
        ee_audit_chain_line(&v->chain, ee_bytes(p, n), closed);
    }
}

/* Judges the lines in the buffer until there is a finding. */
static void judge_lines(struct ee_audit_verify *v)
{
    while (v->at < v->n && v->chain.found_count == 0) {
        const uint8_t *p = v->buffer + v->at;
        const uint8_t *newline = memchr(p, '\n', v->n - v->at);

        if (newline == NULL) {
            return;
        }
        judge(v, p, (size_t)(newline - p), true);
        v->at += (size_t)(newline - p) + 1;
    }
}

/* The buffer holds the start of a line, and nothing else. */
static int go_further(struct ee_audit_verify *v, struct ee_error *err)
{
    if (v->left > 0) {
        if (v->n - v->at > EE_AUDIT_LINE_MAX) {
            v->skipping = true;
            v->at = v->n;
        }
        return refill(v, err);
    }
    if (v->at < v->n || v->skipping) {
        judge(v, v->buffer + v->at, v->n - v->at, false);
        v->at = v->n;
    } else {
        ee_audit_chain_end(&v->chain);
        v->ended = true;
    }
    return EE_OK;
}

static void summarize(struct ee_audit_verify *v, struct ee_audit_finding *out)
{
    const struct ee_audit_chain *c = &v->chain;
    char count[48] = "no problem found";
    char before[2 * EE_HASH_BYTES + 64] = "";
    char hex[2 * EE_HASH_BYTES + 1];

    if (v->problems > 0) {
        (void)snprintf(count, sizeof count, "%llu problem%s found",
                       (unsigned long long)v->problems,
                       v->problems == 1 ? "" : "s");
    }
    if (c->continued) {
        ee_hex(hex, ee_bytes(c->before, sizeof c->before));
        (void)snprintf(before, sizeof before,
                       "; the log before it ended with %s", hex);
    }
    *out = (struct ee_audit_finding){
        .line = c->lines, .seq = c->end.seq, .summary = true};
    (void)snprintf(out->detail, sizeof out->detail, "%llu line%s, %s%s",
                   (unsigned long long)c->lines, c->lines == 1 ? "" : "s",
                   count, before);
    memcpy(out->head, c->end.head, sizeof out->head);
}

static bool take(struct ee_audit_verify *v, struct ee_audit_finding *out)
{
    if (v->taken < v->chain.found_count) {
        *out = v->chain.found[v->taken++];
        v->problems++;
        return true;
    }
    v->taken = v->chain.found_count = 0;
    return false;
}

int ee_audit_verify_next(struct ee_audit_verify *v, enum ee_audit_step *step,
                         struct ee_audit_finding *out, struct ee_error *err)
{
    int rc = EE_OK;

    *step = EE_AUDIT_FINDING;
    if (take(v, out)) {
        return EE_OK;
    }
    if (v->ended) {
        *step = v->done ? EE_AUDIT_DONE : EE_AUDIT_FINDING;
        v->done = true;
        summarize(v, out);
        return EE_OK;
    }
    judge_lines(v);
    if (v->chain.found_count == 0) {
        rc = go_further(v, err);
    }
    *step = EE_AUDIT_AGAIN;
    return rc;
}
