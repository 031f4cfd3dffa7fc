/* SPDX-License-Identifier: MIT
 *
 * subject_store.c: the table envelope_subject.
 *
 * The queries by name and by id run once for a row that is sealed or opened:
 * one prepared statement each, and nothing else.
 */
#include "keys/subject_store.h"

#include "db/wipe.h"
#include "keys/store.h"
#include "subjects_sql.h"

#include <string.h>

static const char reading[] = "read the keys of subjects";
static const char writing[] = "write the keys of subjects";

static int altered(struct ee_error *err)
{
    return ee_fail(err, EE_TAMPERED,
                   "the table envelope_subject was altered: a row has a wrong "
                   "type or length");
}

static bool read_name(sqlite3_stmt *stmt, struct ee_subject *out)
{
    const char *name = (const char *)sqlite3_column_text(stmt, 1);
    const size_t n = (size_t)sqlite3_column_bytes(stmt, 1);

    if (name == NULL || n >= sizeof out->name || strlen(name) != n) {
        return false;
    }
    memcpy(out->name, name, n + 1);
    return true;
}

int ee_subjects_exist(struct ee_statements *s, const char *schema, bool *yes,
                      struct ee_error *err)
{
    static const char sql[] =
        "SELECT count(*) = 1 FROM \"%w\".sqlite_schema WHERE type = 'table'"
        " AND rootpage > 0 AND name = 'envelope_subject'";

    return ee_store_ask(s, sql, schema, yes, err);
}

int ee_subjects_create_table(sqlite3 *db, const char *schema,
                             struct ee_error *err)
{
    return ee_store_run_script(db, schema, ee_subjects_sql,
                               "create the table of subjects", err);
}

/* The record, and with_name the name, of the only row of a bound statement,
 * which is put back. */
static int read_one(struct ee_statements *s, sqlite3_stmt *stmt,
                    struct ee_subject *out, bool with_name,
                    struct ee_error *err)
{
    int rc = sqlite3_step(stmt);

    if (rc == SQLITE_ROW) {
        rc = ee_sql_blob_is(stmt, 0, out->record, sizeof out->record) &&
                     (!with_name || read_name(stmt, out))
                 ? EE_OK
                 : altered(err);
    } else {
        rc = rc == SQLITE_DONE ? EE_KEY_UNKNOWN
                               : ee_sql_fail(s->db, rc, reading, err);
    }
    ee_statement_put(s, stmt);
    return rc;
}

/* The name is taken as asked for: the record authenticates it. */
int ee_subjects_by_name(struct ee_statements *s, const char *schema,
                        const char *name, size_t n, struct ee_subject *out,
                        struct ee_error *err)
{
    static const char sql[] =
        "SELECT record FROM \"%w\".envelope_subject WHERE name = ?1";
    sqlite3_stmt *stmt = NULL;
    int rc = EE_OK;

    if (n >= sizeof out->name) {
        return EE_KEY_UNKNOWN;
    }
    rc = ee_statement_get(s, &stmt, sql, schema, reading, err);
    if (rc != EE_OK) {
        return rc;
    }
    memcpy(out->name, name, n);
    out->name[n] = '\0';
    (void)sqlite3_bind_text(stmt, 1, name, (int)n, SQLITE_STATIC);
    return read_one(s, stmt, out, false, err);
}

int ee_subjects_by_id(struct ee_statements *s, const char *schema,
                      const uint8_t *key_id, struct ee_subject *out,
                      struct ee_error *err)
{
    static const char sql[] = "SELECT record, name FROM \"%w\".envelope_subject"
                              " WHERE substr(record, 1, 8) = ?1";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, reading, err);

    if (rc != EE_OK) {
        return rc;
    }
    (void)sqlite3_bind_blob(stmt, 1, key_id, EE_KEY_ID_BYTES, SQLITE_STATIC);
    rc = read_one(s, stmt, out, true, err);
    if (rc == EE_OK &&
        memcmp(ee_subject_id(out), key_id, EE_KEY_ID_BYTES) != 0) {
        /* lint: memcmp on public bytes */
        rc = altered(err);
    }
    return rc;
}

