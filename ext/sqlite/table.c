/* SPDX-License-Identifier: MIT
 *
 * table.c: makes tables and cursors, and reports their errors.
 */
#include "sqlite/table.h"

#include <string.h>

int ee_table_register(struct ee_conn *conn, const char *name,
                      const sqlite3_module *module)
{
    ee_conn_reference(conn);
    return sqlite3_create_module_v2(conn->db, name, module, conn,
                                    ee_conn_release);
}

static void *zeroed(size_t size)
{
    void *p = sqlite3_malloc64(size);

    if (p != NULL) {
        memset(p, 0, size);
    }
    return p;
}

int ee_table_connect(sqlite3 *db, void *conn, const char *declaration,
                     size_t size, sqlite3_vtab **out)
{
    struct ee_table *table = NULL;
    const int rc = sqlite3_declare_vtab(db, declaration);

    if (rc != SQLITE_OK) {
        return rc;
    }
    table = zeroed(size);
    if (table == NULL) {
        return SQLITE_NOMEM;
    }
    table->conn = conn;
    (void)sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    *out = &table->base;
    return SQLITE_OK;
}

int ee_table_disconnect(sqlite3_vtab *base)
{
    sqlite3_free(base);
    return SQLITE_OK;
}

int ee_table_open(size_t size, sqlite3_vtab_cursor **out)
{
    *out = zeroed(size);
    return *out != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

int ee_table_fail(sqlite3_vtab *base, const char *name,
                  const struct ee_error *err)
{
    if (err->code == EE_NOMEM) {
        return SQLITE_NOMEM;
    }
    sqlite3_free(base->zErrMsg);
    base->zErrMsg = sqlite3_mprintf("%s: %s", name, err->msg);
    return err->code == EE_INTERRUPTED ? SQLITE_INTERRUPT
           : err->code == EE_BUSY      ? SQLITE_BUSY
                                       : SQLITE_ERROR;
}
