/* SPDX-License-Identifier: MIT
 *
 * ext_floor.c: what SQLite alone costs. bench_floor(value) returns a BLOB 110
 * bytes longer than its argument, as envelope_seal() does, without any crypto:
 * one allocation, one copy, one result.
 */
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

#include <string.h>

enum { OVERHEAD = 110 };

static void fn_floor(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const void *p = sqlite3_value_blob(argv[0]);
    const sqlite3_uint64 n = (sqlite3_uint64)sqlite3_value_bytes(argv[0]);
    char *out = sqlite3_malloc64(n + OVERHEAD);

    (void)argc;
    if (out == NULL) {
        sqlite3_result_error_nomem(ctx);
        return;
    }
    memset(out, 0xa5, OVERHEAD);
    if (n > 0) {
        memcpy(out + OVERHEAD, p, n);
    }
    sqlite3_result_blob64(ctx, out, n + OVERHEAD, sqlite3_free);
}

__attribute__((visibility("default"))) int
sqlite3_extfloor_init(sqlite3 *db, char **message,
                      const sqlite3_api_routines *api);

int sqlite3_extfloor_init(sqlite3 *db, char **message,
                          const sqlite3_api_routines *api)
{
    SQLITE_EXTENSION_INIT2(api);
    (void)message;
    return sqlite3_create_function(db, "bench_floor", 1, SQLITE_UTF8, NULL,
                                   fn_floor, NULL, NULL);
}
