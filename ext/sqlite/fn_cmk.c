/* SPDX-License-Identifier: MIT
 *
 * fn_cmk.c: envelope_cmk_rotate() and envelope_cmk_destroy(), for CMKs whose
 * provider can (the keyring).
 */
#include "keys/session.h"
#include "sqlite/call.h"
#include "sqlite/functions.h"

/* Opens the provider of the URI in arg. Close both afterwards. */
static int open_cmk(const struct ee_call *call, sqlite3_value *arg,
                    struct ee_session *session, struct ee_provider **p,
                    struct ee_error *err)
{
    struct ee_keys *keys = &call->conn->keys;
    struct ee_cmk_uri uri;
    struct ee_bytes text = {NULL, 0};
    int rc = ee_call_text(arg, "the CMK's URI", &text, err);

    if (rc == EE_OK) {
        rc = ee_cmk_uri_parse(&uri, (const char *)text.p, err);
    }
    if (rc == EE_OK) {
        rc = ee_trust_name(keys, "main", uri.text, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_ready(keys, err);
    }
    if (rc == EE_OK) {
        rc = ee_session_open(session, keys, "main", false, err);
    }
    if (rc == EE_OK) {
        rc = ee_provider_open(p, &keys->providers, &uri, &session->env, err);
    }
    return rc;
}

static void fn_rotate(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const struct ee_call call = ee_call(ctx, "envelope_cmk_rotate");
    struct ee_session session = {0};
    struct ee_provider *p = NULL;
    struct ee_error err = {0};
    uint32_t version = 0;
    struct ee_audit *audit = &call.conn->keys.audit;
    int rc = open_cmk(&call, argv[0], &session, &p, &err);
    const char *uri = (const char *)sqlite3_value_text(argv[0]);

    (void)argc;
    rc = ee_audit_cmk(audit, "cmk_rotated", uri, 0, rc, &err);
    if (rc == EE_OK) {
        rc = ee_provider_rotate(p, &version, &err);
    }
    ee_provider_close(p);
    ee_session_close(&session);
    (void)ee_audit_outcome(audit, "cmk_rotate", NULL, uri, rc, &err);
    if (rc != EE_OK) {
        ee_call_fail(&call, &err);
        return;
    }
    sqlite3_result_int64(ctx, version);
}

/* What no key needs is destroyed, while no key can come to need it. */
static int destroy_unused(const struct ee_call *call, struct ee_provider *p,
                          const char *uri, uint32_t version,
                          struct ee_error *err)
{
    struct ee_keys *keys = &call->conn->keys;
    struct ee_write write;
    int rc = ee_keys_lock_unused_cmk(keys, p, version, &write, err);
    const bool locked = rc == EE_OK;

    rc = ee_audit_cmk(&keys->audit, "cmk_destroyed", uri, version, rc, err);
    if (rc == EE_OK) {
        rc = ee_provider_destroy(p, version, err);
    }
    if (locked) {
        ee_write_undo(keys, &write);
    }
    return rc;
}

static void fn_destroy(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const struct ee_call call = ee_call(ctx, "envelope_cmk_destroy");
    const sqlite3_int64 version = sqlite3_value_int64(argv[1]);
    struct ee_session session = {0};
    struct ee_provider *p = NULL;
    struct ee_error err = {0};
    struct ee_audit *audit = &call.conn->keys.audit;
    const char *uri = NULL;
    int rc = EE_OK;

    (void)argc;
    if (sqlite3_value_type(argv[1]) != SQLITE_INTEGER || version < 1 ||
        version > UINT32_MAX) {
        rc = ee_fail(&err, EE_MISUSE, "the version must be an INTEGER");
    }
    if (rc == EE_OK) {
        rc = open_cmk(&call, argv[0], &session, &p, &err);
    }
    uri = (const char *)sqlite3_value_text(argv[0]);
    if (rc == EE_OK) {
        rc = destroy_unused(&call, p, uri, (uint32_t)version, &err);
    }
    ee_provider_close(p);
    ee_session_close(&session);
    (void)ee_audit_outcome(audit, "cmk_destroy", NULL, uri, rc, &err);
    if (rc != EE_OK) {
        ee_call_fail(&call, &err);
        return;
    }
    sqlite3_result_int64(ctx, version);
}

const struct ee_function ee_cmk_functions[] = {
    {"envelope_cmk_rotate", 1, SQLITE_DIRECTONLY, fn_rotate, EE_MAY_KEYS},
    {"envelope_cmk_destroy", 2, SQLITE_DIRECTONLY, fn_destroy, EE_MAY_KEYS},
    {NULL, 0, 0, NULL, 0},
};
