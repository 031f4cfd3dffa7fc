/* SPDX-License-Identifier: MIT
 *
 * audit_chain.h: the lines of an audit log, one after the other, and what is
 * wrong with them. Knows no file.
 *
 * | problem   | what it means                                               |
 * | edited    | a line is not the one that the next line's prev is of, or   |
 * |           | is no line of a log at all                                  |
 * | removed   | numbers are missing before this line                        |
 * | reordered | a number that was passed already: moved, repeated, inserted |
 * | torn      | a line cut short by a crash or a full disk                  |
 * | too long  | a line over EE_AUDIT_LINE_MAX, which was not read           |
 */
#ifndef EE_KEYS_AUDIT_CHAIN_H
#define EE_KEYS_AUDIT_CHAIN_H

#include "keys/audit_verify.h"

#define EE_FINDINGS_MAX 4 /* of one line */

struct ee_audit_chain {
    uint64_t lines;            /* seen, bad ones counted */
    uint64_t first;            /* number of the first good line; 0: none yet */
    struct ee_audit_end last;  /* the line that the next one goes on from */
    struct ee_audit_end aside; /* the last one of a run that is out of
                                  place; seq 0: none */
    struct ee_audit_end end;   /* the last good line, wherever it belongs */
    uint64_t last_line;        /* where it is in the file */
    uint64_t blamed;           /* line of the last "edited" */
    bool continued;            /* begins where another log ended */
    uint8_t before[EE_HASH_BYTES]; /* that log's head */

    /* lines that are none, since the last good one */
    uint64_t bad;
    uint64_t bad_line; /* the first */
    bool bad_long;
    uint8_t bad_head[EE_HASH_BYTES]; /* of the last */

    const uint8_t *kept; /* a head to be found, or NULL; borrowed */
    uint64_t kept_line;  /* where it was; 0: nowhere yet */
    bool kept_before;    /* it is that of the log before */

    struct ee_audit_finding found[EE_FINDINGS_MAX]; /* what the caller takes */
    size_t found_count;
};

/* A line without its newline. closed: it had one. */
void ee_audit_chain_line(struct ee_audit_chain *c, struct ee_bytes line,
                         bool closed);
/* A line of more than EE_AUDIT_LINE_MAX bytes. */
void ee_audit_chain_long_line(struct ee_audit_chain *c);
/* After the last line; not the summary. */
void ee_audit_chain_end(struct ee_audit_chain *c);

#endif
