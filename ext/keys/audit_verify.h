/* SPDX-License-Identifier: MIT
 *
 * audit_verify.h: reads an audit log from end to end and says what is wrong.
 *
 * The chain has no key: it shows a careless change, and a careful one to who
 * keeps a head (the hash of a line) where the log's writer cannot reach. The
 * file is read once, in pieces, so memory is the same for every size.
 */
#ifndef EE_KEYS_AUDIT_VERIFY_H
#define EE_KEYS_AUDIT_VERIFY_H

#include "keys/audit_log.h"

struct ee_audit_finding {
    uint64_t line;       /* in the file, from 1 */
    uint64_t seq;        /* of that line; 0: it has none */
    const char *problem; /* one word; NULL in the summary, the last one */
    char detail[256];
    bool summary;
    uint8_t head[EE_HASH_BYTES]; /* summary: of the last line */
};

struct ee_audit_verify;

enum ee_audit_step {
    EE_AUDIT_AGAIN,   /* nothing yet: a good moment to look for an interrupt */
    EE_AUDIT_FINDING, /* *out is one */
    EE_AUDIT_DONE     /* after the summary */
};

/* kept: a head that some line must have, or NULL. *out is the caller's to
 * close. */
int ee_audit_verify_open(struct ee_audit_verify **out, const char *path,
                         const uint8_t *kept, struct ee_error *err) EE_CHECKED;
void ee_audit_verify_close(struct ee_audit_verify *v); /* NULL-safe */

/* EE_OK and *step, or EE_IO. */
int ee_audit_verify_next(struct ee_audit_verify *v, enum ee_audit_step *step,
                         struct ee_audit_finding *out,
                         struct ee_error *err) EE_CHECKED;

#endif
