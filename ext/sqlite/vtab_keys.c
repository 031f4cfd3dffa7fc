/* SPDX-License-Identifier: MIT
 *
 * vtab_keys.c: the eponymous table envelope_keys, one row a key version, and
 * one a data subject's key. Of those there may be a million, so `name =` and
 * `key_id =` are looked up and not searched for.
 *
 * Its instance also keeps the connection's prepared statements (rule in
 * db/statements.h): SQLite disconnects it first thing when it closes.
 * What it shows is what the key tables say; using a key verifies it.
 */
#include "base/text.h"
#include "base/wire.h"
#include "keys/seal_only_store.h"
#include "keys/subject_store.h"
#include "sqlite/functions.h"
#include "sqlite/table.h"

#include <string.h>
#include <time.h>

enum { NAME_COLUMN = 1, KEY_ID_COLUMN = 6, CREATED_COLUMN = 7 };
enum { COLUMN_COUNT = 13 };

/* idxNum: which arguments xFilter gets, in this order. */
enum { BY_NAME = 1, BY_KEY_ID = 2 };

static const char declaration[] =
    "CREATE TABLE envelope_keys("
    "schema TEXT,"         /* database: main, temp or an attached one's name */
    " name TEXT,"          /* key name */
    " version INTEGER,"    /* 1, 2, … */
    " state TEXT,"         /* active, decrypt-only, disabled, destroyed */
    " current INTEGER,"    /* 1: the version that seals */
    " suite TEXT,"         /* aes-256-gcm or chacha20-poly1305 */
    " key_id TEXT,"        /* 16 hex digits, as envelope_key_id() gives */
    " created TEXT,"       /* UTC */
    " origin TEXT,"        /* local, imported or seal-only */
    " generation INTEGER," /* grows with every change of the name's keys */
    " cmks TEXT,"          /* the URIs of the CMKs that open it, with spaces;
                            * of a subject key:NAME#VERSION, its parent */
    " pending TEXT,"       /* those that have no wrap of it yet, or NULL */
    " due TEXT)";          /* the policy that wants a rotation, or NULL */

static const char rows[] =
    "%sSELECT %Q, k.name, k.version, k.state, k.version = m.current,"
    " CASE k.suite WHEN 1 THEN 'aes-256-gcm' WHEN 2 THEN 'chacha20-poly1305'"
    " END, lower(hex(k.key_id)), datetime(k.created, 'unixepoch'), k.origin,"
    " k.generation, (SELECT group_concat(cmk, ' ') FROM (SELECT cmk FROM"
    " \"%w\".envelope_key_wrap w WHERE w.key_id = k.key_id ORDER BY position)),"
    " (SELECT group_concat(cmk, ' ') FROM (SELECT cmk FROM"
    " \"%w\".envelope_key_wrap w WHERE w.key_id = k.key_id"
    " AND length(wrapped) = 0 ORDER BY position)), ";
static const char rows_from[] =
    " FROM \"%w\".envelope_key k LEFT JOIN \"%w\".envelope_key_manifest m"
    " ON m.name = k.name";

/* The column `due`, where the schema has policies. */
static const char due[] =
    "CASE WHEN k.version = m.current AND k.state = 'active' THEN (SELECT"
    " CASE WHEN p.rotate_after > 0 AND strftime('%%s', 'now') - k.created >="
    " p.rotate_after THEN 'rotate_after' WHEN p.rotate_seals > 0 AND"
    " (SELECT c.reserved FROM \"%w\".envelope_key_seals c WHERE c.key_id ="
    " k.key_id) >= p.rotate_seals THEN 'rotate_seals' END"
    " FROM \"%w\".envelope_key_policy p WHERE p.name = k.name) END";

