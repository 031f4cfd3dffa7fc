/* SPDX-License-Identifier: MIT
 *
 * audit_pending.h: audited changes whose commit is the application's.
 *
 * SQLite has one rollback hook, which is the application's. So what became of
 * a change is looked up: a change that was taken back, whole or to a
 * savepoint, has left the manifest of its name as it was before. A rewrap
 * does not change the manifest, and a subject's key is in none: these are not
 * found out about.
 */
#ifndef EE_KEYS_AUDIT_PENDING_H
#define EE_KEYS_AUDIT_PENDING_H

#include "keys/audit.h"

struct ee_audit_pending {
    struct ee_audit_pending *next;
    char schema[EE_SCHEMA_MAX];
    char name[EE_NAME_MAX];
    struct ee_key_manifest manifest; /* after the change */
    uint64_t seq;                    /* its line in the log */
};

/* Before the line is written: what the change has left, as a->draft. */
int ee_audit_pending_draft(struct ee_audit *a, const char *schema,
                           const char *name, struct ee_error *err) EE_CHECKED;
void ee_audit_pending_clear(struct ee_audit *a);

/* Writes the line (audit.c). */
void ee_audit_rolled_back(struct ee_audit *a, const struct ee_audit_pending *p);

#endif
