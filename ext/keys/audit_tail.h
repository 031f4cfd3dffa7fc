/* SPDX-License-Identifier: MIT
 *
 * audit_tail.h: where the next line of an audit log goes on.
 */
#ifndef EE_KEYS_AUDIT_TAIL_H
#define EE_KEYS_AUDIT_TAIL_H

#include "keys/audit_log.h"

/* How much of the end of the file is looked at. */
#define EE_AUDIT_WINDOW (EE_AUDIT_LINE_MAX + 2)

struct ee_audit_tail {
    off_t size;               /* of the file */
    struct ee_audit_end last; /* seq of the last good line, hash of the last
                                 line whatever it is */
    bool open;                /* no newline at the end */
    uint64_t torn;            /* bytes after the last good line, else 0 */
};

/* Reads the end of a log that is locked. window: EE_AUDIT_WINDOW bytes. */
int ee_audit_tail_read(struct ee_audit_tail *tail, int fd, const char *shown,
                       uint8_t *window, struct ee_error *err) EE_CHECKED;

#endif
