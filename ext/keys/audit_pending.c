/* SPDX-License-Identifier: MIT
 *
 * audit_pending.c: finds out which changes a ROLLBACK took back.
 */
#include "keys/audit_pending.h"

#include "keys/store.h"

#include <string.h>

int ee_audit_pending_draft(struct ee_audit *a, const char *schema,
                           const char *name, struct ee_error *err)
{
    struct ee_audit_pending *p = sqlite3_malloc64(sizeof *p);
    struct ee_key_record r;
    int rc = EE_OK;

    if (p == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    *p = (struct ee_audit_pending){.seq = 0};
    (void)sqlite3_snprintf(sizeof p->schema, p->schema, "%s", schema);
    (void)sqlite3_snprintf(sizeof p->name, p->name, "%s", name);
    sqlite3_free(a->draft);
    a->draft = p;
    rc = ee_store_current(a->statements, schema, name, &r, &p->manifest, err);
    if (rc == EE_KEY_UNKNOWN) {
        rc = ee_fail(err, EE_TAMPERED, "key %s is not there any more", name);
    }
    return rc;
}

void ee_audit_ended(struct ee_audit *a, bool kept)
{
    if (a->draft != NULL && kept) {
        a->draft->next = a->pending;
        a->pending = a->draft;
    } else {
        sqlite3_free(a->draft);
    }
    a->draft = NULL;
}

enum fate { HOLDS, TAKEN_BACK, UNKNOWN };

/* Is it in the database, as this connection sees it now? */
static enum fate look(const struct ee_audit *a,
                      const struct ee_audit_pending *p)
{
    struct ee_key_record r;
    struct ee_key_manifest m;
    struct ee_error ignored;
    int rc = EE_OK;

    if (sqlite3_db_readonly(a->db, p->schema) < 0) {
        return HOLDS; /* detached, which takes a transaction that has ended */
    }
    rc = ee_store_current(a->statements, p->schema, p->name, &r, &m, &ignored);
    if (rc == EE_KEY_UNKNOWN) {
        return TAKEN_BACK;
    }
    if (rc != EE_OK) {
        return UNKNOWN;
    }
    /* A higher generation is a later change of it, or, after a ROLLBACK, of
     * what was before; nothing in the tables tells the two apart. */
    return m.generation > p->manifest.generation ||
                   ee_manifest_same(&m, &p->manifest)
               ? HOLDS
               : TAKEN_BACK;
}

void ee_audit_settle(struct ee_audit *a)
{
    struct ee_audit_pending **link = &a->pending;

    while (*link != NULL) {
        struct ee_audit_pending *p = *link;
        const enum fate fate = look(a, p);

        if (fate == UNKNOWN ||
            (fate == HOLDS && !sqlite3_get_autocommit(a->db))) {
            link = &p->next;
            continue;
        }
        if (fate == TAKEN_BACK) {
            ee_audit_rolled_back(a, p);
        }
        *link = p->next;
        sqlite3_free(p);
    }
}

void ee_audit_pending_clear(struct ee_audit *a)
{
    ee_audit_ended(a, false);
    while (a->pending != NULL) {
        struct ee_audit_pending *p = a->pending;

        a->pending = p->next;
        sqlite3_free(p);
    }
}
