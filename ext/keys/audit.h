/* SPDX-License-Identifier: MIT
 *
 * audit.h: what of a connection's key operations goes into the audit log.
 *
 * One call at each place where something happens. Each takes the rc and the
 * error of what happened and returns the rc to go on with: EE_AUDIT when it
 * was well but its line cannot be written (unless audit_failure is 'allow').
 * So a change of keys is written, durably, before it is committed: the log can
 * tell of more than happened (then it says so in a later line), never of
 * less. A line that could not be written is counted, and the next one says
 * how many were lost. Without a log every call does nothing.
 */
#ifndef EE_KEYS_AUDIT_H
#define EE_KEYS_AUDIT_H

#include "db/statements.h"
#include "keys/audit_log.h"
#include "keys/record.h"

struct ee_audit_pending;

struct ee_audit {
    sqlite3 *db;
    struct ee_statements *statements; /* borrowed */
    struct ee_audit_log log;
    bool allow;      /* audit_failure: what cannot be written may happen */
    uint64_t lost;   /* lines, since the last one that was written */
    uint64_t denied; /* the moment of the last "denied" */

    /* changes inside the application's transaction (audit_pending.c) */
    struct ee_audit_pending *draft;   /* one that is being written, or NULL */
    struct ee_audit_pending *pending; /* newest first */
};

void ee_audit_init(struct ee_audit *a, struct ee_statements *statements);
void ee_audit_clear(struct ee_audit *a);

/* ---- what happens ---- */

/* A change of keys, about to be committed: "created", "rotated", "state", …
 * r: the version; one with version 0 means all versions of the name. inner:
 * the application's own transaction decides. */
int ee_audit_change(struct ee_audit *a, const char *event, const char *schema,
                    const struct ee_key_record *r, bool inner, int rc,
                    struct ee_error *err) EE_CHECKED;

/* A provider call on a key: "wrap" or "unwrap". rc may be a failure. */
int ee_audit_call(struct ee_audit *a, const char *event, const char *schema,
                  const struct ee_key_record *r, const char *cmk, int rc,
                  struct ee_error *err) EE_CHECKED;

/* A change of a CMK by its provider, about to be made: "cmk_rotated",
 * "cmk_destroyed". version: 0 when not known. */
int ee_audit_cmk(struct ee_audit *a, const char *event, const char *cmk,
                 uint32_t version, int rc, struct ee_error *err) EE_CHECKED;

/* The end of an operation on keys or CMKs: writes a line when it failed,
 * "denied" or "failed", and returns rc. key: as typed, or NULL; cmk likewise.
 */
int ee_audit_outcome(struct ee_audit *a, const char *operation, const char *key,
                     const char *cmk, int rc, struct ee_error *err);

/* A policy said no to "open", "seal", …: one line in a statement execution,
 * whose moment it is. schema and r may be NULL. rc: returned as it is. */
int ee_audit_denied(struct ee_audit *a, uint64_t moment, const char *operation,
                    const char *schema, const struct ee_key_record *r, int rc,
                    struct ee_error *err);

/* ---- the transaction around it ---- */

/* A change has ended: it is in the application's transaction now (kept), or
 * taken back, or committed. */
void ee_audit_ended(struct ee_audit *a, bool kept);

/* Looks how the application's transaction ended, and writes "rolled_back" for
 * each change that is not there any more. Called at every new moment. */
void ee_audit_settle(struct ee_audit *a);

/* ---- settings ---- */

/* The log's path, or "off". */
const char *ee_audit_path(const struct ee_audit *a);

/* Sets the log; '' and 'off': none. quietly: opens nothing, writes nothing.
 * Else both logs get a line, and neither setting takes effect without.
 * EE_MISUSE while changes of keys are not committed. */
int ee_audit_set_path(struct ee_audit *a, const char *path, bool quietly,
                      struct ee_error *err) EE_CHECKED;
int ee_audit_set_allow(struct ee_audit *a, bool allow, bool quietly,
                       struct ee_error *err) EE_CHECKED;

#endif
