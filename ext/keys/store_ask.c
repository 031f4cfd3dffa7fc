/* SPDX-License-Identifier: MIT
 *
 * store_ask.c: questions about the key tables that have yes or no for an
 * answer: are they there, and are they ours alone?
 */
#include "keys/store.h"

static const char doing[] = "read the key tables";

static const char exists[] =
    "SELECT count(*) = 3 FROM \"%w\".sqlite_schema WHERE type = 'table'"
    " AND rootpage > 0 AND name IN"
    " ('envelope_key', 'envelope_key_wrap', 'envelope_key_manifest')";
/* Triggers on the key tables, and indexes on them that we have not made: one
 * that lacks rows hides them from a DELETE. A type that an authorizer ignores
 * is NULL, and counts. */
static const char foreign[] =
    "SELECT count(*) > count(CASE WHEN type IN ('table', 'view')"
    " OR type = 'index' AND (sql IS NULL OR name = 'envelope_subject_key_id')"
    " OR lower(tbl_name) NOT IN ('envelope_key', 'envelope_key_wrap',"
    " 'envelope_key_manifest', 'envelope_key_policy', 'envelope_key_seals',"
    " 'envelope_seal_only', 'envelope_subject') THEN 1 END) FROM"
    " (SELECT type, name, tbl_name, sql FROM \"%w\".sqlite_schema UNION ALL"
    " SELECT type, name, tbl_name, sql FROM temp.sqlite_schema)";
static const char has_wrap[] =
    "SELECT count(*) > count(CASE WHEN key_id <> ?1 THEN 1 END)"
    " FROM \"%w\".envelope_key_wrap";

/* Puts stmt back. */
static int read_answer(struct ee_statements *s, sqlite3_stmt *stmt, bool *yes,
                       struct ee_error *err)
{
    int rc = sqlite3_step(stmt);

    *yes = rc == SQLITE_ROW && sqlite3_column_int(stmt, 0) == 1;
    rc = rc == SQLITE_ROW ? EE_OK : ee_sql_fail(s->db, rc, doing, err);
    ee_statement_put(s, stmt);
    return rc;
}

int ee_store_ask(struct ee_statements *s, const char *format,
                 const char *schema, bool *yes, struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, format, schema, doing, err);

    *yes = false;
    return rc == EE_OK ? read_answer(s, stmt, yes, err) : rc;
}

/* Real tables only: a view or a virtual table of that name is nothing we
 * made, and would run somebody else's code. */
int ee_store_exists(struct ee_statements *s, const char *schema, bool *yes,
                    struct ee_error *err)
{
    return ee_store_ask(s, exists, schema, yes, err);
}

int ee_store_is_partial(struct ee_statements *s, const char *schema, bool *yes,
                        struct ee_error *err)
{
    static const char sql[] =
        "SELECT count(*) IN (1, 2) FROM \"%w\".sqlite_schema WHERE type ="
        " 'table' AND rootpage > 0 AND name IN"
        " ('envelope_key', 'envelope_key_wrap', 'envelope_key_manifest')";

    return ee_store_ask(s, sql, schema, yes, err);
}

int ee_store_has_foreign(struct ee_statements *s, const char *schema, bool *yes,
                         struct ee_error *err)
{
    return ee_store_ask(s, foreign, schema, yes, err);
}
int ee_store_has_wrap(struct ee_statements *s, const char *schema,
                      const uint8_t *key_id, bool *yes, struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, has_wrap, schema, doing, err);

    *yes = true;
    if (rc == EE_OK) {
        (void)sqlite3_bind_blob(stmt, 1, key_id, EE_KEY_ID_BYTES,
                                SQLITE_STATIC);
        rc = read_answer(s, stmt, yes, err);
    }
    return rc;
}
