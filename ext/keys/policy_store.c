/* SPDX-License-Identifier: MIT
 *
 * policy_store.c: the table envelope_key_policy.
 */
#include "keys/store.h"
#include "policy_sql.h"

#include <string.h>

static const char reading[] = "read the policies of keys";
static const char writing[] = "write the policies of keys";

int ee_store_has_policies(struct ee_statements *s, const char *schema,
                          bool *yes, struct ee_error *err)
{
    static const char sql[] =
        "SELECT count(*) = 2 FROM \"%w\".sqlite_schema WHERE type = 'table'"
        " AND rootpage > 0 AND name IN"
        " ('envelope_key_policy', 'envelope_key_seals')";

    return ee_store_ask(s, sql, schema, yes, err);
}

static bool read_uint(sqlite3_stmt *stmt, int column, uint64_t max,
                      uint64_t *out)
{
    const sqlite3_int64 v = sqlite3_column_int64(stmt, column);

    *out = (uint64_t)v;
    return sqlite3_column_type(stmt, column) == SQLITE_INTEGER && v >= 0 &&
           *out <= max;
}

static int read_row(sqlite3_stmt *stmt, struct ee_key_policy *out,
                    struct ee_error *err)
{
    uint64_t version = 0;

    if (!read_uint(stmt, 0, INT64_MAX, &out->rotate_after) ||
        !read_uint(stmt, 1, UINT32_MAX, &version) ||
        !read_uint(stmt, 2, EE_ROTATE_SEALS_MAX, &out->rotate_seals)) {
        return ee_fail(err, EE_TAMPERED,
                       "the table envelope_key_policy was altered: a row has a "
                       "wrong type");
    }
    out->min_version = (uint32_t)version;
    return EE_OK;
}

int ee_store_policy(struct ee_statements *s, const char *schema,
                    const char *name, struct ee_key_policy *out,
                    struct ee_error *err)
{
    static const char sql[] = "SELECT rotate_after, min_version, rotate_seals"
                              " FROM \"%w\".envelope_key_policy"
                              " WHERE name = ?1";
    sqlite3_stmt *stmt = NULL;
    bool yes = false;
    int rc = ee_store_has_policies(s, schema, &yes, err);

    memset(out, 0, sizeof *out);
    if (rc == EE_OK && yes) {
        rc = ee_statement_get(s, &stmt, sql, schema, reading, err);
    }
    if (rc != EE_OK || !yes) {
        return rc;
    }
    (void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        rc = read_row(stmt, out, err);
    } else {
        rc = rc == SQLITE_DONE ? EE_OK : ee_sql_fail(s->db, rc, reading, err);
    }
    ee_statement_put(s, stmt);
    return rc;
}

int ee_store_put_policy(struct ee_statements *s, const char *schema,
                        const char *name, const struct ee_key_policy *policy,
                        struct ee_error *err)
{
    static const char sql[] =
        "INSERT INTO \"%w\".envelope_key_policy(name, rotate_after,"
        " min_version, rotate_seals) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(name)"
        " DO UPDATE SET rotate_after = ?2, min_version = ?3, rotate_seals = ?4";
    sqlite3_stmt *stmt = NULL;
    bool yes = false;
    int rc = ee_store_has_policies(s, schema, &yes, err);

    if (rc == EE_OK && !yes) {
        rc = ee_store_run_script(s->db, schema, ee_policy_sql,
                                 "create the table of policies", err);
    }
    if (rc == EE_OK) {
        rc = ee_statement_get(s, &stmt, sql, schema, writing, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    (void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 2, (sqlite3_int64)policy->rotate_after);
    (void)sqlite3_bind_int64(stmt, 3, policy->min_version);
    (void)sqlite3_bind_int64(stmt, 4, (sqlite3_int64)policy->rotate_seals);
    return ee_statement_run(s, stmt, writing, err);
}
