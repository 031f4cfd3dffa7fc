/* SPDX-License-Identifier: MIT
 *
 * fn_info.c: what can be told of an envelope and of this build without a key.
 */
#include "base/secret.h"
#include "base/text.h"
#include "provider/registry.h"
#include "sqlite/call.h"
#include "sqlite/functions.h"

#define EE_VERSION_TEXT "0.1.0"

static int fn_is_sealed(const struct ee_call *call, int argc,
                        sqlite3_value **argv, struct ee_error *err)
{
    struct ee_envelope e;
    struct ee_bytes blob;

    (void)argc;
    sqlite3_result_int(call->ctx,
                       ee_call_envelope(argv[0], &blob, &e, err) == EE_OK);
    return EE_OK;
}

static int fn_key_id(const struct ee_call *call, int argc, sqlite3_value **argv,
                     struct ee_error *err)
{
    char hex[2 * EE_KEY_ID_BYTES + 1];
    struct ee_envelope e;
    struct ee_bytes blob;
    int rc = EE_OK;

    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return EE_OK;
    }
    rc = ee_call_envelope(argv[0], &blob, &e, err);
    if (rc != EE_OK) {
        return rc;
    }
    ee_hex(hex, ee_bytes(e.key_id, EE_KEY_ID_BYTES));
    sqlite3_result_text(call->ctx, hex, -1, SQLITE_TRANSIENT);
    return EE_OK;
}

static int result_json(const struct ee_call *call, sqlite3_str *json,
                       struct ee_error *err)
{
    char *text = sqlite3_str_finish(json);

    if (text == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    sqlite3_result_text(call->ctx, text, -1, sqlite3_free);
    return EE_OK;
}

static const char *json_bool(bool yes)
{
    return yes ? "true" : "false";
}

/* Key names need no escapes: keys/record.c sees to that. */
static void append_key(sqlite3_str *json, struct ee_keys *keys,
                       const uint8_t *key_id)
{
    struct ee_key_record r;
    struct ee_error ignored;
    char schema[EE_SCHEMA_MAX];
    char hex[2 * EE_KEY_ID_BYTES + 1];

    ee_hex(hex, ee_bytes(key_id, EE_KEY_ID_BYTES));
    sqlite3_str_appendf(json, ",\"key_id\":\"%s\"", hex);
    if (ee_keys_describe(keys, key_id, &r, schema, &ignored) == EE_OK) {
        sqlite3_str_appendf(json,
                            ",\"key\":\"%s\",\"key_version\":%u,"
                            "\"key_state\":\"%s\"",
                            r.name, r.version, ee_state_name(r.state));
    }
}

static int fn_info(const struct ee_call *call, int argc, sqlite3_value **argv,
                   struct ee_error *err)
{
    struct ee_envelope e;
    struct ee_bytes blob;
    sqlite3_str *json = NULL;
    int rc = EE_OK;

    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return EE_OK;
    }
    rc = ee_call_envelope(argv[0], &blob, &e, err);
    if (rc != EE_OK) {
        return rc;
    }
    json = sqlite3_str_new(call->conn->db);
    sqlite3_str_appendf(json, "{\"format\":%d,\"suite\":\"%s\"", EE_VERSION,
                        ee_suite_by_id(e.suite)->name);
    append_key(json, &call->conn->keys, e.key_id);
    sqlite3_str_appendf(
        json,
        ",\"blind_index\":%s,\"embedded_record\":%s,\"padded\":%s,"
        "\"bytes\":%lld,\"value_bytes\":%lld}",
        json_bool((e.flags & EE_FLAG_INDEX) != 0),
        json_bool((e.flags & EE_FLAG_RECORD) != 0),
        json_bool((e.flags & EE_FLAG_PADDED) != 0), (long long)blob.n,
        (long long)(e.data.n - EE_DATA_OVERHEAD));
    return result_json(call, json, err);
}

static int fn_version(const struct ee_call *call, int argc,
                      sqlite3_value **argv, struct ee_error *err)
{
    (void)argc;
    (void)argv;
    (void)err;
    sqlite3_result_text(call->ctx, EE_VERSION_TEXT, -1, SQLITE_STATIC);
    return EE_OK;
}

static void append_memory(sqlite3_str *json)
{
    struct ee_arena_report a;

    ee_arena_report(&a);
    sqlite3_str_appendf(json,
                        ",\"secret_memory\":{\"cells_used\":%lld,"
                        "\"cells\":%lld,\"cell_bytes\":%d,\"locked\":%s,"
                        "\"left_out_of_core_dumps\":%s,\"wiped_on_fork\":%s}",
                        (long long)a.cells_used, (long long)a.cells_total,
                        EE_CELL_BYTES, json_bool(a.locked),
                        json_bool(a.undumpable), json_bool(a.forkwiped));
}

static void append_providers(sqlite3_str *json, const struct ee_providers *r)
{
    const char *scheme = NULL;

    for (size_t i = 0; (scheme = ee_provider_scheme(r, i)) != NULL; i++) {
        sqlite3_str_appendf(json, "%s\"%s\"", i > 0 ? "," : "", scheme);
    }
}

static int fn_debug(const struct ee_call *call, int argc, sqlite3_value **argv,
                    struct ee_error *err)
{
    sqlite3_str *json = NULL;
    /* the libraries know their CPU once they are set up */
    int rc = ee_keys_ready(&call->conn->keys, err);

    (void)argc;
    (void)argv;
    if (rc != EE_OK) {
        return rc;
    }
    json = sqlite3_str_new(call->conn->db);
    sqlite3_str_appendf(json,
                        "{\"version\":\"%s\",\"sqlite\":\"%s\","
                        "\"libsodium\":\"%s\",\"openssl\":\"%s\","
                        "\"self_test\":\"passed\",\"aes_instructions\":%s,"
                        "\"suites\":[\"%s\",\"%s\"],\"providers\":[",
                        EE_VERSION_TEXT, sqlite3_libversion(),
                        ee_sodium_version(), ee_ossl_version(),
                        json_bool(ee_aes_instructions()), ee_suite_aes.name,
                        ee_suite_chacha.name);
    append_providers(json, &call->conn->keys.providers);
    sqlite3_str_appendf(json, "],\"keys_cached\":%lld",
                        (long long)call->conn->keys.cache.count);
    append_memory(json);
    sqlite3_str_appendall(json, "}");
    return result_json(call, json, err);
}

/* The first two read nothing but their argument. envelope_info() reads the
 * key tables, which a planted view must not make it do. */
const struct ee_function ee_info_functions[] = {
    {"envelope_is_sealed", 1, SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
     fn_is_sealed, 0},
    {"envelope_key_id", 1, SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, fn_key_id,
     0},
    {"envelope_info", 1, SQLITE_DIRECTONLY, fn_info, 0},
    {"envelope_version", 0, SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, fn_version,
     0},
    {"envelope_debug", 0, SQLITE_DIRECTONLY | EE_READS_NOTHING, fn_debug, 0},
    {NULL, 0, 0, NULL, 0},
};
