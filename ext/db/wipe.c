/* SPDX-License-Identifier: MIT
 *
 * wipe.c: overwriting, and the search for what was not overwritten.
 */
#include "db/wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK      (256 * 1024)
#define NEEDLE_MAX 1024

/* step: of the PRAGMA, which answers with what is set now. */
static int check_is_on(sqlite3 *db, int step, sqlite3_stmt *stmt,
                       const char *schema, struct ee_error *err)
{
    if (step == SQLITE_ROW && sqlite3_column_int(stmt, 0) == 1) {
        return EE_OK;
    }
    if (step != SQLITE_ROW && step != SQLITE_DONE) {
        return ee_sql_fail(db, step, "set secure_delete", err);
    }
    return ee_fail(err, EE_CONFIG,
                   "secure_delete of %s could not be turned on: an authorizer "
                   "of this connection hides the PRAGMA",
                   schema);
}

int ee_secure_delete_on(sqlite3 *db, const char *schema, int *was,
                        struct ee_error *err)
{
    static const char doing[] = "set secure_delete";
    sqlite3_stmt *stmt = NULL;
    int rc = ee_sql_prepare(db, &stmt, 0, doing, err,
                            "PRAGMA \"%w\".secure_delete", schema);

    *was = 0;
    if (rc == EE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        *was = sqlite3_column_int(stmt, 0);
    }
    (void)sqlite3_finalize(stmt);
    stmt = NULL;
    if (rc == EE_OK) {
        rc = ee_sql_prepare(db, &stmt, 0, doing, err,
                            "PRAGMA \"%w\".secure_delete = ON", schema);
    }
    if (rc == EE_OK) {
        rc = check_is_on(db, sqlite3_step(stmt), stmt, schema, err);
    }
    (void)sqlite3_finalize(stmt);
    return rc;
}

/* A failure leaves it on, which is slower and harms nothing. */
void ee_secure_delete_restore(sqlite3 *db, const char *schema, int was)
{
    static const char *const names[] = {"OFF", "ON", "FAST"};
    struct ee_error ignored;
    sqlite3_stmt *stmt = NULL;

    if (was >= 0 && was <= 2 &&
        ee_sql_prepare(db, &stmt, 0, "restore secure_delete", &ignored,
                       "PRAGMA \"%w\".secure_delete = %s", schema,
                       names[was]) == EE_OK) {
        (void)sqlite3_step(stmt);
        (void)sqlite3_finalize(stmt);
    }
}

bool ee_wal_truncate(sqlite3 *db, const char *schema)
{
    return sqlite3_wal_checkpoint_v2(db, schema, SQLITE_CHECKPOINT_TRUNCATE,
                                     NULL, NULL) == SQLITE_OK;
}

int64_t ee_file_size(sqlite3 *db, const char *schema)
{
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;

    if (sqlite3_file_control(db, schema, SQLITE_FCNTL_FILE_POINTER, &file) !=
            SQLITE_OK ||
        file == NULL || file->pMethods == NULL ||
        file->pMethods->xFileSize(file, &size) != SQLITE_OK) {
        return 0;
    }
    return size;
}

/* One file, read in chunks that overlap by a needle less a byte. */
struct haystack {
    const struct ee_bytes *needles;
    size_t count;
    uint8_t *buffer; /* CHUNK + NEEDLE_MAX bytes */
    /* n bytes at offset; -1: failed */
    ssize_t (*read)(const struct haystack *h, uint8_t *out, size_t n,
                    sqlite3_int64 offset);
    sqlite3_file *file; /* of the database itself */
    int fd;             /* of a WAL or a journal */
};

/* Through SQLite: opening and closing the file ourselves would drop the locks
 * that this process has on it (POSIX advisory locks). */
static ssize_t read_database(const struct haystack *h, uint8_t *out, size_t n,
                             sqlite3_int64 offset)
{
    sqlite3_int64 size = 0;

    if (h->file->pMethods->xFileSize(h->file, &size) != SQLITE_OK) {
        return -1;
    }
    if (offset >= size) {
        return 0;
    }
    if ((sqlite3_int64)n > size - offset) {
        n = (size_t)(size - offset);
    }
    return h->file->pMethods->xRead(h->file, out, (int)n, offset) == SQLITE_OK
               ? (ssize_t)n
               : -1;
}

static ssize_t read_descriptor(const struct haystack *h, uint8_t *out, size_t n,
                               sqlite3_int64 offset)
{
    return pread(h->fd, out, n, offset);
}

static bool holds_needle(const struct haystack *h, size_t n)
{
    for (size_t i = 0; i < h->count; i++) {
        if (memmem(h->buffer, n, h->needles[i].p, h->needles[i].n) != NULL) {
            return true;
        }
    }
    return false;
}

static bool search(const struct haystack *h)
{
    sqlite3_int64 offset = 0;
    size_t kept = 0;
    ssize_t n = 0;

    while ((n = h->read(h, h->buffer + kept, CHUNK, offset)) > 0) {
        const size_t all = kept + (size_t)n;

        if (holds_needle(h, all)) {
            return true;
        }
        kept = all < NEEDLE_MAX ? all : NEEDLE_MAX;
        memmove(h->buffer, h->buffer + all - kept, kept);
        offset += n;
    }
    return n < 0;
}

static bool search_path(struct haystack *h, const char *path)
{
    bool found = false;

    h->read = read_descriptor;
    if (path == NULL) {
        return false; /* a SQLite without WAL */
    }
    h->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (h->fd < 0) {
        return errno != ENOENT; /* not there: no such copy */
    }
    found = search(h);
    (void)close(h->fd);
    return found;
}

static bool search_database(struct haystack *h, sqlite3 *db, const char *schema)
{
    h->read = read_database;
    h->file = NULL;
    if (sqlite3_file_control(db, schema, SQLITE_FCNTL_FILE_POINTER, &h->file) !=
            SQLITE_OK ||
        h->file == NULL || h->file->pMethods == NULL) {
        return true;
    }
    return search(h);
}

bool ee_residue_in_files(sqlite3 *db, const char *schema,
                         const struct ee_bytes *needles, size_t count)
{
    const char *path = sqlite3_db_filename(db, schema);
    struct haystack h = {.needles = needles, .count = count, .fd = -1};
    bool found = true;

    if (path == NULL || path[0] == '\0') {
        return false; /* in memory: no file */
    }
    h.buffer = sqlite3_malloc64(CHUNK + NEEDLE_MAX);
    if (h.buffer == NULL) {
        return true;
    }
    found = search_database(&h, db, schema) ||
            search_path(&h, sqlite3_filename_wal(path)) ||
            search_path(&h, sqlite3_filename_journal(path));
    sqlite3_free(h.buffer);
    return found;
}