/* The integer that a query with one blob gives. */
static int ask_number(struct ee_statements *s, const char *sql,
                      const char *schema, const uint8_t *id, int64_t *out,
                      struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, reading, err);

    *out = 0;
    if (rc != EE_OK) {
        return rc;
    }
    if (id != NULL) {
        (void)sqlite3_bind_blob(stmt, 1, id, EE_KEY_ID_BYTES, SQLITE_STATIC);
    }
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *out = sqlite3_column_int64(stmt, 0);
        rc = EE_OK;
    } else {
        rc = ee_sql_fail(s->db, rc, reading, err);
    }
    ee_statement_put(s, stmt);
    return rc;
}

int ee_subjects_id_taken(struct ee_statements *s, const char *schema,
                         const uint8_t *key_id, bool *yes, struct ee_error *err)
{
    static const char sql[] =
        "SELECT EXISTS(SELECT 1 FROM \"%w\".envelope_subject"
        " WHERE substr(record, 1, 8) = ?1)"
        " OR EXISTS(SELECT 1 FROM \"%w\".envelope_key WHERE key_id = ?1)";
    int64_t taken = 0;
    int rc = ask_number(s, sql, schema, key_id, &taken, err);

    *yes = taken != 0;
    return rc;
}

int ee_subjects_under(struct ee_statements *s, const char *schema,
                      const uint8_t *parent, int64_t *count,
                      struct ee_error *err)
{
    static const char sql[] =
        "SELECT count(*) FROM \"%w\".envelope_subject"
        " WHERE substr(record, 18, 8) = ?1 AND substr(record, 9, 1) <> x'04'";

    return ask_number(s, sql, schema, parent, count, err);
}

/* When the first page of a table is full SQLite moves its rows to another one,
 * and clears what they leave only when told to. Later ones are appended to, and
 * rows stay where they are. */
#define MOVED_ROWS 2048 /* more than a page of 64 KiB holds */

static int insert(struct ee_statements *s, const char *schema,
                  const struct ee_subject *subject, struct ee_error *err)
{
    static const char sql[] = "INSERT INTO \"%w\".envelope_subject(name,"
                              " record) VALUES(?1, ?2)";
    const sqlite3_int64 last = sqlite3_last_insert_rowid(s->db);
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, writing, err);

    if (rc != EE_OK) {
        return rc;
    }
    (void)sqlite3_bind_text(stmt, 1, subject->name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(stmt, 2, subject->record, sizeof subject->record,
                            SQLITE_STATIC);
    rc = ee_sql_run(s->db, stmt, writing, err);
    sqlite3_set_last_insert_rowid(s->db, last);
    ee_statement_put(s, stmt);
    return rc;
}

int ee_subjects_insert(struct ee_statements *s, const char *schema,
                       const struct ee_subject *subject, struct ee_error *err)
{
    static const char sql[] =
        "SELECT ifnull(max(id), 0) FROM \"%w\".envelope_subject";
    int64_t rows = 0;
    int was = 0;
    int rc = ask_number(s, sql, schema, NULL, &rows, err);

    if (rc != EE_OK || rows >= MOVED_ROWS) {
        return rc == EE_OK ? insert(s, schema, subject, err) : rc;
    }
    rc = ee_secure_delete_on(s->db, schema, &was, err);
    if (rc == EE_OK) {
        rc = insert(s, schema, subject, err);
        ee_secure_delete_restore(s->db, schema, was);
    }
    return rc;
}

int ee_subjects_update(struct ee_statements *s, const char *schema,
                       const struct ee_subject *subject, struct ee_error *err)
{
    static const char sql[] = "UPDATE \"%w\".envelope_subject SET record = ?2"
                              " WHERE name = ?1";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_statement_get(s, &stmt, sql, schema, writing, err);

    if (rc != EE_OK) {
        return rc;
    }
    (void)sqlite3_bind_text(stmt, 1, subject->name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(stmt, 2, subject->record, sizeof subject->record,
                            SQLITE_STATIC);
    return ee_statement_run(s, stmt, writing, err);
}
