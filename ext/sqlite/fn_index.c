/* SPDX-License-Identifier: MIT
 *
 * fn_index.c: envelope_seal_indexed() and envelope_blind_index().
 *
 * The index lies at a fixed offset, so `CREATE INDEX i ON t(substr(c,14,16))`
 * needs no function of ours and works where the extension is not loaded.
 */
#include "sqlite/functions.h"
#include "sqlite/seal.h"

static int fn_seal_indexed(const struct ee_call *call, int argc,
                           sqlite3_value **argv, struct ee_error *err)
{
    int rc = EE_OK;

    if (argc < 3) {
        rc = ee_fail(err, EE_MISUSE,
                     "wrong number of arguments: envelope_seal_indexed(value, "
                     "key, scope [, context...])");
    } else {
        rc = ee_seal_arguments(call, argc, argv, true, err);
    }
    return rc;
}

/* Searching opens nothing, but the key must be one that may. */
static int search_key(const struct ee_call *call, sqlite3_value **argv,
                      struct ee_key_entry **out, struct ee_error *err)
{
    struct ee_bytes name;
    int rc = ee_call_text(argv[1], "the key name", &name, err);

    return rc == EE_OK
               ? ee_keys_for_search(&call->conn->keys, (const char *)name.p,
                                    name.n, ee_call_moment(call), out, err)
               : rc;
}

static int fn_blind_index(const struct ee_call *call, int argc,
                          sqlite3_value **argv, struct ee_error *err)
{
    struct ee_key_entry *key = NULL;
    struct ee_value value;
    uint8_t index[EE_INDEX_BYTES];
    int rc = EE_OK;

    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return EE_OK;
    }
    rc = search_key(call, argv, &key, err);
    if (rc == EE_OK) {
        rc = ee_call_value(call, argv[0], &value, err);
    }
    if (rc == EE_OK) {
        rc = ee_index_arguments(call, key, &value, argv, index, err);
        ee_value_wipe(&value);
    }
    if (rc != EE_OK) {
        return rc;
    }
    sqlite3_result_blob(call->ctx, index, sizeof index, SQLITE_TRANSIENT);
    return EE_OK;
}

const struct ee_function ee_index_functions[] = {
    {"envelope_seal_indexed", -1, SQLITE_DIRECTONLY, fn_seal_indexed,
     EE_MAY_SEAL | EE_IN_SCHEMA},
    {"envelope_blind_index", 3, SQLITE_DIRECTONLY, fn_blind_index,
     EE_MAY_OPEN | EE_MAY_SEAL | EE_ONE_OF | EE_IN_SCHEMA},
    {NULL, 0, 0, NULL, 0},
};
