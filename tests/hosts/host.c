/* SPDX-License-Identifier: MIT
 *
 * host.c: what the programs of this folder share.
 */
#include "host.h"

#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

void host_must(int cond, const char *what)
{
    if (!cond) {
        (void)fprintf(stderr, "host: %s\n", what);
        exit(2);
    }
}

const char *host_extension(void)
{
    const char *path = getenv("EE_EXTENSION");

    host_must(path != NULL, "EE_EXTENSION is not set");
    return path;
}

const char *host_path(const char *name)
{
    static char paths[8][512];
    static size_t next;
    char *path = paths[next++ % 8];

    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void host_setup(void)
{
    const char *base = getenv("TMPDIR");
    unsigned char key[32];
    FILE *file = NULL;

    (void)snprintf(folder, sizeof folder, "%s/ee-host-XXXXXX",
                   base != NULL ? base : "/tmp");
    host_must(mkdtemp(folder) != NULL, "no scratch folder");
    host_must(getrandom(key, sizeof key, 0) == sizeof key, "no random bytes");
    (void)umask(077);
    file = fopen(host_path("secret.key"), "wb");
    host_must(file != NULL && fwrite(key, sizeof key, 1, file) == 1 &&
                  fclose(file) == 0,
              "no key file");
    (void)setenv("ENVELOPE_KEYFILE", host_path("secret.key"), 1);
}

void host_cleanup(void)
{
    char command[300];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    host_must(system(command) == 0, "the scratch folder stays");
}

sqlite3 *host_open(const char *name)
{
    sqlite3 *db = NULL;

    host_must(sqlite3_open(host_path(name), &db) == SQLITE_OK, name);
    return db;
}

sqlite3 *host_open_loaded(const char *name)
{
    sqlite3 *db = host_open(name);
    char *message = NULL;
    int rc = sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1,
                               (int *)NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_load_extension(db, host_extension(), NULL, &message);
    }
    host_must(rc == SQLITE_OK, message != NULL ? message : "not loaded");
    return db;
}

sqlite3_stmt *host_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    host_must(rc == SQLITE_OK, sqlite3_errmsg(db));
    return stmt;
}

bool host_run(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    int rc = sqlite3_exec(db, sql, NULL, NULL, &message);

    if (rc != SQLITE_OK) {
        note("%s: %s", sql, message);
    }
    sqlite3_free(message);
    return rc == SQLITE_OK;
}

bool host_says(sqlite3 *db, const char *sql, const char *text)
{
    sqlite3_stmt *stmt = host_prepare(db, sql);
    const char *found = NULL;
    bool same = false;

    if (sqlite3_step(stmt) == SQLITE_ROW) {
        found = (const char *)sqlite3_column_text(stmt, 0);
        same = found != NULL && strcmp(found, text) == 0;
    }
    if (!same) {
        note("%s: %s", sql, found != NULL ? found : sqlite3_errmsg(db));
    }
    (void)sqlite3_finalize(stmt);
    return same;
}
