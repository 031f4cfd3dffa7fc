/* SPDX-License-Identifier: MIT
 *
 * fn_drop.c: envelope_drop(), which gives up a privilege of this connection.
 *
 * Which function needs which privilege stands in the tables of functions;
 * entry.c looks before every call. So a drop is seen by statements that are
 * running, and wins over whatever the cache holds.
 */
#include "sqlite/call.h"
#include "sqlite/functions.h"

#include <string.h>

static const struct {
    unsigned bit;
    const char *name;
} privileges[] = {
    {EE_MAY_OPEN, "open"}, {EE_MAY_SEAL, "seal"},     {EE_MAY_REWRAP, "rewrap"},
    {EE_MAY_KEYS, "keys"}, {EE_MAY_CONFIG, "config"},
};

#define PRIVILEGE_COUNT (sizeof privileges / sizeof privileges[0])

const char *ee_privilege_name(unsigned privilege)
{
    size_t i = 0;

    while (i + 1 < PRIVILEGE_COUNT && privileges[i].bit != privilege) {
        i++;
    }
    return privileges[i].name;
}

static int drop(struct ee_conn *conn, sqlite3_value *arg, struct ee_error *err)
{
    const unsigned values = EE_MAY_OPEN | EE_MAY_SEAL | EE_MAY_REWRAP;
    struct ee_bytes text;
    int rc = ee_call_text(arg, "the privilege", &text, err);

    if (rc != EE_OK) {
        return rc;
    }
    for (size_t i = 0; i < PRIVILEGE_COUNT; i++) {
        if (strcmp(privileges[i].name, (const char *)text.p) == 0) {
            conn->dropped |= privileges[i].bit;
            if ((conn->dropped & values) == values) {
                ee_cache_clear(&conn->keys.cache); /* no use for keys is left */
            }
            return EE_OK;
        }
    }
    return ee_fail(err, EE_MISUSE,
                   "a privilege is 'open', 'seal', 'rewrap', 'keys' or "
                   "'config'");
}

/* Returns what is left. */
static int fn_drop(const struct ee_call *call, int argc, sqlite3_value **argv,
                   struct ee_error *err)
{
    char left[64] = "";
    size_t n = 0;

    const int rc = argc == 1 ? drop(call->conn, argv[0], err) : EE_OK;

    if (rc != EE_OK) {
        return rc;
    }
    for (size_t i = 0; i < PRIVILEGE_COUNT; i++) {
        if ((call->conn->dropped & privileges[i].bit) == 0) {
            (void)sqlite3_snprintf((int)(sizeof left - n), left + n, "%s%s",
                                   n > 0 ? " " : "", privileges[i].name);
            n = strlen(left);
        }
    }
    sqlite3_result_text(call->ctx, left, -1, SQLITE_TRANSIENT);
    return EE_OK;
}

const struct ee_function ee_drop_functions[] = {
    {"envelope_drop", 0, SQLITE_DIRECTONLY | EE_READS_NOTHING, fn_drop, 0},
    {"envelope_drop", 1, SQLITE_DIRECTONLY | EE_READS_NOTHING, fn_drop, 0},
    {NULL, 0, 0, NULL, 0},
};
