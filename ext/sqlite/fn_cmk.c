/* SPDX-License-Identifier: MIT
 *
 * fn_cmk.c: envelope_cmk_create(), envelope_cmk_info(), envelope_cmk_rotate()
 * and envelope_cmk_destroy(), for CMKs whose provider can.
 */
#include "base/json.h"
#include "base/utf8.h"
#include "keys/session.h"
#include "provider/scheme.h"
#include "sqlite/call.h"
#include "sqlite/functions.h"

#include <string.h>

/* The CMK that a function is about. */
struct cmk {
    struct ee_cmk_uri uri;
    struct ee_session session;
    struct ee_provider *p; /* NULL where there is none yet */
};

static void cmk_close(struct cmk *cmk)
{
    ee_provider_close(cmk->p);
    ee_session_close(&cmk->session);
}

/* Reads the URI in arg, which this session allows by naming it, and prepares to
 * ask its provider. cmk_close() afterwards. */
static int cmk_name(const struct ee_call *call, sqlite3_value *arg,
                    struct cmk *cmk, struct ee_error *err)
{
    struct ee_keys *keys = &call->conn->keys;
    struct ee_bytes text = {NULL, 0};
    int rc = ee_call_text(arg, "the CMK's URI", &text, err);

    *cmk = (struct cmk){.p = NULL};
    if (rc == EE_OK) {
        rc = ee_cmk_uri_parse(&cmk->uri, (const char *)text.p, err);
    }
    if (rc == EE_OK) {
        rc = ee_trust_name(keys, "main", cmk->uri.text, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_ready(keys, err);
    }
    if (rc == EE_OK) {
        rc = ee_session_open(&cmk->session, keys, "main", false, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_file_in_use(keys, "main", &cmk->uri,
                                 &cmk->session.env.file_in_use, err);
    }
    return rc;
}

/* The same, and opens it. */
static int cmk_open(const struct ee_call *call, sqlite3_value *arg,
                    struct cmk *cmk, struct ee_error *err)
{
    const int rc = cmk_name(call, arg, cmk, err);

    return rc == EE_OK ? ee_provider_open(&cmk->p, &call->conn->keys.providers,
                                          &cmk->uri, &cmk->session.env, err)
                       : rc;
}

static const char *text_of(sqlite3_value *arg)
{
    return (const char *)sqlite3_value_text(arg);
}

static int fn_create(const struct ee_call *call, int argc, sqlite3_value **argv,
                     struct ee_error *err)
{
    struct ee_keys *keys = &call->conn->keys;
    struct cmk cmk;
    int rc = cmk_name(call, argv[0], &cmk, err);
    const char *uri = text_of(argv[0]);

    (void)argc;
    rc = ee_audit_cmk(&keys->audit, "cmk_created", uri, 0, rc, err);
    if (rc == EE_OK) {
        rc = ee_provider_create(&keys->providers, &cmk.uri, &cmk.session.env,
                                err);
    }
    cmk_close(&cmk);
    if (rc == EE_OK) {
        sqlite3_result_text(call->ctx, uri, -1, SQLITE_TRANSIENT);
    }
    return ee_audit_outcome(&keys->audit, "cmk_create", NULL, uri, rc, err);
}

#define DESCRIPTION_MAX 256

/* What envelope_cmk_info() tells. */
struct facts {
    char uri[EE_CMK_URI_MAX]; /* as it is stored with a wrap */
    const char *provider;
    int state;
    char description[DESCRIPTION_MAX];
};

static int ask(const struct cmk *cmk, struct facts *f, struct ee_error *err)
{
    int rc = ee_provider_canonical(cmk->p, f->uri, &cmk->uri, err);

    f->provider = ee_scheme_of(&cmk->uri);
    if (rc == EE_OK) {
        rc = ee_provider_state(cmk->p, &f->state, err);
    }
    if (rc == EE_OK) {
        rc = ee_provider_describe(cmk->p, f->description, DESCRIPTION_MAX, err);
    }
    ee_utf8_make_printable(f->description);
    return rc;
}

static void write_member(struct ee_writer *w, const char *name,
                         const char *value)
{
    ee_write_bytes(w, ee_bytes(name, strlen(name)));
    ee_json_string(w, ee_bytes(value, strlen(value)));
}

static void result_facts(sqlite3_context *ctx, const struct facts *f)
{
    static const char *const states[] = {
        [ENVELOPE_CMK_UNKNOWN] = "unknown",
        [ENVELOPE_CMK_ENABLED] = "enabled",
        [ENVELOPE_CMK_DISABLED] = "disabled",
        [ENVELOPE_CMK_DESTROYED] = "destroyed",
    };
    char json[6 * (EE_CMK_URI_MAX + DESCRIPTION_MAX) + 200];
    struct ee_writer w = ee_writer((uint8_t *)json, sizeof json);

    write_member(&w, "{\"uri\":", f->uri);
    write_member(&w, ",\"provider\":", f->provider);
    write_member(&w, ",\"state\":", states[f->state]);
    write_member(&w, ",\"description\":", f->description);
    ee_write_u8(&w, '}');
    sqlite3_result_text(ctx, json, (int)w.used, SQLITE_TRANSIENT);
}

static int fn_info(const struct ee_call *call, int argc, sqlite3_value **argv,
                   struct ee_error *err)
{
    struct ee_audit *audit = &call->conn->keys.audit;
    struct facts facts = {.state = ENVELOPE_CMK_UNKNOWN};
    struct cmk cmk;
    int rc = cmk_open(call, argv[0], &cmk, err);
    const char *uri = text_of(argv[0]);

    (void)argc;
    rc = ee_audit_cmk(audit, "cmk_asked", uri, 0, rc, err);
    if (rc == EE_OK) {
        rc = ask(&cmk, &facts, err);
    }
    if (rc == EE_OK) {
        result_facts(call->ctx, &facts);
    }
    cmk_close(&cmk);
    return ee_audit_outcome(audit, "cmk_info", NULL, uri, rc, err);
}

static int fn_rotate(const struct ee_call *call, int argc, sqlite3_value **argv,
                     struct ee_error *err)
{
    struct ee_audit *audit = &call->conn->keys.audit;
    uint32_t version = 0;
    struct cmk cmk;
    int rc = cmk_open(call, argv[0], &cmk, err);
    const char *uri = text_of(argv[0]);

    (void)argc;
    rc = ee_audit_cmk(audit, "cmk_rotated", uri, 0, rc, err);
    if (rc == EE_OK) {
        rc = ee_provider_rotate(cmk.p, &version, err);
    }
    cmk_close(&cmk);
    if (rc == EE_OK && version > 0) {
        sqlite3_result_int64(call->ctx, version);
    }
    return ee_audit_outcome(audit, "cmk_rotate", NULL, uri, rc, err);
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

static int fn_destroy(const struct ee_call *call, int argc,
                      sqlite3_value **argv, struct ee_error *err)
{
    const sqlite3_int64 version = sqlite3_value_int64(argv[1]);
    struct ee_audit *audit = &call->conn->keys.audit;
    struct cmk cmk = {.p = NULL};
    const char *uri = NULL;
    int rc = EE_OK;

    (void)argc;
    if (sqlite3_value_type(argv[1]) != SQLITE_INTEGER || version < 1 ||
        version > UINT32_MAX) {
        rc = ee_fail(err, EE_MISUSE,
                     "the version is an INTEGER from 1 on, as "
                     "envelope_cmk_rotate() gave it");
    }
    if (rc == EE_OK) {
        rc = cmk_open(call, argv[0], &cmk, err);
    }
    uri = text_of(argv[0]);
    if (rc == EE_OK) {
        rc = destroy_unused(call, cmk.p, uri, (uint32_t)version, err);
    }
    cmk_close(&cmk);
    if (rc == EE_OK) {
        sqlite3_result_int64(call->ctx, version);
    }
    return ee_audit_outcome(audit, "cmk_destroy", NULL, uri, rc, err);
}

const struct ee_function ee_cmk_functions[] = {
    {"envelope_cmk_create", 1, SQLITE_DIRECTONLY, fn_create, EE_MAY_KEYS},
    {"envelope_cmk_info", 1, SQLITE_DIRECTONLY, fn_info, EE_MAY_KEYS},
    {"envelope_cmk_rotate", 1, SQLITE_DIRECTONLY, fn_rotate, EE_MAY_KEYS},
    {"envelope_cmk_destroy", 2, SQLITE_DIRECTONLY, fn_destroy, EE_MAY_KEYS},
    {NULL, 0, 0, NULL, 0},
};
