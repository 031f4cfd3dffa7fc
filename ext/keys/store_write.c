/* SPDX-License-Identifier: MIT
 *
 * store_write.c: writes the key tables. Runs inside the caller's savepoint.
 */
#include "keys/store.h"

#include "schema_sql.h"

#include <string.h>

static const char doing[] = "write the key tables";

/* The script with every `main.` replaced by the quoted schema. */
static char *script_for(sqlite3 *db, const char *schema, const char *script)
{
    static const char here[] = "main.";
    sqlite3_str *out = sqlite3_str_new(db);
    const char *p = script;
    const char *hit = NULL;

    while ((hit = strstr(p, here)) != NULL) {
        sqlite3_str_append(out, p, (int)(hit - p));
        sqlite3_str_appendf(out, "\"%w\".", schema);
        p = hit + sizeof here - 1;
    }
    sqlite3_str_appendall(out, p);
    return sqlite3_str_finish(out);
}

int ee_store_run_script(sqlite3 *db, const char *schema, const char *script,
                        const char *doing_what, struct ee_error *err)
{
    char *sql = script_for(db, schema, script);
    int rc = EE_OK;

    if (sql == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    rc = ee_sql_exec(db, sql, doing_what, err);
    sqlite3_free(sql);
    return rc;
}

int ee_store_create_tables(sqlite3 *db, const char *schema,
                           struct ee_error *err)
{
    return ee_store_run_script(db, schema, ee_schema_sql,
                               "create the key tables", err);
}

/* An empty one, not NULL, where n is 0. */
static void bind_blob(sqlite3_stmt *stmt, int i, const uint8_t *p, size_t n)
{
    (void)sqlite3_bind_blob64(stmt, i, n > 0 ? p : (const uint8_t *)"", n,
                              SQLITE_STATIC);
}

static void bind_text(sqlite3_stmt *stmt, int i, const char *text)
{
    (void)sqlite3_bind_text(stmt, i, text, -1, SQLITE_STATIC);
}

static void bind_uint(sqlite3_stmt *stmt, int i, uint64_t v)
{
    (void)sqlite3_bind_int64(stmt, i, (sqlite3_int64)v);
}

int ee_store_lock(struct ee_statements *s, const char *schema,
                  struct ee_error *err)
{
    static const char sql[] = "DELETE FROM \"%w\".envelope_key WHERE 0";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, doing, err);

    return rc == EE_OK ? ee_statement_run(s, stmt, doing, err) : rc;
}

int ee_store_insert(struct ee_statements *s, const char *schema,
                    const struct ee_key_record *r, struct ee_error *err)
{
    static const char sql[] =
        "INSERT INTO \"%w\".envelope_key(key_id, name, version, suite, state,"
        " origin, created, generation, fingerprint, tag1, tag2)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, doing, err);

    if (rc != EE_OK) {
        return rc;
    }
    bind_blob(stmt, 1, r->fingerprint, EE_KEY_ID_BYTES);
    bind_text(stmt, 2, r->name);
    bind_uint(stmt, 3, r->version);
    bind_uint(stmt, 4, r->suite);
    bind_text(stmt, 5, ee_state_name(r->state));
    bind_text(stmt, 6, ee_origin_name(r->origin));
    bind_uint(stmt, 7, r->created);
    bind_uint(stmt, 8, r->generation);
    bind_blob(stmt, 9, r->fingerprint, sizeof r->fingerprint);
    bind_blob(stmt, 10, r->tag1, sizeof r->tag1);
    bind_blob(stmt, 11, r->tag2, sizeof r->tag2);
    return ee_statement_run(s, stmt, doing, err);
}

int ee_store_insert_wrap(struct ee_statements *s, const char *schema,
                         const uint8_t *key_id, int position, const char *cmk,
                         struct ee_bytes wrapped, struct ee_error *err)
{
    static const char sql[] =
        "INSERT INTO \"%w\".envelope_key_wrap(key_id, position, cmk, wrapped)"
        " VALUES(?1, ?2, ?3, ?4)";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, doing, err);

    if (rc != EE_OK) {
        return rc;
    }
    bind_blob(stmt, 1, key_id, EE_KEY_ID_BYTES);
    (void)sqlite3_bind_int(stmt, 2, position);
    bind_text(stmt, 3, cmk);
    bind_blob(stmt, 4, wrapped.p, wrapped.n);
    return ee_statement_run(s, stmt, doing, err);
}

int ee_store_delete_wraps(struct ee_statements *s, const char *schema,
                          const uint8_t *key_id, struct ee_error *err)
{
    static const char sql[] =
        "DELETE FROM \"%w\".envelope_key_wrap WHERE key_id = ?1";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, doing, err);

    if (rc != EE_OK) {
        return rc;
    }
    bind_blob(stmt, 1, key_id, EE_KEY_ID_BYTES);
    return ee_statement_run(s, stmt, doing, err);
}

int ee_store_update(struct ee_statements *s, const char *schema,
                    const struct ee_key_record *r, struct ee_error *err)
{
    static const char sql[] = "UPDATE \"%w\".envelope_key SET state = ?2,"
                              " generation = ?3, tag2 = ?4 WHERE key_id = ?1";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, doing, err);

    if (rc != EE_OK) {
        return rc;
    }
    bind_blob(stmt, 1, r->fingerprint, EE_KEY_ID_BYTES);
    bind_text(stmt, 2, ee_state_name(r->state));
    bind_uint(stmt, 3, r->generation);
    bind_blob(stmt, 4, r->tag2, sizeof r->tag2);
    return ee_statement_run(s, stmt, doing, err);
}

int ee_store_put_manifest(struct ee_statements *s, const char *schema,
                          const char *name, const struct ee_key_manifest *m,
                          struct ee_error *err)
{
    static const char sql[] =
        /* no REPLACE: it deletes the row, and what a foreign key hangs on it */
        "INSERT INTO \"%w\".envelope_key_manifest(name, generation, current,"
        " tag) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(name) DO UPDATE SET"
        " generation = ?2, current = ?3, tag = ?4";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, doing, err);

    if (rc != EE_OK) {
        return rc;
    }
    bind_text(stmt, 1, name);
    bind_uint(stmt, 2, m->generation);
    bind_uint(stmt, 3, m->current);
    bind_blob(stmt, 4, m->tag, sizeof m->tag);
    return ee_statement_run(s, stmt, doing, err);
}
