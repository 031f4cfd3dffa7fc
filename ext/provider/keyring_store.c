/* SPDX-License-Identifier: MIT
 *
 * keyring_store.c: opens the keyring's database and writes to it.
 *
 * The connection is our own and lives as long as one provider call. It takes
 * nothing from the file but rows: triggers, views and functions in the schema
 * are off, and the schema must be ours to the letter.
 */
#include "provider/keyring_store.h"

#include "base/secret_source.h"

#include <string.h>

#define APPLICATION_ID 1162177394 /* "EEkr" */
#define FORMAT         1          /* user_version */

#define KEYRING_TABLE                                                          \
    "CREATE TABLE keyring(\n"                                                  \
    "  one INTEGER PRIMARY KEY CHECK (one = 1),\n"                             \
    "  kind TEXT NOT NULL, -- what locks it: passphrase, keyfile\n"            \
    "  salt BLOB NOT NULL,\n"                                                  \
    "  memory_kib INTEGER NOT NULL, -- of Argon2id; 0 with a key file\n"       \
    "  passes INTEGER NOT NULL,\n"                                             \
    "  mac BLOB NOT NULL -- over all else in this file\n"                      \
    ")"

#define CMK_TABLE                                                              \
    "CREATE TABLE cmk(\n"                                                      \
    "  name TEXT NOT NULL,\n"                                                  \
    "  version INTEGER NOT NULL, -- the highest wraps, all others unwrap\n"    \
    "  state TEXT NOT NULL, -- enabled, destroyed\n"                           \
    "  created INTEGER NOT NULL, -- seconds since 1970\n"                      \
    "  nonce BLOB, -- NULL when destroyed\n"                                   \
    "  box BLOB, -- the CMK, encrypted; NULL when destroyed\n"                 \
    "  PRIMARY KEY (name, version)\n"                                          \
    ") WITHOUT ROWID"

static int fail_damaged(struct ee_keyring_store *s, struct ee_error *err)
{
    return ee_fail(err, EE_TAMPERED,
                   "keyring %s is damaged or truncated: restore it from a "
                   "backup",
                   s->keyring);
}

static int fail_locked(const struct ee_keyring_store *s, struct ee_error *err)
{
    if (s->wait != NULL && s->wait->was_interrupted) {
        return ee_fail(err, EE_INTERRUPTED, "interrupted");
    }
    return ee_fail(err, EE_BUSY,
                   "keyring %s is locked by another process: try again (the "
                   "setting provider_timeout says for how long to wait)",
                   s->keyring);
}

int ee_keyring_store_fail(struct ee_keyring_store *s, int rc,
                          struct ee_error *err)
{
    const char *k = s->keyring;

    switch (rc & 0xFF) {
    case SQLITE_NOMEM:
        return ee_fail(err, EE_NOMEM, "out of memory for keyring %s", k);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fail_locked(s, err);
    case SQLITE_FULL:
        return ee_fail(err, EE_IO,
                       "the disk of keyring %s is full; the keyring is "
                       "unchanged",
                       k);
    case SQLITE_READONLY:
        return ee_fail(err, EE_IO,
                       "keyring %s or its folder is read-only: make both "
                       "writable to change keys",
                       k);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return fail_damaged(s, err);
    case SQLITE_IOERR:
        if (rc == SQLITE_IOERR_NOMEM) {
            return ee_fail(err, EE_NOMEM, "out of memory for keyring %s", k);
        }
        return ee_fail(err, EE_IO,
                       "reading or writing keyring %s failed (%s): look at "
                       "the disk; a change was not made",
                       k, sqlite3_errstr(rc));
    default:
        return ee_fail(err, EE_IO, "cannot use keyring %s: %s", k,
                       sqlite3_errstr(rc));
    }
}

static int exec(struct ee_keyring_store *s, const char *sql,
                struct ee_error *err)
{
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? EE_OK : ee_keyring_store_fail(s, rc, err);
}

static int prepare(struct ee_keyring_store *s, sqlite3_stmt **stmt,
                   const char *sql, struct ee_error *err)
{
    int rc = sqlite3_prepare_v2(s->db, sql, -1, stmt, NULL);

    return rc == SQLITE_OK ? EE_OK : ee_keyring_store_fail(s, rc, err);
}

/* Runs a prepared change of one row and finalizes it. bound: what binding
 * said. */