/* created is the BLOB it is stored as: see result_created() */
static const char subject_rows[] =
    " UNION ALL SELECT %Q, k.name, 1, CASE substr(k.record, 9, 1)"
    " WHEN x'01' THEN 'active' WHEN x'02' THEN 'decrypt-only'"
    " WHEN x'03' THEN 'disabled' WHEN x'04' THEN 'destroyed' END, 1,"
    " CASE p.suite WHEN 1 THEN 'aes-256-gcm' WHEN 2 THEN 'chacha20-poly1305'"
    " END, lower(hex(substr(k.record, 1, 8))), substr(k.record, 10, 8), "
    "'local', NULL,"
    " 'key:' || p.name || '#' || p.version, NULL, NULL"
    " FROM \"%w\".envelope_subject k LEFT JOIN \"%w\".envelope_key p"
    " ON p.key_id = substr(k.record, 18, 8)";

static const char seal_only_rows[] =
    " UNION ALL SELECT %Q, k.name, 0, k.state, 0,"
    " CASE k.suite WHEN 1 THEN 'aes-256-gcm' WHEN 2 THEN 'chacha20-poly1305'"
    " END, lower(hex(k.key_id)), datetime(k.created, 'unixepoch'),"
    " 'seal-only', NULL, k.cmk, NULL, NULL FROM \"%w\".envelope_seal_only k";

struct keys_cursor {
    sqlite3_vtab_cursor base; /* first */
    sqlite3_stmt *stmt;       /* NULL: no rows */
    bool eof;
    sqlite3_int64 rowid;
};

static int connect_table(sqlite3 *db, void *aux, int argc,
                         const char *const *argv, sqlite3_vtab **out,
                         char **message)
{
    const int rc =
        ee_table_connect(db, aux, declaration, sizeof(struct ee_table), out);

    (void)argc;
    (void)argv;
    (void)message;
    if (rc == SQLITE_OK) {
        ee_statements_keep(&ee_table_conn(*out)->keys.statements);
    }
    return rc;
}

static int disconnect_table(sqlite3_vtab *base)
{
    ee_statements_drop(&ee_table_conn(base)->keys.statements);
    return ee_table_disconnect(base);
}

/* The bit of a constraint that can be looked up, or 0. */
static int usable(sqlite3_index_info *info, int i)
{
    const int column = info->aConstraint[i].iColumn;

    if (!info->aConstraint[i].usable ||
        info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ ||
        sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") != 0) {
        return 0;
    }
    return column == NAME_COLUMN     ? BY_NAME
           : column == KEY_ID_COLUMN ? BY_KEY_ID
                                     : 0;
}

