/* SPDX-License-Identifier: MIT
 *
 * vtab_audit.c: the table-valued function envelope_audit_verify(path, head).
 *
 * A row for each problem, in the order of the file, and a last one with the
 * head. Shows numbers and hashes, and nothing of the file itself, which may be
 * any file; a planted view or trigger cannot use it.
 */
#include "base/text.h"
#include "keys/audit_verify.h"
#include "keys/session.h"
#include "sqlite/call.h"
#include "sqlite/functions.h"
#include "sqlite/table.h"

#include <string.h>

enum { LINE, SEQ, PROBLEM, DETAIL, HEAD, PATH, KEPT };

static const char declaration[] =
    "CREATE TABLE envelope_audit_verify("
    "line INTEGER,"  /* in the file; in the last row, how many there are */
    " seq INTEGER,"  /* number of that line */
    " problem TEXT," /* keys/audit_chain.h; NULL in the last row */
    " detail TEXT,"
    " head TEXT,"         /* hash of the last line, in the last row */
    " path TEXT HIDDEN,"  /* of the log; else the one in use */
    " kept TEXT HIDDEN)"; /* a head that must be found */

struct audit_cursor {
    sqlite3_vtab_cursor base; /* first */
    struct ee_audit_verify *verify;
    struct ee_audit_finding row;
    bool eof;
    sqlite3_int64 rowid;
};

static int connect_table(sqlite3 *db, void *aux, int argc,
                         const char *const *argv, sqlite3_vtab **out,
                         char **message)
{
    (void)argc;
    (void)argv;
    (void)message;
    return ee_table_connect(db, aux, declaration, sizeof(struct ee_table), out);
}

/* idxNum has bit 0 for a path and bit 1 for a head; arguments in that order.
 * SQLITE_CONSTRAINT: an argument comes from a table that is not read yet. */
static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    int at[2] = {-1, -1};
    int count = 0;

    (void)base;
    for (int i = 0; i < info->nConstraint; i++) {
        const int column = info->aConstraint[i].iColumn;

        if ((column != PATH && column != KEPT) ||
            info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) {
            continue;
        }
        if (!info->aConstraint[i].usable) {
            return SQLITE_CONSTRAINT;
        }
        at[column - PATH] = i;
    }
    for (int i = 0; i < 2; i++) {
        if (at[i] >= 0) {
            info->idxNum |= 1 << i;
            info->aConstraintUsage[at[i]].argvIndex = ++count;
            info->aConstraintUsage[at[i]].omit = 1;
        }
    }
    info->estimatedCost = 1000000;
    info->estimatedRows = 10;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    (void)base;
    return ee_table_open(sizeof(struct audit_cursor), out);
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    struct audit_cursor *cursor = (struct audit_cursor *)base;

    ee_audit_verify_close(cursor->verify);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int fail(sqlite3_vtab_cursor *base, const struct ee_error *err)
{
    return ee_table_fail(base->pVtab, "envelope_audit_verify", err);
}

static int next_row(sqlite3_vtab_cursor *base)
{
    struct audit_cursor *cursor = (struct audit_cursor *)base;
    enum ee_audit_step step = EE_AUDIT_AGAIN;
    struct ee_error err = {0};
    int rc = EE_OK;

    while (rc == EE_OK && step == EE_AUDIT_AGAIN) {
        if (ee_session_interrupted(&ee_table_conn(base->pVtab)->keys)) {
            return SQLITE_INTERRUPT;
        }
        rc = ee_audit_verify_next(cursor->verify, &step, &cursor->row, &err);
    }
    cursor->eof = step == EE_AUDIT_DONE;
    cursor->rowid++;
    return rc == EE_OK ? SQLITE_OK : fail(base, &err);
}

/* The log that is asked for, else the one in use. */
static int get_path(const struct ee_conn *conn, sqlite3_value *arg,
                    const char **out, struct ee_error *err)
{
    struct ee_bytes text = {NULL, 0};
    int rc = EE_OK;

    *out = ee_audit_path(&conn->keys.audit);
    if (arg != NULL) {
        rc = ee_call_text(arg, "the path of the audit log", &text, err);
        *out = (const char *)text.p;
    } else if (strcmp(*out, "off") == 0) {
        rc = ee_fail(err, EE_MISUSE,
                     "no audit log is in use; say which one: SELECT * FROM "
                     "envelope_audit_verify('PATH')");
    }
    return rc;
}

static int get_head(sqlite3_value *arg, uint8_t *head, struct ee_error *err)
{
    struct ee_bytes text = {NULL, 0};
    int rc = ee_call_text(arg, "the head", &text, err);

    if (rc == EE_OK &&
        !ee_unhex(head, EE_HASH_BYTES, (const char *)text.p, text.n)) {
        rc = ee_fail(err, EE_MISUSE, "a head is 64 hex digits");
    }
    return rc;
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *name,
                  int argc, sqlite3_value **argv)
{
    struct audit_cursor *cursor = (struct audit_cursor *)base;
    const bool has_path = (number & 1) != 0;
    const bool has_head = (number & 2) != 0;
    uint8_t head[EE_HASH_BYTES];
    const char *path = NULL;
    struct ee_error err = {0};
    int rc = EE_OK;

    (void)name;
    ee_audit_verify_close(cursor->verify);
    cursor->verify = NULL;
    cursor->rowid = 0;
    rc = get_path(ee_table_conn(base->pVtab), has_path ? argv[0] : NULL, &path,
                  &err);
    if (rc == EE_OK && has_head) {
        rc = get_head(argv[argc - 1], head, &err);
    }
    if (rc == EE_OK) {
        rc = ee_audit_verify_open(&cursor->verify, path, has_head ? head : NULL,
                                  &err);
    }
    return rc == EE_OK ? next_row(base) : fail(base, &err);
}

static int eof(sqlite3_vtab_cursor *base)
{
    return ((struct audit_cursor *)base)->eof;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int i)
{
    const struct ee_audit_finding *row = &((struct audit_cursor *)base)->row;
    char hex[2 * EE_HASH_BYTES + 1];

    if (i == LINE) {
        sqlite3_result_int64(ctx, (sqlite3_int64)row->line);
    } else if (i == SEQ && row->seq > 0) {
        sqlite3_result_int64(ctx, (sqlite3_int64)row->seq);
    } else if (i == PROBLEM) {
        sqlite3_result_text(ctx, row->problem, -1, SQLITE_STATIC);
    } else if (i == DETAIL) {
        sqlite3_result_text(ctx, row->detail, -1, SQLITE_TRANSIENT);
    } else if (i == HEAD && row->summary && row->seq > 0) {
        ee_hex(hex, ee_bytes(row->head, sizeof row->head));
        sqlite3_result_text(ctx, hex, -1, SQLITE_TRANSIENT);
    }
    return SQLITE_OK; /* what was not set is NULL */
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = ((struct audit_cursor *)base)->rowid;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xConnect = connect_table,
    .xBestIndex = best_index,
    .xDisconnect = ee_table_disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next_row,
    .xEof = eof,
    .xColumn = column,
    .xRowid = rowid,
};

int ee_register_audit_table(struct ee_conn *conn)
{
    return ee_table_register(conn, "envelope_audit_verify", &module);
}
