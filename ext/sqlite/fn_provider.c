/* SPDX-License-Identifier: MIT
 *
 * fn_provider.c: envelope_provider_registry(), by which another loadable
 * extension brings a provider (envelope_provider.h).
 */
#include "sqlite/call.h"
#include "sqlite/functions.h"

/* SQL cannot make the pointer, so no statement that somebody planted gets
 * anywhere with this. */
static int fn_registry(const struct ee_call *call, int argc,
                       sqlite3_value **argv, struct ee_error *err)
{
    struct envelope_provider_registry **out =
        sqlite3_value_pointer(argv[0], ENVELOPE_REGISTRY_POINTER);

    (void)argc;
    if (out == NULL) {
        return ee_fail(err, EE_MISUSE,
                       "this is for extensions in C that bring a provider: "
                       "sqlite3_bind_pointer(), see envelope_provider.h");
    }
    *out = &call->conn->keys.providers.api;
    return EE_OK;
}

const struct ee_function ee_provider_functions[] = {
    {"envelope_provider_registry", 1, SQLITE_DIRECTONLY | EE_READS_NOTHING,
     fn_registry, EE_MAY_CONFIG},
    {NULL, 0, 0, NULL, 0},
};
