/* SPDX-License-Identifier: MIT
 *
 * vtab_stats.c: the eponymous tables envelope_stats and envelope_providers:
 * what this connection has done since it was opened, and what its CMKs took.
 *
 * Numbers, and the URIs of CMKs, which envelope_keys shows too. Read where they
 * are counted: a row is as of the moment when it is read.
 */
#include "base/clock.h"
#include "sqlite/functions.h"
#include "sqlite/table.h"

#include <string.h>

struct stats_cursor {
    sqlite3_vtab_cursor base; /* first */
    int row;
};

/* One of the two tables. */
struct stats_class {
    const char *name;
    const char *declaration;
    int rows; /* at most */
    bool (*has_row)(const struct ee_conn *conn, int row);
    void (*column)(const struct ee_conn *conn, sqlite3_context *ctx, int row,
                   int column);
};

struct stats_table {
    struct ee_table table; /* must be first */
    const struct stats_class *cls;
};

/* ---- envelope_stats ---- */

enum { STAT_COUNT = 15 };

struct counter {
    const char *name;
    uint64_t value;
};

static struct counter stat_of(const struct ee_conn *conn, int row)
{
    const struct ee_cache *cache = &conn->keys.cache;
    const struct ee_cache_counts *c = &cache->counts;
    const struct ee_call_counts *calls = &conn->keys.attempts.total;
    const struct counter all[] = {
        {"seals", conn->seals},
        {"opens", conn->opens},
        {"rewraps", conn->rewraps},
        {"cache_keys", cache->count},
        {"cache_bytes", cache->count * EE_CACHE_ENTRY_BYTES},
        {"cache_hits", c->hits},
        {"cache_misses", c->misses},
        {"cache_evicted", c->evicted},
        {"cache_expired", c->expired},
        {"cache_refreshed", c->renewed},
        {"cache_shared", c->shared},
        {"provider_wraps", calls->wraps},
        {"provider_unwraps", calls->unwraps},
        {"provider_errors", calls->errors},
        {"provider_ms", (uint64_t)calls->ms},
    };

    _Static_assert(sizeof all / sizeof all[0] == STAT_COUNT, "each has a row");
    return all[row];
}

static bool has_stat(const struct ee_conn *conn, int row)
{
    (void)conn;
    (void)row;
    return true;
}

static void stat_column(const struct ee_conn *conn, sqlite3_context *ctx,
                        int row, int column)
{
    const struct counter s = stat_of(conn, row);

    if (column == 0) {
        sqlite3_result_text(ctx, s.name, -1, SQLITE_STATIC);
    } else {
        sqlite3_result_int64(ctx, (sqlite3_int64)s.value);
    }
}

/* ---- envelope_providers ---- */

static bool has_cmk(const struct ee_conn *conn, int row)
{
    return conn->keys.attempts.slots[row].cmk != NULL;
}

static void result_scheme(sqlite3_context *ctx, const char *cmk)
{
    sqlite3_result_text(ctx, cmk, (int)strcspn(cmk, ":"), SQLITE_TRANSIENT);
}

static void cmk_column(const struct ee_conn *conn, sqlite3_context *ctx,
                       int row, int column)
{
    const struct ee_attempts *a = &conn->keys.attempts;
    const struct ee_attempt *slot = &a->slots[row];
    const sqlite3_int64 numbers[] = {(sqlite3_int64)slot->calls.wraps,
                                     (sqlite3_int64)slot->calls.unwraps,
                                     (sqlite3_int64)slot->calls.errors,
                                     slot->calls.ms, slot->calls.longest_ms};
    int64_t wait = 0;

    switch (column) {
    case 0:
        sqlite3_result_text(ctx, slot->cmk, -1, SQLITE_TRANSIENT);
        return;
    case 1:
        result_scheme(ctx, slot->cmk);
        return;
    case 7:
        if (slot->calls.errors > 0) {
            sqlite3_result_text(ctx, ee_status_name(slot->calls.last_error), -1,
                                SQLITE_STATIC);
        }
        return;
    case 8:
        wait = ee_attempts_wait(a, slot->cmk);
        if (wait > 0) {
            sqlite3_result_int64(ctx, wait);
        }
        return;
    default:
        sqlite3_result_int64(ctx, numbers[column - 2]);
        return;
    }
}

