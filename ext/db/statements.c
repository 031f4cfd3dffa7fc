/* SPDX-License-Identifier: MIT
 *
 * statements.c: the cache of prepared statements.
 */
#include "db/statements.h"

#include <string.h>

static sqlite3_stmt *find(struct ee_statements *s, const char *format,
                          const char *schema)
{
    for (int i = 0; i < EE_STATEMENTS_MAX; i++) {
        if (s->slots[i].format == format && s->slots[i].stmt != NULL &&
            !s->slots[i].lent && strcmp(s->slots[i].schema, schema) == 0) {
            s->slots[i].lent = true;
            return s->slots[i].stmt;
        }
    }
    return NULL;
}

/* Makes the virtual table's instance, which then keeps the statements. A
 * TEMP table of that name leaves us without a keeper: slower, not wrong; one in
 * the file does not, for which a schema without a table stands. */
static void look_for_keeper(struct ee_statements *s)
{
    sqlite3_stmt *stmt = NULL;

    (void)sqlite3_prepare_v2(s->db, "SELECT 1 FROM temp.envelope_keys", -1,
                             &stmt, NULL);
    (void)sqlite3_finalize(stmt);
}

/* Keeps a statement that is being lent, in the place of one that is not. When
 * all are lent it is not kept. */
static void remember(struct ee_statements *s, const char *format,
                     const char *schema, sqlite3_stmt *stmt)
{
    unsigned i = s->next_victim;

    for (unsigned tries = 0; tries < EE_STATEMENTS_MAX; tries++) {
        if (!s->slots[i].lent) {
            (void)sqlite3_finalize(s->slots[i].stmt);
            s->slots[i].format = format;
            s->slots[i].stmt = stmt;
            s->slots[i].lent = true;
            s->slots[i].stale = false;
            memcpy(s->slots[i].schema, schema, strlen(schema) + 1);
            s->next_victim = (i + 1) % EE_STATEMENTS_MAX;
            return;
        }
        i = (i + 1) % EE_STATEMENTS_MAX;
    }
}

int ee_statement_get(struct ee_statements *s, sqlite3_stmt **out,
                     const char *format, const char *schema, const char *doing,
                     struct ee_error *err)
{
    int rc = EE_OK;

    *out = find(s, format, schema);
    if (*out != NULL) {
        return EE_OK;
    }
    if (strlen(schema) >= EE_SCHEMA_MAX) {
        return ee_fail(err, EE_MISUSE, "the schema name is too long");
    }
    if (!s->kept) {
        look_for_keeper(s);
    }
    rc = ee_sql_prepare(s->db, out, s->kept ? SQLITE_PREPARE_PERSISTENT : 0,
                        doing, err, format, schema, schema, schema);
    if (rc == EE_OK && s->kept) {
        remember(s, format, schema, *out);
    }
    return rc;
}

/* True when the slot keeps it for the next use. */
static bool take_back(struct ee_statements *s, sqlite3_stmt *stmt)
{
    for (int i = 0; i < EE_STATEMENTS_MAX; i++) {
        if (s->slots[i].stmt == stmt) {
            s->slots[i].lent = false;
            if (s->slots[i].stale) {
                s->slots[i].stmt = NULL;
            }
            return !s->slots[i].stale;
        }
    }
    return false;
}

void ee_statement_put(struct ee_statements *s, sqlite3_stmt *stmt)
{
    if (stmt == NULL) {
        return;
    }
    (void)sqlite3_reset(stmt);
    (void)sqlite3_clear_bindings(stmt);
    if (!take_back(s, stmt)) {
        (void)sqlite3_finalize(stmt);
    }
}

int ee_statement_run(struct ee_statements *s, sqlite3_stmt *stmt,
                     const char *doing, struct ee_error *err)
{
    const int rc = ee_sql_run(s->db, stmt, doing, err);

    ee_statement_put(s, stmt);
    return rc;
}

void ee_statements_renew(struct ee_statements *s)
{
    for (int i = 0; i < EE_STATEMENTS_MAX; i++) {
        if (s->slots[i].lent) {
            s->slots[i].stale = true;
        } else {
            (void)sqlite3_finalize(s->slots[i].stmt);
            s->slots[i].stmt = NULL;
        }
    }
}

void ee_statements_keep(struct ee_statements *s)
{
    s->kept = true;
}

void ee_statements_drop(struct ee_statements *s)
{
    s->kept = false;
    ee_statements_renew(s);
}