/* SQLite checks the rows again: a constraint may find too many. */
static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    static const int bits[] = {BY_NAME, BY_KEY_ID};
    int arguments = 0;

    (void)base;
    for (int b = 0; b < 2; b++) {
        for (int i = 0; i < info->nConstraint; i++) {
            if (usable(info, i) == bits[b] && !(info->idxNum & bits[b])) {
                info->idxNum |= bits[b];
                info->aConstraintUsage[i].argvIndex = ++arguments;
            }
        }
    }
    info->estimatedCost = info->idxNum != 0 ? 10 : 1000000;
    info->estimatedRows = info->idxNum != 0 ? 2 : 100000;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    const int rc = ee_table_open(sizeof(struct keys_cursor), out);

    (void)base;
    if (rc == SQLITE_OK) {
        ((struct keys_cursor *)*out)->eof = true;
    }
    return rc;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    struct keys_cursor *cursor = (struct keys_cursor *)base;

    (void)sqlite3_finalize(cursor->stmt);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int next_row(sqlite3_vtab_cursor *base)
{
    struct keys_cursor *cursor = (struct keys_cursor *)base;
    int rc = cursor->stmt != NULL ? sqlite3_step(cursor->stmt) : SQLITE_DONE;

    cursor->eof = rc != SQLITE_ROW;
    cursor->rowid++;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

struct union_work {
    struct ee_keys *keys;
    sqlite3_str *sql;
    int number; /* idxNum */
};

/* ?1 is a name, ?2 a key id. By idxNum; of keys and of subjects. */
static const char *const where_of[][2] = {
    {"", ""},
    {" WHERE k.name = ?1", " WHERE k.name = ?1"},
    {" WHERE k.key_id = ?2", " WHERE substr(k.record, 1, 8) = ?2"},
    {" WHERE k.name = ?1 AND k.key_id = ?2",
     " WHERE k.name = ?1 AND substr(k.record, 1, 8) = ?2"},
};

/* The SQL argument as the tables have it. Drops from *number what is not TEXT:
 * SQLite then looks at every row itself. */
struct arguments {
    sqlite3_value *name;
    uint8_t key_id[EE_KEY_ID_BYTES];
};

static void read_arguments(struct arguments *a, int *number,
                           sqlite3_value **argv)
{
    int next = 0;
    sqlite3_value *id = NULL;

    if ((*number & BY_NAME) != 0) {
        a->name = argv[next++];
        if (sqlite3_value_type(a->name) != SQLITE_TEXT) {
            *number &= ~BY_NAME;
        }
    }
    if ((*number & BY_KEY_ID) != 0) {
        id = argv[next];
        if (sqlite3_value_type(id) != SQLITE_TEXT ||
            !ee_unhex(a->key_id, sizeof a->key_id,
                      (const char *)sqlite3_value_text(id),
                      (size_t)sqlite3_value_bytes(id))) {
            *number &= ~BY_KEY_ID;
        }
    }
}

static int bind_arguments(sqlite3_stmt *stmt, const struct arguments *a,
                          int number)
{
    int rc = SQLITE_OK;

    if ((number & BY_NAME) != 0) {
        rc = sqlite3_bind_value(stmt, 1, a->name);
    }
    if (rc == SQLITE_OK && (number & BY_KEY_ID) != 0) {
        rc = sqlite3_bind_blob(stmt, 2, a->key_id, sizeof a->key_id,
                               SQLITE_TRANSIENT);
    }
    return rc;
}

/* Each begins with UNION ALL but the first of them. */
static void add_keys(struct union_work *w, const char *schema, bool policies)
{
    sqlite3_str_appendf(w->sql, rows,
                        sqlite3_str_length(w->sql) > 0 ? " UNION ALL " : "",
                        schema, schema, schema);
    sqlite3_str_appendf(w->sql, policies ? due : "NULL", schema, schema);
    sqlite3_str_appendf(w->sql, rows_from, schema, schema);
    sqlite3_str_appendall(w->sql, where_of[w->number][0]);
}

/* They may be there without the other key tables. */
static int add_seal_only(struct union_work *w, const char *schema,
                         struct ee_error *err)
{
    static const size_t joint = sizeof " UNION ALL " - 1;
    bool yes = false;
    int rc = ee_seal_only_exists(&w->keys->statements, schema, &yes, err);

    if (rc == EE_OK && yes) {
        sqlite3_str_appendf(w->sql,
                            sqlite3_str_length(w->sql) > 0
                                ? seal_only_rows
                                : seal_only_rows + joint,
                            schema, schema);
        sqlite3_str_appendall(w->sql, where_of[w->number][0]);
    }
    return rc;
}

static int add_schema(void *arg, const char *schema, struct ee_error *err)
{
    struct union_work *w = arg;
    struct ee_statements *s = &w->keys->statements;
    bool yes = false;
    bool policies = false;
    int rc = ee_store_exists(s, schema, &yes, err);

    if (rc == EE_OK && yes) {
        rc = ee_store_has_policies(s, schema, &policies, err);
    }
    if (rc == EE_OK && yes) {
        add_keys(w, schema, policies);
        rc = ee_subjects_exist(s, schema, &yes, err);
    }
    if (rc == EE_OK && yes) {
        sqlite3_str_appendf(w->sql, subject_rows, schema, schema, schema);
        sqlite3_str_appendall(w->sql, where_of[w->number][1]);
    }
    if (rc == EE_OK) {
        rc = add_seal_only(w, schema, err);
    }
    return rc == EE_OK ? EE_KEY_UNKNOWN : rc; /* the next schema, please */
}

/* One SELECT over the key tables of every database. */
static int filter(sqlite3_vtab_cursor *base, int number, const char *text,
                  int argc, sqlite3_value **argv)
{
    struct keys_cursor *cursor = (struct keys_cursor *)base;
    struct ee_conn *conn = ee_table_conn(base->pVtab);
    struct union_work w = {&conn->keys, sqlite3_str_new(conn->db), 0};
    struct arguments arguments = {NULL, {0}};
    struct ee_error err = {0};
    char *sql = NULL;
    bool no_memory = false;
    int rc = SQLITE_OK;

    (void)text;
    (void)argc;
    read_arguments(&arguments, &number, argv);
    w.number = number;
    rc = ee_keys_each_schema(&conn->keys, add_schema, &w, &err);
    (void)sqlite3_finalize(cursor->stmt);
    cursor->stmt = NULL;
    cursor->rowid = 0;
    no_memory = sqlite3_str_errcode(w.sql) == SQLITE_NOMEM;
    sql = sqlite3_str_finish(w.sql);
    if (no_memory || rc == EE_NOMEM) {
        sqlite3_free(sql);
        return SQLITE_NOMEM;
    }
    if (rc != EE_KEY_UNKNOWN) {
        sqlite3_free(sql);
        return ee_table_fail(base->pVtab, "envelope_keys", &err);
    }
    rc = SQLITE_OK;
    if (sql != NULL) { /* NULL: no schema has keys */
        rc = sqlite3_prepare_v2(conn->db, sql, -1, &cursor->stmt, NULL);
        if (rc == SQLITE_OK) {
            rc = bind_arguments(cursor->stmt, &arguments, number);
        }
    }
    sqlite3_free(sql);
    return rc == SQLITE_OK ? next_row(base) : rc;
}

static int eof(sqlite3_vtab_cursor *base)
{
    return ((struct keys_cursor *)base)->eof;
}

/* Of a subject: 8 bytes of its record, as the other rows' datetime() text. */
static void result_created(sqlite3_context *ctx, sqlite3_value *value)
{
    const void *p = sqlite3_value_blob(value);
    struct ee_reader r =
        ee_reader(ee_bytes(p, (size_t)sqlite3_value_bytes(value)));
    const time_t created = (time_t)ee_read_u64(&r);
    char text[sizeof "2026-11-25 03:04:05"];
    struct tm tm;

    if (!r.bad && gmtime_r(&created, &tm) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) > 0) {
        sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
    }
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int i)
{
    struct keys_cursor *cursor = (struct keys_cursor *)base;

    if (i >= COLUMN_COUNT) {
        return SQLITE_OK;
    }
    if (i == CREATED_COLUMN &&
        sqlite3_column_type(cursor->stmt, i) == SQLITE_BLOB) {
        result_created(ctx, sqlite3_column_value(cursor->stmt, i));
    } else {
        sqlite3_result_value(ctx, sqlite3_column_value(cursor->stmt, i));
    }
    return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = ((struct keys_cursor *)base)->rowid;
    return SQLITE_OK;
}

/* NOLINTBEGIN(readability-non-const-parameter): the type is SQLite's */
static int refuse_update(sqlite3_vtab *base, int argc, sqlite3_value **argv,
                         sqlite3_int64 *rowid_out)
/* NOLINTEND(readability-non-const-parameter) */
{
    (void)argc;
    (void)argv;
    (void)rowid_out;
    base->zErrMsg = sqlite3_mprintf("envelope_keys is read-only: use "
                                    "envelope_key_create(), _rotate(), "
                                    "_set_state(), _rewrap() and _destroy()");
    return SQLITE_READONLY;
}

static const sqlite3_module module = {
    .iVersion = 1,
    .xConnect = connect_table,
    .xBestIndex = best_index,
    .xDisconnect = disconnect_table,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next_row,
    .xEof = eof,
    .xColumn = column,
    .xRowid = rowid,
    .xUpdate = refuse_update,
};

int ee_register_keys_table(struct ee_conn *conn)
{
    return ee_table_register(conn, "envelope_keys", &module);
}