/* ---- both ---- */

static const struct stats_class classes[] = {
    {"envelope_stats", "CREATE TABLE envelope_stats(name TEXT, value INTEGER)",
     STAT_COUNT, has_stat, stat_column},
    {"envelope_providers",
     "CREATE TABLE envelope_providers("
     "cmk TEXT,"            /* its URI */
     " provider TEXT,"      /* keyring, pem */
     " wraps INTEGER,"      /* calls, with those that failed */
     " unwraps INTEGER,"    /* likewise */
     " errors INTEGER,"     /* calls that failed */
     " ms INTEGER,"         /* all calls took together */
     " longest_ms INTEGER," /* one call took at most */
     " last_error TEXT,"    /* ee_status_name() */
     " retry_ms INTEGER)",  /* it is left alone for so long, or NULL */
     EE_ATTEMPTS_MAX, has_cmk, cmk_column},
};

enum { CLASS_COUNT = sizeof classes / sizeof classes[0] };

/* argv[0] is the name that the module was registered by. */
static int connect_table(sqlite3 *db, void *aux, int argc,
                         const char *const *argv, sqlite3_vtab **out,
                         char **message)
{
    const struct stats_class *cls = &classes[0];
    int rc = SQLITE_OK;

    (void)argc;
    (void)message;
    for (int i = 0; i < CLASS_COUNT; i++) {
        if (sqlite3_stricmp(argv[0], classes[i].name) == 0) {
            cls = &classes[i];
        }
    }
    rc = ee_table_connect(db, aux, cls->declaration, sizeof(struct stats_table),
                          out);
    if (rc == SQLITE_OK) {
        ((struct stats_table *)*out)->cls = cls;
    }
    return rc;
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    (void)base;
    info->estimatedCost = 20;
    info->estimatedRows = 20;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    (void)base;
    return ee_table_open(sizeof(struct stats_cursor), out);
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    sqlite3_free(base);
    return SQLITE_OK;
}

static void skip_absent(sqlite3_vtab_cursor *base)
{
    struct stats_cursor *cursor = (struct stats_cursor *)base;
    const struct stats_table *table = (struct stats_table *)base->pVtab;

    while (cursor->row < table->cls->rows &&
           !table->cls->has_row(table->table.conn, cursor->row)) {
        cursor->row++;
    }
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *text,
                  int argc, sqlite3_value **argv)
{
    (void)number;
    (void)text;
    (void)argc;
    (void)argv;
    ((struct stats_cursor *)base)->row = 0;
    skip_absent(base);
    return SQLITE_OK;
}

static int next_row(sqlite3_vtab_cursor *base)
{
    ((struct stats_cursor *)base)->row++;
    skip_absent(base);
    return SQLITE_OK;
}

static int eof(sqlite3_vtab_cursor *base)
{
    const struct stats_table *table = (struct stats_table *)base->pVtab;

    return ((struct stats_cursor *)base)->row >= table->cls->rows;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int i)
{
    const struct stats_table *table = (struct stats_table *)base->pVtab;

    table->cls->column(table->table.conn, ctx,
                       ((struct stats_cursor *)base)->row, i);
    return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = ((struct stats_cursor *)base)->row;
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

int ee_register_stats_tables(struct ee_conn *conn)
{
    int rc = SQLITE_OK;

    for (int i = 0; rc == SQLITE_OK && i < CLASS_COUNT; i++) {
        rc = ee_table_register(conn, classes[i].name, &module);
    }
    return rc;
}
