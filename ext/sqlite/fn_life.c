/* SPDX-License-Identifier: MIT
 *
 * fn_life.c: envelope_key_rewrap() and envelope_key_destroy().
 */
#include "base/secret.h"
#include "sqlite/call.h"
#include "sqlite/functions.h"

static int rewrap(const struct ee_call *call, int argc, sqlite3_value **argv,
                  int *count, struct ee_error *err)
{
    const char *cmks[EE_CMKS_MAX] = {NULL};
    struct ee_bytes name;
    int rc = ee_call_text(argv[0], "the key name", &name, err);

    if (rc == EE_OK) {
        rc = ee_call_cmks(argc - 1, argv + 1, cmks, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_rewrap(&call->conn->keys, (const char *)name.p, name.n,
                            cmks, argc - 1, count, err);
    }
    return rc;
}

static int fn_rewrap(const struct ee_call *call, int argc, sqlite3_value **argv,
                     struct ee_error *err)
{
    int count = 0;
    int rc = EE_OK;

    if (argc < 1) {
        rc = ee_fail(err, EE_MISUSE,
                     "wrong number of arguments: envelope_key_rewrap(name [, "
                     "cmk_uri...])");
    } else {
        rc = rewrap(call, argc, argv, &count, err);
    }
    if (rc == EE_OK) {
        sqlite3_result_int(call->ctx, count);
    }
    return rc;
}

/* The same text twice: a slip of the hand destroys nothing. */
static int name_twice(sqlite3_value **argv, struct ee_bytes *name,
                      struct ee_error *err)
{
    struct ee_bytes again;
    int rc = ee_call_text(argv[0], "the key name", name, err);

    if (rc == EE_OK) {
        rc = ee_call_text(argv[1], "the key name", &again, err);
    }
    if (rc == EE_OK &&
        (name->n != again.n || !ee_equal(name->p, again.p, again.n))) {
        rc = ee_fail(err, EE_MISUSE,
                     "to destroy a key for ever, give its name twice: SELECT "
                     "envelope_key_destroy('pii', 'pii')");
    }
    return rc;
}

/* What is left of the wraps, and what to type about it. */
static const char *outcome(enum ee_leftover left)
{
    switch (left) {
    case EE_LEFT_UNTIL_COMMIT:
        return "destroyed in this transaction: COMMIT, then PRAGMA "
               "wal_checkpoint(TRUNCATE)";
    case EE_LEFT_IN_WAL:
        return "destroyed, but the WAL could not be emptied while others use "
               "it: PRAGMA wal_checkpoint(TRUNCATE) when they are done";
    case EE_LEFT_IN_FILE:
        return "destroyed, but a copy is left in free space of the files: "
               "VACUUM";
    case EE_LEFT_UNKNOWN:
        return "destroyed; the file is big and was not searched for copies in "
               "free space: a VACUUM removes any";
    default:
        return "destroyed";
    }
}

static int fn_destroy(const struct ee_call *call, int argc,
                      sqlite3_value **argv, struct ee_error *err)
{
    enum ee_leftover left = EE_LEFT_NOTHING;
    struct ee_bytes name = {NULL, 0};
    int rc = name_twice(argv, &name, err);

    (void)argc;
    if (rc == EE_OK) {
        rc = ee_keys_destroy(&call->conn->keys, (const char *)name.p, name.n,
                             &left, err);
    }
    if (rc == EE_OK) {
        sqlite3_result_text(call->ctx, outcome(left), -1, SQLITE_STATIC);
    }
    return rc;
}

const struct ee_function ee_life_functions[] = {
    {"envelope_key_rewrap", -1, SQLITE_DIRECTONLY, fn_rewrap, EE_MAY_KEYS},
    {"envelope_key_destroy", 2, SQLITE_DIRECTONLY, fn_destroy, EE_MAY_KEYS},
    {NULL, 0, 0, NULL, 0},
};
