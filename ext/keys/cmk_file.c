/* SPDX-License-Identifier: MIT
 *
 * cmk_file.c: do keys of a database need a file that keeps CMKs? Then one that
 * is missing has been moved or is not mounted. To make an empty one in its
 * place would hide that, and the next copy would overwrite it.
 */
#include "keys/keys.h"
#include "keys/session.h"

#include <string.h>

static const char doing[] = "read the CMKs of the keys";

/* Whatever CMK in the file. */
static bool is_in_file(struct ee_bytes folder, const struct ee_cmk_uri *file,
                       const char *cmk)
{
    struct ee_error ignored;
    struct ee_cmk_uri uri;

    return ee_cmk_uri_parse(&uri, cmk, &ignored) == EE_OK &&
           strcmp(uri.scheme, file->scheme) == 0 &&
           ee_trust_same_path(folder, uri.path, file->path);
}

static int look(struct ee_keys *k, const char *schema,
                const struct ee_cmk_uri *uri, bool *yes, struct ee_error *err)
{
    static const char sql[] =
        "SELECT DISTINCT cmk FROM \"%w\".envelope_key_wrap"
        " WHERE length(wrapped) > 0";
    const struct ee_bytes folder = ee_session_folder(k->db, schema);
    sqlite3_stmt *stmt = NULL;
    int step = SQLITE_DONE;
    int rc = ee_statement_get(&k->statements, &stmt, sql, schema, doing, err);

    if (rc != EE_OK) {
        return rc;
    }
    while (!*yes && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *cmk = (const char *)sqlite3_column_text(stmt, 0);

        *yes = cmk != NULL && is_in_file(folder, uri, cmk);
    }
    if (!*yes && step != SQLITE_DONE) {
        rc = ee_sql_fail(k->db, step, doing, err);
    }
    ee_statement_put(&k->statements, stmt);
    return rc;
}

int ee_keys_file_in_use(struct ee_keys *k, const char *schema,
                        const struct ee_cmk_uri *uri, bool *yes,
                        struct ee_error *err)
{
    bool exist = false;
    int rc = EE_OK;

    *yes = false;
    if (!ee_cmk_uri_is_file(uri)) {
        return EE_OK;
    }
    rc = ee_store_exists(&k->statements, schema, &exist, err);
    return rc == EE_OK && exist ? look(k, schema, uri, yes, err) : rc;
}
