/* SPDX-License-Identifier: MIT
 *
 * seal_only_store.c: the table envelope_seal_only.
 */
#include "keys/seal_only_store.h"
#include "base/secret.h"
#include "seal_only_sql.h"

#include <string.h>

static const char reading[] = "read the seal-only versions";
static const char writing[] = "write the seal-only versions";

#define COLUMNS                                                                \
    "key_id, name, suite, created, fingerprint, tag1, state, cmk, wrapped"

int ee_seal_only_exists(struct ee_statements *s, const char *schema, bool *yes,
                        struct ee_error *err)
{
    static const char sql[] =
        "SELECT count(*) = 1 FROM \"%w\".sqlite_schema WHERE type = 'table'"
        " AND rootpage > 0 AND name = 'envelope_seal_only'";

    return ee_store_ask(s, sql, schema, yes, err);
}

int ee_seal_only_create_table(sqlite3 *db, const char *schema,
                              struct ee_error *err)
{
    return ee_store_run_script(db, schema, ee_seal_only_sql,
                               "create the table of seal-only versions", err);
}

static int altered(struct ee_error *err)
{
    return ee_fail(
        err, EE_TAMPERED,
        "the table envelope_seal_only was altered: a row has a wrong "
        "type or length");
}

static bool read_uint(sqlite3_stmt *stmt, int column, uint64_t max,
                      uint64_t *out)
{
    const sqlite3_int64 v = sqlite3_column_int64(stmt, column);

    *out = (uint64_t)v;
    return sqlite3_column_type(stmt, column) == SQLITE_INTEGER && v >= 0 &&
           *out <= max;
}

/* FORMAT R41 */
static bool read_record(sqlite3_stmt *stmt, struct ee_key_record *r)
{
    const bool is_text = sqlite3_column_type(stmt, 1) == SQLITE_TEXT;
    const char *name = (const char *)sqlite3_column_text(stmt, 1);
    const size_t n = (size_t)sqlite3_column_bytes(stmt, 1);
    struct ee_error ignored;
    uint8_t key_id[EE_KEY_ID_BYTES];
    uint64_t suite = 0;

    memset(r, 0, sizeof *r);
    if (!is_text || name == NULL ||
        ee_key_name_check(name, n, &ignored) != EE_OK ||
        !read_uint(stmt, 2, UINT8_MAX, &suite) ||
        !read_uint(stmt, 3, INT64_MAX, &r->created)) {
        return false;
    }
    memcpy(r->name, name, n);
    r->suite = (uint8_t)suite;
    r->state = ee_state_by_name((const char *)sqlite3_column_text(stmt, 6));
    r->origin = EE_ORIGIN_SEAL_ONLY;
    return r->state != 0 && r->state != EE_STATE_DESTROYED &&
           ee_sql_blob_is(stmt, 0, key_id, sizeof key_id) &&
           ee_sql_blob_is(stmt, 4, r->fingerprint, sizeof r->fingerprint) &&
           ee_sql_blob_is(stmt, 5, r->tag1, sizeof r->tag1) &&
           ee_equal(key_id, r->fingerprint, sizeof key_id); /* FORMAT R10 */
}

static int read_wrap(sqlite3_stmt *stmt, int column, struct ee_wrap **out,
                     struct ee_error *err)
{
    const char *cmk = (const char *)sqlite3_column_text(stmt, column);
    const void *p = sqlite3_column_blob(stmt, column + 1);
    const size_t n = (size_t)sqlite3_column_bytes(stmt, column + 1);

    if (cmk == NULL || p == NULL) {
        return altered(err);
    }
    *out = ee_wrap_new(cmk, ee_bytes(p, n));
    return *out != NULL ? EE_OK : ee_fail(err, EE_NOMEM, "out of memory");
}

int ee_seal_only_by_id(struct ee_statements *s, const char *schema,
                       const uint8_t *key_id, struct ee_key_record *out,
                       struct ee_wrap **wrap, struct ee_error *err)
{
    static const char sql[] =
        "SELECT " COLUMNS " FROM \"%w\".envelope_seal_only WHERE key_id = ?1";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, reading, err);

    if (rc != EE_OK) {
        return rc;
    }
    (void)sqlite3_bind_blob(stmt, 1, key_id, EE_KEY_ID_BYTES, SQLITE_STATIC);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        rc = read_record(stmt, out) ? EE_OK : altered(err);
    } else {
        rc = rc == SQLITE_DONE ? EE_KEY_UNKNOWN
                               : ee_sql_fail(s->db, rc, reading, err);
    }
    if (rc == EE_OK && wrap != NULL) {
        rc = read_wrap(stmt, 7, wrap, err);
    }
    ee_statement_put(s, stmt);
    return rc;
}

static void bind_text(sqlite3_stmt *stmt, int i, const char *text)
{
    (void)sqlite3_bind_text(stmt, i, text, -1, SQLITE_STATIC);
}

static void bind_blob(sqlite3_stmt *stmt, int i, const void *p, size_t n)
{
    (void)sqlite3_bind_blob64(stmt, i, p, n, SQLITE_STATIC);
}