static int finish(struct ee_keyring_store *s, sqlite3_stmt *stmt, int bound,
                  struct ee_error *err)
{
    int stepped = bound == SQLITE_OK ? sqlite3_step(stmt) : bound;

    (void)sqlite3_finalize(stmt);
    if (stepped != SQLITE_DONE) {
        return ee_keyring_store_fail(s, stepped, err);
    }
    return sqlite3_changes(s->db) == 1 ? EE_OK : fail_damaged(s, err);
}

static int on_busy(void *wait, int round)
{
    return ee_wait_on(wait, round);
}

/* "unix" by name: the host's default VFS may not lock, or not sync. EXTRA
 * syncs the folder after a journal is deleted: without that a power failure
 * could take back a new CMK under which keys were wrapped already. */
static int open_database(struct ee_keyring_store *s, const char *file,
                         struct ee_error *err)
{
    int rc = sqlite3_open_v2(file, &s->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW |
                                 SQLITE_OPEN_PRIVATECACHE,
                             "unix");

    if (rc == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(s->db, 1);
        if (s->wait != NULL) {
            (void)sqlite3_busy_handler(s->db, on_busy, s->wait);
        }
        (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
        rc = sqlite3_exec(s->db,
                          "PRAGMA mmap_size = 0;"
                          "PRAGMA cell_size_check = ON;"
                          "PRAGMA temp_store = MEMORY;"
                          "PRAGMA secure_delete = ON;"
                          "PRAGMA synchronous = EXTRA;"
                          "PRAGMA journal_mode = DELETE",
                          NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? EE_OK : ee_keyring_store_fail(s, rc, err);
}

/* One integer that a query returns. */
static int query(struct ee_keyring_store *s, const char *sql, int64_t *value,
                 struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = prepare(s, &stmt, sql, err);

    *value = -1;
    if (rc == EE_OK) {
        int stepped = sqlite3_step(stmt);

        if (stepped == SQLITE_ROW) {
            *value = sqlite3_column_int64(stmt, 0);
        } else {
            rc = ee_keyring_store_fail(s, stepped, err);
        }
    }
    (void)sqlite3_finalize(stmt);
    return rc;
}

/* sqlite_% are SQLite's own, as ANALYZE makes them. */
static int check_schema(struct ee_keyring_store *s, struct ee_error *err)
{
    int64_t application = 0;
    int64_t format = 0;
    int64_t ours = 0;
    int64_t all = 0;
    int rc = query(s, "PRAGMA application_id", &application, err);

    if (rc == EE_OK) {
        rc = query(s, "PRAGMA user_version", &format, err);
    }
    if (rc == EE_OK) {
        rc = query(s,
                   "SELECT count(*) FROM sqlite_schema "
                   "WHERE sql IN ('" KEYRING_TABLE "', '" CMK_TABLE "')",
                   &ours, err);
    }
    if (rc == EE_OK) {
        rc = query(s,
                   "SELECT count(*) FROM sqlite_schema "
                   "WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
                   &all, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    if (application != APPLICATION_ID) {
        return ee_fail(err, EE_CONFIG,
                       "%s is a database, but no keyring (or one restored "
                       "from a text dump: copy the file instead)",
                       s->keyring);
    }
    if (format != FORMAT) {
        return ee_fail(err, EE_CONFIG,
                       "keyring %s has format %lld; this build knows format "
                       "%d only",
                       s->keyring, (long long)format, FORMAT);
    }
    return ours == 2 && all == 2 ? EE_OK : fail_damaged(s, err);
}

int ee_keyring_store_open(struct ee_keyring_store *s, const char *file,
                          const char *keyring, struct ee_error *err)
{
    int rc = EE_OK;

    s->db = NULL;
    s->keyring = keyring;
    rc = open_database(s, file, err);
    if (rc == EE_OK) {
        rc = check_schema(s, err);
    }
    if (rc != EE_OK) {
        ee_keyring_store_close(s);
    }
    return rc;
}

static int insert_parameters(struct ee_keyring_store *s,
                             const struct ee_keyring_image *image,
                             struct ee_error *err)
{
    const char *kind =
        image->kind == EE_SECRET_KEYFILE ? "keyfile" : "passphrase";
    sqlite3_stmt *stmt = NULL;
    int rc = prepare(s, &stmt,
                     "INSERT INTO keyring(one, kind, salt, memory_kib, "
                     "passes, mac) VALUES(1, ?1, ?2, ?3, ?4, x'')",
                     err);
    int bound = SQLITE_OK;

    if (rc != EE_OK) {
        return rc;
    }
    bound = sqlite3_bind_text(stmt, 1, kind, -1, SQLITE_STATIC);
    if (bound == SQLITE_OK) {
        bound = sqlite3_bind_blob(stmt, 2, image->salt, sizeof image->salt,
                                  SQLITE_STATIC);
    }
    if (bound == SQLITE_OK) {
        bound = sqlite3_bind_int64(stmt, 3, image->memory_kib);
    }
    if (bound == SQLITE_OK) {
        bound = sqlite3_bind_int64(stmt, 4, image->passes);
    }
    return finish(s, stmt, bound, err);
}

int ee_keyring_store_create(struct ee_keyring_store *s, const char *file,
                            const char *keyring,
                            const struct ee_keyring_image *image,
                            struct ee_error *err)
{
    int rc = EE_OK;

    s->db = NULL;
    s->keyring = keyring;
    rc = open_database(s, file, err);
    if (rc == EE_OK) {
        rc = exec(s,
                  "BEGIN IMMEDIATE;"
                  "PRAGMA application_id = 1162177394;"
                  "PRAGMA user_version = 1;" KEYRING_TABLE ";" CMK_TABLE,
                  err);
    }
    if (rc == EE_OK) {
        rc = insert_parameters(s, image, err);
    }
    if (rc != EE_OK) {
        ee_keyring_store_close(s);
    }
    return rc;
}

void ee_keyring_store_close(struct ee_keyring_store *s)
{
    (void)sqlite3_close(s->db);
    s->db = NULL;
}

int ee_keyring_store_begin(struct ee_keyring_store *s, struct ee_error *err)
{
    return exec(s, "BEGIN IMMEDIATE", err);
}

int ee_keyring_store_insert(struct ee_keyring_store *s,
                            const struct ee_cmk *cmk, struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = prepare(s, &stmt,
                     "INSERT INTO cmk(name, version, state, created, nonce, "
                     "box) VALUES(?1, ?2, 'enabled', ?3, ?4, ?5)",
                     err);
    int bound = SQLITE_OK;

    if (rc != EE_OK) {
        return rc;
    }
    bound = sqlite3_bind_text(stmt, 1, cmk->name, -1, SQLITE_STATIC);
    if (bound == SQLITE_OK) {
        bound = sqlite3_bind_int64(stmt, 2, cmk->version);
    }
    if (bound == SQLITE_OK) {
        bound = sqlite3_bind_int64(stmt, 3, (sqlite3_int64)cmk->created);
    }
    if (bound == SQLITE_OK) {
        bound = sqlite3_bind_blob(stmt, 4, cmk->nonce, sizeof cmk->nonce,
                                  SQLITE_STATIC);
    }
    if (bound == SQLITE_OK) {
        bound = sqlite3_bind_blob(stmt, 5, cmk->box, sizeof cmk->box,
                                  SQLITE_STATIC);
    }
    return finish(s, stmt, bound, err);
}

int ee_keyring_store_destroy(struct ee_keyring_store *s, const char *name,
                             uint32_t version, struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = prepare(s, &stmt,
                     "UPDATE cmk SET state = 'destroyed', nonce = NULL, "
                     "box = NULL WHERE name = ?1 AND version = ?2",
                     err);
    int bound = SQLITE_OK;

    if (rc != EE_OK) {
        return rc;
    }
    bound = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    if (bound == SQLITE_OK) {
        bound = sqlite3_bind_int64(stmt, 2, version);
    }
    return finish(s, stmt, bound, err);
}

int ee_keyring_store_set_mac(struct ee_keyring_store *s, const uint8_t *mac,
                             struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = prepare(s, &stmt, "UPDATE keyring SET mac = ?1", err);
    int bound = SQLITE_OK;

    if (rc != EE_OK) {
        return rc;
    }
    bound = sqlite3_bind_blob(stmt, 1, mac, EE_MAC_BYTES, SQLITE_STATIC);
    return finish(s, stmt, bound, err);
}

int ee_keyring_store_commit(struct ee_keyring_store *s, struct ee_error *err)
{
    return exec(s, "COMMIT", err);
}

void ee_keyring_store_rollback(struct ee_keyring_store *s)
{
    if (!sqlite3_get_autocommit(s->db)) {
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

int ee_keyring_store_vacuum(struct ee_keyring_store *s, struct ee_error *err)
{
    return exec(s, "VACUUM", err);
}
