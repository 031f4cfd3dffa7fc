/* SPDX-License-Identifier: MIT
 *
 * store_read.c: reads the key tables.
 */
#include "keys/store.h"

#include "base/secret.h"

#include <string.h>

static const char doing[] = "read the key tables";

#define RECORD_COLUMNS                                                         \
    "k.name, k.version, k.suite, k.state, k.origin, k.created, "               \
    "k.generation, k.fingerprint, k.tag1, k.tag2, k.key_id"
#define MANIFEST_COLUMNS "m.generation, m.current, m.tag"
enum { RECORD_COUNT = 11 };

static const char by_id[] =
    "SELECT " RECORD_COLUMNS ", " MANIFEST_COLUMNS " FROM \"%w\".envelope_key k"
    " LEFT JOIN \"%w\".envelope_key_manifest m ON m.name = k.name"
    " WHERE k.key_id = ?1";
/* A row without a record where there are versions of the name and no manifest,
 * or a manifest and not its current version. */
static const char by_name[] =
    "SELECT " RECORD_COLUMNS ", " MANIFEST_COLUMNS " FROM (SELECT ?1 AS name) n"
    " LEFT JOIN \"%w\".envelope_key_manifest m ON m.name = n.name"
    " LEFT JOIN \"%w\".envelope_key k ON k.name = m.name AND"
    " k.version = m.current"
    " WHERE m.name IS NOT NULL OR EXISTS"
    " (SELECT 1 FROM \"%w\".envelope_key WHERE name = ?1)";
static const char versions[] =
    "SELECT " RECORD_COLUMNS " FROM \"%w\".envelope_key k"
    " WHERE k.name = ?1 ORDER BY k.version";
static const char all[] =
    "SELECT " RECORD_COLUMNS " FROM \"%w\".envelope_key k";
static const char wraps[] = "SELECT cmk, wrapped FROM \"%w\".envelope_key_wrap"
                            " WHERE key_id = ?1 ORDER BY position";

/* name: "" where the row does not tell. */
static int tampered(const char *name, struct ee_error *err)
{
    return ee_fail(err, EE_TAMPERED,
                   "the key tables were altered: a row of %s%s is missing, or "
                   "has a wrong type or length; restore them from a backup",
                   name[0] != '\0' ? "key " : "a key", name);
}

static bool read_uint(sqlite3_stmt *stmt, int column, uint64_t max,
                      uint64_t *out)
{
    const sqlite3_int64 v = sqlite3_column_int64(stmt, column);

    *out = (uint64_t)v;
    return sqlite3_column_type(stmt, column) == SQLITE_INTEGER && v >= 0 &&
           *out <= max;
}

static bool read_record(sqlite3_stmt *stmt, struct ee_key_record *r)
{
    const char *name = (const char *)sqlite3_column_text(stmt, 0);
    const size_t n = (size_t)sqlite3_column_bytes(stmt, 0);
    struct ee_error ignored;
    uint8_t key_id[EE_KEY_ID_BYTES];
    uint64_t version = 0;
    uint64_t suite = 0;

    memset(r, 0, sizeof *r);
    if (name == NULL || ee_key_name_check(name, n, &ignored) != EE_OK ||
        !read_uint(stmt, 1, UINT32_MAX, &version) ||
        !read_uint(stmt, 2, UINT8_MAX, &suite) ||
        !read_uint(stmt, 5, INT64_MAX, &r->created) ||
        !read_uint(stmt, 6, INT64_MAX, &r->generation)) {
        return false;
    }
    memcpy(r->name, name, n);
    r->version = (uint32_t)version;
    r->suite = (uint8_t)suite;
    r->state = ee_state_by_name((const char *)sqlite3_column_text(stmt, 3));
    r->origin = ee_origin_by_name((const char *)sqlite3_column_text(stmt, 4));
    return r->state != 0 && r->origin != 0 &&
           ee_sql_blob_is(stmt, 7, r->fingerprint, sizeof r->fingerprint) &&
           ee_sql_blob_is(stmt, 8, r->tag1, sizeof r->tag1) &&
           ee_sql_blob_is(stmt, 9, r->tag2, sizeof r->tag2) &&
           ee_sql_blob_is(stmt, 10, key_id, sizeof key_id) &&
           ee_equal(key_id, r->fingerprint, sizeof key_id); /* FORMAT R10 */
}

