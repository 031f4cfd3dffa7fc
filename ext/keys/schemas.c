/* SPDX-License-Identifier: MIT
 *
 * schemas.c: the databases of a connection, in the order keys are looked for.
 */
#include "keys/keys.h"

#include <string.h>

static const char doing[] = "list the databases";

int ee_keys_check_schema(struct ee_keys *k, const char *schema,
                         struct ee_error *err)
{
    /* SQLite opens temp when it is first used */
    if (schema[0] != '\0' && sqlite3_stricmp(schema, "temp") != 0 &&
        sqlite3_db_readonly(k->db, schema) < 0) {
        return ee_fail(err, EE_MISUSE,
                       "no database %s is attached, so there is no key in it",
                       schema);
    }
    return EE_OK;
}

struct schema_list {
    char (*names)[EE_SCHEMA_MAX]; /* sqlite3_free() */
    size_t n;
};

static int append(struct schema_list *list, const char *schema,
                  struct ee_error *err)
{
    void *bigger =
        sqlite3_realloc64(list->names, (list->n + 1) * sizeof *list->names);

    if (bigger == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    list->names = bigger;
    (void)sqlite3_snprintf(EE_SCHEMA_MAX, list->names[list->n++], "%s", schema);
    return EE_OK;
}

/* In SQLite's order: main, temp when it is in use, the attached ones. The
 * statement itself and not the table-valued function of that name, which a
 * view in an attached file could stand in for. Prepared anew each time: the
 * list is compiled into it. */
static int list_schemas(struct ee_keys *k, struct schema_list *list,
                        struct ee_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int step = SQLITE_DONE;
    int rc =
        ee_sql_prepare(k->db, &stmt, 0, doing, err, "PRAGMA database_list");

    while (rc == EE_OK && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 1);

        if (name == NULL) {
            rc = ee_fail(err, EE_NOMEM, "out of memory");
        } else if (sqlite3_column_bytes(stmt, 1) < EE_SCHEMA_MAX) {
            rc = append(list, name, err);
        } /* else no key can be made in it, either */
    }
    if (rc == EE_OK && step != SQLITE_DONE) {
        rc = ee_sql_fail(k->db, step, doing, err);
    }
    (void)sqlite3_finalize(stmt);
    return rc;
}

/* The list's own spelling, so that nothing is kept under two. */
int ee_keys_own_schema(struct ee_keys *k, char *schema, struct ee_error *err)
{
    struct schema_list list = {NULL, 0};
    int rc = ee_keys_check_schema(k, schema, err);

    if (rc == EE_OK) {
        rc = list_schemas(k, &list, err);
    }
    for (size_t i = 0; rc == EE_OK && i < list.n; i++) {
        /* the first is main, whatever SQLITE_DBCONFIG_MAINDBNAME calls it */
        if ((i == 0 &&
             (schema[0] == '\0' || sqlite3_stricmp(schema, "main") == 0)) ||
            sqlite3_stricmp(schema, list.names[i]) == 0) {
            memcpy(schema, list.names[i], EE_SCHEMA_MAX);
            break;
        }
    }
    sqlite3_free(list.names);
    return rc;
}

static bool is_temp(const char *schema)
{
    return sqlite3_stricmp(schema, "temp") == 0;
}

/* A copy of the names, because an application may attach while a provider
 * works. temp is last. */
int ee_keys_each_schema(struct ee_keys *k,
                        int (*visit)(void *arg, const char *schema,
                                     struct ee_error *err),
                        void *arg, struct ee_error *err)
{
    struct schema_list list = {NULL, 0};
    int rc = list_schemas(k, &list, err);

    if (rc == EE_OK) {
        rc = EE_KEY_UNKNOWN;
    }
    for (int temp = 0; temp < 2; temp++) {
        for (size_t i = 0; rc == EE_KEY_UNKNOWN && i < list.n; i++) {
            if (is_temp(list.names[i]) == (temp == 1)) {
                rc = visit(arg, list.names[i], err);
            }
        }
    }
    sqlite3_free(list.names);
    return rc;
}
