/* SPDX-License-Identifier: MIT
 *
 * audit_log.h: the audit log as a file: opened, locked, appended to.
 *
 * Any number of processes, connections and threads append to one log. Each
 * has an open file of its own, locked while it reads the last line and writes
 * the next (an OFD lock of fcntl(2), which threads do not share). One log is
 * used by one thread at a time, as the connection it belongs to.
 *
 *   - moved away (renamed): the next line goes to a new file, whose first line
 *     is "continued" and has the last hash of the old one as prev, when this
 *     process had written to it; else the new file starts at 1.
 *   - emptied in place: the same, from the last line this process knows.
 *   - the last line is cut short (a crash, a full disk): the next writer ends
 *     it with a newline, and writes a line "torn" before its own. Nothing that
 *     was written is ever removed, but for what a failed write left behind.
 *   - anything else at its end than lines and one such piece: refused.
 */
#ifndef EE_KEYS_AUDIT_LOG_H
#define EE_KEYS_AUDIT_LOG_H

#include "base/file.h"
#include "keys/audit_line.h"

#include <sys/types.h>

/* A line: its number, and the hash of it. */
struct ee_audit_end {
    uint64_t seq; /* 0: there is none */
    uint8_t head[EE_HASH_BYTES];
};

struct ee_audit_log {
    struct ee_file_path path; /* path.file[0] is NUL: no log */
    int fd;                   /* -1: not open */
    pid_t opener;             /* after fork() fd is the parent's */
    struct ee_audit_end last; /* written by this process to fd */
};

void ee_audit_log_init(struct ee_audit_log *log);
void ee_audit_log_close(struct ee_audit_log *log);

/* Finds the path of the log; opens nothing. */
int ee_audit_log_set(struct ee_audit_log *log, const char *path,
                     struct ee_error *err) EE_CHECKED;

/* Makes dst the log src, which is then empty. */
void ee_audit_log_move(struct ee_audit_log *dst, struct ee_audit_log *src);

/* Appends a line; sync makes it durable. On failure it is not there, and on
 * success log->last is it. EE_DENIED, EE_BUSY, EE_TAMPERED, EE_IO, EE_NOMEM. */
int ee_audit_log_append(struct ee_audit_log *log,
                        const struct ee_audit_event *e, bool sync,
                        struct ee_error *err) EE_CHECKED;

/* Locks the whole file for one open file: F_WRLCK, F_RDLCK or F_UNLCK. Waits
 * at most ten seconds. shown: its name, for the message. */
int ee_audit_log_lock(int fd, short type, const char *shown,
                      struct ee_error *err) EE_CHECKED;

#endif