static bool read_manifest(sqlite3_stmt *stmt, int first,
                          struct ee_key_manifest *m)
{
    uint64_t current = 0;

    memset(m, 0, sizeof *m);
    if (!read_uint(stmt, first, INT64_MAX, &m->generation) ||
        !read_uint(stmt, first + 1, UINT32_MAX, &current)) {
        return false;
    }
    m->current = (uint32_t)current;
    return ee_sql_blob_is(stmt, first + 2, m->tag, sizeof m->tag);
}

/* A statement over the key tables, or EE_KEY_UNKNOWN when the schema has
 * none. Asking first keeps "no such table" out of the application's log. */
static int open_query(struct ee_statements *s, sqlite3_stmt **out,
                      const char *format, const char *schema,
                      struct ee_error *err)
{
    bool yes = false;
    int rc = ee_store_exists(s, schema, &yes, err);

    *out = NULL;
    if (rc == EE_OK && !yes) {
        rc = EE_KEY_UNKNOWN;
    }
    return rc == EE_OK ? ee_statement_get(s, out, format, schema, doing, err)
                       : rc;
}

/* One row of record and manifest; stmt is bound. name: "" if not known. */
static int read_row(struct ee_statements *s, sqlite3_stmt *stmt,
                    const char *name, struct ee_key_record *r,
                    struct ee_key_manifest *m, struct ee_error *err)
{
    int rc = sqlite3_step(stmt);

    if (rc == SQLITE_ROW && !read_record(stmt, r)) {
        return tampered(name, err);
    }
    if (rc == SQLITE_ROW) {
        return read_manifest(stmt, RECORD_COUNT, m) ? EE_OK
                                                    : tampered(r->name, err);
    }
    return rc == SQLITE_DONE ? EE_KEY_UNKNOWN
                             : ee_sql_fail(s->db, rc, doing, err);
}

int ee_store_hold(struct ee_statements *s, const char *schema,
                  const uint8_t *key_id, struct ee_key_record *r,
                  struct ee_key_manifest *m, sqlite3_stmt **held,
                  struct ee_error *err)
{
    int rc = open_query(s, held, by_id, schema, err);

    if (rc == EE_OK) {
        (void)sqlite3_bind_blob(*held, 1, key_id, EE_KEY_ID_BYTES,
                                SQLITE_STATIC);
        rc = read_row(s, *held, "", r, m, err);
    }
    if (rc == EE_OK && !ee_equal(r->fingerprint, key_id, EE_KEY_ID_BYTES)) {
        rc = tampered(r->name, err);
    }
    return rc;
}

int ee_store_by_id(struct ee_statements *s, const char *schema,
                   const uint8_t *key_id, struct ee_key_record *r,
                   struct ee_key_manifest *m, struct ee_error *err)
{
    sqlite3_stmt *held = NULL;
    int rc = ee_store_hold(s, schema, key_id, r, m, &held, err);

    ee_statement_put(s, held);
    return rc;
}