int ee_seal_only_insert(struct ee_statements *s, const char *schema,
                        const struct ee_key_record *r, const char *cmk,
                        struct ee_bytes wrapped, struct ee_error *err)
{
    static const char sql[] = "INSERT INTO \"%w\".envelope_seal_only(" COLUMNS
                              ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, writing, err);

    if (rc != EE_OK) {
        return rc;
    }
    bind_blob(stmt, 1, r->fingerprint, EE_KEY_ID_BYTES);
    bind_text(stmt, 2, r->name);
    (void)sqlite3_bind_int64(stmt, 3, r->suite);
    (void)sqlite3_bind_int64(stmt, 4, (sqlite3_int64)r->created);
    bind_blob(stmt, 5, r->fingerprint, sizeof r->fingerprint);
    bind_blob(stmt, 6, r->tag1, sizeof r->tag1);
    bind_text(stmt, 7, ee_state_name(r->state));
    bind_text(stmt, 8, cmk);
    bind_blob(stmt, 9, wrapped.p, wrapped.n);
    return ee_statement_run(s, stmt, writing, err);
}

int ee_seal_only_lock(struct ee_statements *s, const char *schema,
                      struct ee_error *err)
{
    static const char sql[] = "DELETE FROM \"%w\".envelope_seal_only WHERE 0";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, writing, err);

    return rc == EE_OK ? ee_statement_run(s, stmt, writing, err) : rc;
}

int ee_seal_only_update(struct ee_statements *s, const char *schema,
                        const uint8_t *key_id, uint8_t state,
                        struct ee_error *err)
{
    static const char sql[] =
        "UPDATE \"%w\".envelope_seal_only SET state = ?2 WHERE key_id = ?1";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, writing, err);

    if (rc != EE_OK) {
        return rc;
    }
    bind_blob(stmt, 1, key_id, EE_KEY_ID_BYTES);
    bind_text(stmt, 2, ee_state_name(state));
    return ee_statement_run(s, stmt, writing, err);
}

/* What is not bound is NULL, and equals nothing. Whoever wrote the file may
 * have given a name another type. */
#define WHICH                                                                  \
    "\"%w\".envelope_seal_only WHERE key_id = ?1 OR CAST(name AS TEXT) = ?2"

static void bind_which(sqlite3_stmt *stmt,
                       const struct ee_seal_only_which *which)
{
    (void)sqlite3_clear_bindings(stmt);
    if (which->key_id != NULL) {
        bind_blob(stmt, 1, which->key_id, EE_KEY_ID_BYTES);
    } else {
        bind_text(stmt, 2, which->name);
    }
}

int ee_seal_only_wraps(struct ee_statements *s, const char *schema,
                       const struct ee_seal_only_which *which,
                       struct ee_wrap **list, struct ee_error *err)
{
    static const char sql[] = "SELECT cmk, wrapped FROM " WHICH;
    sqlite3_stmt *stmt = NULL;
    struct ee_wrap *one = NULL;
    int step = SQLITE_DONE;
    int rc = ee_statement_get(s, &stmt, sql, schema, reading, err);

    if (rc != EE_OK) {
        return rc;
    }
    bind_which(stmt, which);
    while (rc == EE_OK && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
        rc = read_wrap(stmt, 0, &one, err);
        if (rc == EE_OK && one != NULL) {
            one->next = *list;
            *list = one;
        }
    }
    if (rc == EE_OK && step != SQLITE_DONE) {
        rc = ee_sql_fail(s->db, step, reading, err);
    }
    ee_statement_put(s, stmt);
    return rc;
}

/* A column that an authorizer ignores is NULL. */
int ee_seal_only_has(struct ee_statements *s, const char *schema,
                     const struct ee_seal_only_which *which, bool *yes,
                     struct ee_error *err)
{
    static const char sql[] =
        "SELECT count(*) > count(CASE WHEN key_id <> ?1 OR CAST(name AS TEXT)"
        " <> ?2 THEN 1 END) FROM \"%w\".envelope_seal_only";
    sqlite3_stmt *stmt = NULL;
    int step = SQLITE_DONE;
    int rc = ee_statement_get(s, &stmt, sql, schema, reading, err);

    *yes = true;
    if (rc != EE_OK) {
        return rc;
    }
    bind_which(stmt, which);
    step = sqlite3_step(stmt);
    *yes = step != SQLITE_ROW || sqlite3_column_int(stmt, 0) != 0;
    rc = step == SQLITE_ROW ? EE_OK : ee_sql_fail(s->db, step, reading, err);
    ee_statement_put(s, stmt);
    return rc;
}

int ee_seal_only_delete(struct ee_statements *s, const char *schema,
                        const struct ee_seal_only_which *which,
                        struct ee_error *err)
{
    static const char sql[] = "DELETE FROM " WHICH;
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, writing, err);

    if (rc != EE_OK) {
        return rc;
    }
    bind_which(stmt, which);
    return ee_statement_run(s, stmt, writing, err);
}
