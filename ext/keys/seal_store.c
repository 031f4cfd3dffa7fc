/* SPDX-License-Identifier: MIT
 *
 * seal_store.c: the table envelope_key_seals.
 */
#include "keys/store.h"

static const char doing[] = "count a seal";

static void bind_key_id(sqlite3_stmt *stmt, const uint8_t *key_id)
{
    (void)sqlite3_bind_blob(stmt, 1, key_id, EE_KEY_ID_BYTES, SQLITE_STATIC);
}

static void bind_count(sqlite3_stmt *stmt, const struct ee_seal_count *c)
{
    (void)sqlite3_bind_int64(stmt, 2, (sqlite3_int64)c->reserved);
    (void)sqlite3_bind_blob(stmt, 3, c->nonce, sizeof c->nonce, SQLITE_STATIC);
    (void)sqlite3_bind_blob(stmt, 4, c->tag, sizeof c->tag, SQLITE_STATIC);
}

static int read_row(sqlite3_stmt *stmt, struct ee_seal_count *out,
                    struct ee_error *err)
{
    const sqlite3_int64 v = sqlite3_column_int64(stmt, 0);

    out->reserved = (uint64_t)v;
    if (sqlite3_column_type(stmt, 0) != SQLITE_INTEGER || v < 0 ||
        !ee_sql_blob_is(stmt, 1, out->nonce, sizeof out->nonce) ||
        !ee_sql_blob_is(stmt, 2, out->tag, sizeof out->tag)) {
        return ee_fail(err, EE_TAMPERED,
                       "the table envelope_key_seals was altered: a row has a "
                       "wrong type or length");
    }
    return EE_OK;
}

int ee_store_seals(struct ee_statements *s, const char *schema,
                   const uint8_t *key_id, struct ee_seal_count *out,
                   struct ee_error *err)
{
    static const char sql[] = "SELECT reserved, nonce, tag FROM"
                              " \"%w\".envelope_key_seals WHERE key_id = ?1";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, doing, err);

    if (rc != EE_OK) {
        return rc;
    }
    bind_key_id(stmt, key_id);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        rc = read_row(stmt, out, err);
    } else {
        rc = rc == SQLITE_DONE ? EE_KEY_UNKNOWN
                               : ee_sql_fail(s->db, rc, doing, err);
    }
    ee_statement_put(s, stmt);
    return rc;
}

int ee_store_put_seals(struct ee_statements *s, const char *schema,
                       const uint8_t *key_id, const struct ee_seal_count *c,
                       struct ee_error *err)
{
    static const char sql[] =
        "INSERT INTO \"%w\".envelope_key_seals(key_id, reserved, nonce, tag)"
        " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(key_id) DO UPDATE SET"
        " reserved = ?2, nonce = ?3, tag = ?4";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, doing, err);

    if (rc != EE_OK) {
        return rc;
    }
    bind_key_id(stmt, key_id);
    bind_count(stmt, c);
    return ee_statement_run(s, stmt, doing, err);
}

int ee_store_change_seals(struct ee_statements *s, const char *schema,
                          const uint8_t *key_id, const struct ee_seal_count *c,
                          const uint8_t *tag, struct ee_error *err)
{
    static const char sql[] = "UPDATE \"%w\".envelope_key_seals SET"
                              " reserved = ?2, nonce = ?3, tag = ?4"
                              " WHERE key_id = ?1 AND tag = ?5";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, doing, err);

    if (rc != EE_OK) {
        return rc;
    }
    bind_key_id(stmt, key_id);
    bind_count(stmt, c);
    (void)sqlite3_bind_blob(stmt, 5, tag, EE_MAC_BYTES, SQLITE_STATIC);
    return ee_statement_run(s, stmt, doing, err);
}

int ee_store_drop_seals(struct ee_statements *s, const char *schema,
                        const uint8_t *key_id, struct ee_error *err)
{
    static const char sql[] =
        "DELETE FROM \"%w\".envelope_key_seals WHERE key_id = ?1";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, doing, err);

    if (rc != EE_OK) {
        return rc;
    }
    bind_key_id(stmt, key_id);
    return ee_statement_run(s, stmt, doing, err);
}
