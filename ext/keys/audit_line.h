/* SPDX-License-Identifier: MIT
 *
 * audit_line.h: one line of the audit log, written and read.
 *
 * A line is a JSON object whose first members are always, in this order and
 * without spaces:
 *
 *   {"seq":N,"prev":"<64 hex digits>","time":"<UTC>","event":"<word>"…}
 *
 * seq grows by one from line to line. prev is the SHA-256 of the whole line
 * before, without its newline; 64 zeros where there is none. So the lines are
 * a chain, and the hash of the last one, the head, stands for all of them.
 * Lines hold names, never a value, a key, a token or the text of an error.
 */
#ifndef EE_KEYS_AUDIT_LINE_H
#define EE_KEYS_AUDIT_LINE_H

#include "crypto/hash.h"

#include <stdbool.h>

#define EE_AUDIT_LINE_MAX  65536 /* of a line that is read */
#define EE_AUDIT_WRITE_MAX 16384 /* of a line of ours, with its newline */

/* Lines that tell how the log itself goes on. */
#define EE_AUDIT_TORN "torn" /* the line before is cut short */
#define EE_AUDIT_CONTINUED                                                     \
    "continued" /* first line: goes on from a log that                         \
                   was moved away; prev is its head */

/* What a line says; a member that does not apply is NULL, 0 or false. */
struct ee_audit_event {
    const char *event;
    const char *operation; /* what was refused or failed */
    const char *key;
    uint32_t version;
    const uint8_t *key_id;
    const char *database; /* the file */
    const char *cmk;      /* URI; its query is left out */
    const char *state;
    const char *setting;
    const char *to;      /* its new value */
    uint64_t undoes;     /* rolled back: the line that does not hold */
    uint64_t bytes;      /* torn: how many */
    uint64_t lost;       /* lines that could not be written before this one */
    int result;          /* an ee_status */
    bool in_transaction; /* holds when the application commits */
};

/* A line's place in the chain. */
struct ee_audit_link {
    uint64_t seq;
    uint8_t prev[EE_HASH_BYTES];
    bool torn;      /* its event is EE_AUDIT_TORN */
    bool continued; /* its event is EE_AUDIT_CONTINUED */
};

/* Writes a line with its newline; returns its bytes, 0 when out is too small,
 * which EE_AUDIT_WRITE_MAX never is. seq and prev are taken from link. */
size_t ee_audit_line_write(uint8_t *out, size_t size,
                           const struct ee_audit_link *link,
                           const struct ee_audit_event *e);

/* Reads the first members of a line without its newline. False, and *out
 * untouched, for anything that is not a line of ours. */
bool ee_audit_line_parse(struct ee_audit_link *out, struct ee_bytes line);

#endif
