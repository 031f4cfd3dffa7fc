/* SPDX-License-Identifier: MIT
 *
 * fn_provider.c: envelope_provider_registry(), by which another loadable
 * extension brings a provider (envelope_provider.h).
 */
#include "sqlite/call.h"
#include "sqlite/functions.h"

/* SQL cannot make the pointer, so no statement that somebody planted gets
 * anywhere with this. */
static void fn_registry(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const struct ee_call call = ee_call(ctx, "envelope_provider_registry");
    struct envelope_provider_registry **out =
        sqlite3_value_pointer(argv[0], ENVELOPE_REGISTRY_POINTER);
    struct ee_error err;

    (void)argc;
    if (out == NULL) {
        (void)ee_fail(&err, EE_MISUSE,
                      "this is for extensions in C that bring a provider: "
                      "sqlite3_bind_pointer(), see envelope_provider.h");
        ee_call_fail(&call, &err);
        return;
    }
    *out = &call.conn->keys.providers.api;
}

const struct ee_function ee_provider_functions[] = {
    {"envelope_provider_registry", 1, SQLITE_DIRECTONLY | EE_READS_NOTHING,
     fn_registry, EE_MAY_CONFIG},
    {NULL, 0, 0, NULL, 0},
};