int ee_store_current(struct ee_statements *s, const char *schema,
                     const char *name, struct ee_key_record *r,
                     struct ee_key_manifest *m, struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = open_query(s, &stmt, by_name, schema, err);

    if (rc == EE_OK) {
        (void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
        rc = read_row(s, stmt, name, r, m, err);
    }
    /* somebody's own key table may compare names without regard to case */
    if (rc == EE_OK && strcmp(r->name, name) != 0) {
        rc = tampered(name, err);
    }
    ee_statement_put(s, stmt);
    return rc;
}

/* Calls visit for the rows of stmt, a bound one of open_query(), and puts it
 * back. rc: what open_query() said. */
static int visit_rows(struct ee_statements *s, sqlite3_stmt *stmt, int rc,
                      int (*visit)(void *arg, const struct ee_key_record *r,
                                   struct ee_error *err),
                      void *arg, struct ee_error *err)
{
    struct ee_key_record r;
    int step = SQLITE_DONE;

    if (rc == EE_OK) {
        step = sqlite3_step(stmt);
    }
    while (rc == EE_OK && step == SQLITE_ROW) {
        rc = read_record(stmt, &r) ? visit(arg, &r, err) : tampered("", err);
        step = rc == EE_OK ? sqlite3_step(stmt) : SQLITE_DONE;
    }
    if (rc == EE_OK && step != SQLITE_DONE) {
        rc = ee_sql_fail(s->db, step, doing, err);
    }
    ee_statement_put(s, stmt);
    return rc;
}

int ee_store_versions(struct ee_statements *s, const char *schema,
                      const char *name,
                      int (*visit)(void *arg, const struct ee_key_record *r,
                                   struct ee_error *err),
                      void *arg, struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = open_query(s, &stmt, versions, schema, err);

    if (rc == EE_OK) {
        (void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    }
    return visit_rows(s, stmt, rc, visit, arg, err);
}

int ee_store_all(struct ee_statements *s, const char *schema,
                 int (*visit)(void *arg, const struct ee_key_record *r,
                              struct ee_error *err),
                 void *arg, struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = open_query(s, &stmt, all, schema, err);

    return visit_rows(s, stmt, rc, visit, arg, err);
}

struct tag_list {
    uint8_t *p;
    size_t n;
};

static int append_tag(void *arg, const struct ee_key_record *r,
                      struct ee_error *err)
{
    struct tag_list *list = arg;
    uint8_t *p = sqlite3_realloc64(list->p, list->n + EE_MAC_BYTES);

    if (p == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    memcpy(p + list->n, r->tag2, EE_MAC_BYTES);
    list->p = p;
    list->n += EE_MAC_BYTES;
    return EE_OK;
}

int ee_store_tags(struct ee_statements *s, const char *schema, const char *name,
                  uint8_t **tags, size_t *n, struct ee_error *err)
{
    struct tag_list list = {NULL, 0};
    int rc = ee_store_versions(s, schema, name, append_tag, &list, err);

    *tags = list.p;
    *n = list.n;
    return rc;
}

/* One block: the struct, the URI with its NUL, the wrapped bytes. */
struct ee_wrap *ee_wrap_new(const char *cmk, struct ee_bytes wrapped)
{
    const size_t len = strlen(cmk) + 1;
    struct ee_wrap *w = sqlite3_malloc64(sizeof *w + len + wrapped.n);

    if (w != NULL) {
        w->next = NULL;
        w->cmk = (char *)(w + 1);
        memcpy(w->cmk, cmk, len);
        if (wrapped.n > 0) {
            memcpy(w->cmk + len, wrapped.p, wrapped.n);
        }
        w->wrapped = ee_bytes(w->cmk + len, wrapped.n);
    }
    return w;
}

/* An empty BLOB is a wrap that is pending (keys/draft.h). */
static int read_wrap(sqlite3_stmt *stmt, struct ee_wrap **out,
                     struct ee_error *err)
{
    const char *cmk = (const char *)sqlite3_column_text(stmt, 0);
    const void *p = sqlite3_column_blob(stmt, 1);

    if (cmk == NULL || sqlite3_column_type(stmt, 1) != SQLITE_BLOB) {
        return tampered("", err);
    }
    *out = ee_wrap_new(cmk, ee_bytes(p, (size_t)sqlite3_column_bytes(stmt, 1)));
    return *out != NULL ? EE_OK : ee_fail(err, EE_NOMEM, "out of memory");
}

int ee_store_wraps(struct ee_statements *s, const char *schema,
                   const uint8_t *key_id, struct ee_wrap **out,
                   struct ee_error *err)
{
    struct ee_wrap **link = out;
    sqlite3_stmt *stmt = NULL;
    int step = SQLITE_DONE;
    int rc = EE_OK;

    *out = NULL;
    rc = open_query(s, &stmt, wraps, schema, err);
    if (rc != EE_OK) {
        return rc;
    }
    (void)sqlite3_bind_blob(stmt, 1, key_id, EE_KEY_ID_BYTES, SQLITE_STATIC);
    while (rc == EE_OK && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
        rc = read_wrap(stmt, link, err);
        link = *link != NULL ? &(*link)->next : link;
    }
    if (rc == EE_OK && step != SQLITE_DONE) {
        rc = ee_sql_fail(s->db, step, doing, err);
    }
    ee_statement_put(s, stmt);
    return rc;
}

void ee_wraps_free(struct ee_wrap *list)
{
    while (list != NULL) {
        struct ee_wrap *next = list->next;

        sqlite3_free(list);
        list = next;
    }
}
