/* SPDX-License-Identifier: MIT
 *
 * keyring_load.c: reads a keyring into memory and checks its shape.
 */
#include "provider/keyring_store.h"

#include "base/secret.h"
#include "base/secret_source.h"

#include <string.h>

#define CMKS_MAX 65536 /* versions in one keyring */

static int fail_shape(struct ee_keyring_store *s, const char *table,
                      struct ee_error *err)
{
    return ee_fail(err, EE_TAMPERED,
                   "keyring %s was altered: a row of its table %s has an "
                   "unexpected form",
                   s->keyring, table);
}

static bool text_is(sqlite3_stmt *stmt, int column, const char *expected)
{
    size_t n = strlen(expected);

    if (sqlite3_column_type(stmt, column) != SQLITE_TEXT) {
        return false;
    }
    return sqlite3_column_text(stmt, column) != NULL &&
           (size_t)sqlite3_column_bytes(stmt, column) == n &&
           ee_equal(sqlite3_column_text(stmt, column), expected, n);
}

/* An integer from 0 to max. */
static bool integer(sqlite3_stmt *stmt, int column, int64_t max, int64_t *out)
{
    *out = sqlite3_column_int64(stmt, column);
    return sqlite3_column_type(stmt, column) == SQLITE_INTEGER && *out >= 0 &&
           *out <= max;
}

static bool read_name(sqlite3_stmt *stmt, int column, char *name)
{
    const unsigned char *text = NULL;
    size_t n = 0;

    if (sqlite3_column_type(stmt, column) != SQLITE_TEXT) {
        return false;
    }
    text = sqlite3_column_text(stmt, column);
    n = (size_t)sqlite3_column_bytes(stmt, column);
    if (text == NULL || n == 0 || n >= EE_CMK_NAME_MAX ||
        memchr(text, 0, n) != NULL) {
        return false;
    }
    memcpy(name, text, n);
    name[n] = '\0';
    return true;
}

static bool read_parameters(sqlite3_stmt *stmt, struct ee_keyring_image *image)
{
    int64_t memory = 0;
    int64_t passes = 0;

    image->kind = text_is(stmt, 0, "passphrase") ? EE_SECRET_PASSPHRASE
                  : text_is(stmt, 0, "keyfile")  ? EE_SECRET_KEYFILE
                                                 : 0;
    if (image->kind == 0 ||
        !ee_sql_blob_is(stmt, 1, image->salt, sizeof image->salt) ||
        !integer(stmt, 2, UINT32_MAX, &memory) ||
        !integer(stmt, 3, UINT32_MAX, &passes)) {
        return false;
    }
    image->memory_kib = (uint32_t)memory;
    image->passes = (uint32_t)passes;
    /* empty while the keyring is being made */
    return sqlite3_column_bytes(stmt, 4) == 0 ||
           ee_sql_blob_is(stmt, 4, image->mac, sizeof image->mac);
}

static int load_parameters(struct ee_keyring_store *s,
                           struct ee_keyring_image *image, struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db,
                                "SELECT kind, salt, memory_kib, passes, mac "
                                "FROM keyring",
                                -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    if (rc == SQLITE_ROW && read_parameters(stmt, image)) {
        rc = sqlite3_step(stmt); /* and no second row */
    } else if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        rc = SQLITE_ROW;
    }
    (void)sqlite3_finalize(stmt);
    if (rc == SQLITE_ROW) {
        return fail_shape(s, "keyring", err);
    }
    return rc == SQLITE_DONE ? EE_OK : ee_keyring_store_fail(s, rc, err);
}

static bool read_cmk(sqlite3_stmt *stmt, struct ee_cmk *cmk)
{
    int64_t version = 0;
    int64_t created = 0;

    memset(cmk, 0, sizeof *cmk);
    if (!read_name(stmt, 0, cmk->name) ||
        !integer(stmt, 1, UINT32_MAX, &version) ||
        !integer(stmt, 3, INT64_MAX, &created)) {
        return false;
    }
    cmk->version = (uint32_t)version;
    cmk->created = (uint64_t)created;
    if (text_is(stmt, 2, "destroyed")) {
        cmk->state = EE_CMK_DESTROYED;
        return sqlite3_column_type(stmt, 4) == SQLITE_NULL &&
               sqlite3_column_type(stmt, 5) == SQLITE_NULL;
    }
    cmk->state = EE_CMK_ENABLED;
    return text_is(stmt, 2, "enabled") &&
           ee_sql_blob_is(stmt, 4, cmk->nonce, sizeof cmk->nonce) &&
           ee_sql_blob_is(stmt, 5, cmk->box, sizeof cmk->box);
}

/* Room for one more, doubling. */
static int grow(struct ee_keyring_store *s, struct ee_keyring_image *image,
                size_t *room, struct ee_error *err)
{
    size_t want = *room == 0 ? 16 : *room * 2;
    struct ee_cmk *cmks = NULL;

    if (image->count < *room) {
        return EE_OK;
    }
    if (want > CMKS_MAX) {
        return fail_shape(s, "cmk", err);
    }
    cmks = sqlite3_realloc64(image->cmks, want * sizeof *cmks);
    if (cmks == NULL) {
        return ee_keyring_store_fail(s, SQLITE_NOMEM, err);
    }
    image->cmks = cmks;
    *room = want;
    return EE_OK;
}

static int load_cmks(struct ee_keyring_store *s, struct ee_keyring_image *image,
                     struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    size_t room = 0;
    int status = EE_OK;
    int rc = sqlite3_prepare_v2(s->db,
                                "SELECT name, version, state, created, nonce, "
                                "box FROM cmk ORDER BY name, version",
                                -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    while (rc == SQLITE_ROW && status == EE_OK) {
        status = grow(s, image, &room, err);
        if (status == EE_OK && !read_cmk(stmt, &image->cmks[image->count])) {
            status = fail_shape(s, "cmk", err);
        }
        if (status == EE_OK) {
            image->count++;
            rc = sqlite3_step(stmt);
        }
    }
    (void)sqlite3_finalize(stmt);
    if (status == EE_OK && rc != SQLITE_DONE) {
        status = ee_keyring_store_fail(s, rc, err);
    }
    return status;
}

int ee_keyring_store_load(struct ee_keyring_store *s,
                          struct ee_keyring_image *image, struct ee_error *err)
{
    bool outer = !sqlite3_get_autocommit(s->db); /* a write is under way */
    int status = EE_OK;

    memset(image, 0, sizeof *image);
    if (!outer) { /* both tables must be of one moment */
        int rc = sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL);

        if (rc != SQLITE_OK) {
            return ee_keyring_store_fail(s, rc, err);
        }
    }
    status = load_parameters(s, image, err);
    if (status == EE_OK) {
        status = load_cmks(s, image, err);
    }
    if (!outer && status == EE_OK) { /* out of memory can fail even this */
        status = ee_keyring_store_commit(s, err);
    }
    if (status != EE_OK) {
        if (!outer) {
            ee_keyring_store_rollback(s);
        }
        ee_keyring_image_clear(image);
    }
    return status;
}
