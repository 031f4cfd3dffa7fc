/* SPDX-License-Identifier: MIT
 *
 * entry.c: the entry points of the loadable extension.
 *
 * Registers functions and reads nothing: an application may key its database
 * (SQLCipher) after loading us. Returns SQLITE_OK, never
 * SQLITE_OK_LOAD_PERMANENTLY, which an auto-extension reports as a failure;
 * the linker flag -z nodelete keeps us loaded instead.
 */
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

#include "provider/module.h"
#include "sqlite/call.h"
#include "sqlite/encoding.h"
#include "sqlite/functions.h"
#include "sqlite/planted.h"
#include "sqlite/settings.h"

#define OLDEST_SQLITE                                                          \
    3037000 /* sqlite3_txn_state() is 3.34, ALTER rules 3.35 */

const struct ee_function *const ee_families[] = {ee_value_functions,
                                                 ee_index_functions,
                                                 ee_info_functions,
                                                 ee_key_functions,
                                                 ee_life_functions,
                                                 ee_cmk_functions,
                                                 ee_trust_functions,
                                                 ee_drop_functions,
                                                 ee_config_functions,
                                                 ee_portable_functions,
                                                 ee_policy_functions,
                                                 ee_provider_functions,
                                                 NULL};

static bool wants_check(const struct ee_binding *b)
{
    const int flags = b->function->flags;

    return !b->utf16 && !b->conn->is_utf8 &&
           (flags & (SQLITE_INNOCUOUS | EE_READS_NOTHING)) == 0;
}

static int refuse_privilege(const struct ee_call *call, unsigned missing,
                            struct ee_error *err)
{
    const char *name = ee_privilege_name(missing);
    const int rc = ee_fail(
        err, EE_DENIED, "privilege '%s' was dropped for this connection", name);

    return ee_audit_denied(&call->conn->keys.audit, ee_call_moment(call), name,
                           NULL, NULL, rc, err);
}

/* Our functions run SQL of their own, and what an application, or whoever wrote
 * the key tables, hangs on that could call them again: a trace callback, a
 * CHECK. A call works with what the connection has of keys and contexts, so it
 * must not change under it. */
static int refuse_nested(struct ee_error *err)
{
    return ee_fail(err, EE_MISUSE,
                   "called while another envelope function of this connection "
                   "was at work: from a trace callback, say, or a CHECK of the "
                   "key tables; call it afterwards");
}

/* Where SQLITE_DIRECTONLY has a gap. */
static int check_schema(struct ee_call *call, struct ee_error *err)
{
    const int rc = ee_planted_look(call->conn, err);

    if (rc == EE_OK) {
        ee_call_see_schema(call);
    }
    return rc == EE_TAMPERED
               ? ee_audit_denied(&call->conn->keys.audit, ee_call_moment(call),
                                 "verify", NULL, NULL, rc, err)
               : rc;
}

static int run(const struct ee_binding *binding, struct ee_call *call, int argc,
               sqlite3_value **argv, struct ee_error *err)
{
    const unsigned missing =
        ee_privilege_missing(binding->function->needs, binding->conn->dropped);

    if (missing != 0) {
        return refuse_privilege(call, missing, err);
    }
    if (ee_function_is_direct(binding->function, binding->conn->entry) &&
        !ee_call_schema_seen(call)) {
        const int rc = check_schema(call, err);

        if (rc != EE_OK) {
            return rc;
        }
    }
    if (wants_check(binding)) {
        const int rc = ee_encoding_check(binding->conn, err);

        if (rc != EE_OK) {
            return rc;
        }
    }
    return binding->function->call(call, argc, argv, err);
}

/* Every call comes through here: a dropped privilege is seen at once. */
static void call_function(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const struct ee_binding *binding = sqlite3_user_data(ctx);
    struct ee_call call = {.ctx = ctx,
                           .function = binding->function->name,
                           .conn = binding->conn,
                           .utf16 = binding->utf16};
    struct ee_error err;
    int rc = EE_OK;

    ee_error_none(&err);
    if (binding->conn->running) {
        rc = refuse_nested(&err);
    } else {
        binding->conn->running = true;
        rc = run(binding, &call, argc, argv, &err);
        binding->conn->running = false;
    }
    if (rc != EE_OK) {
        ee_call_fail(&call, &err);
    }
}

static int register_one(struct ee_conn *conn, const struct ee_function *f,
                        enum ee_entry entry, bool utf16)
{
    const bool direct = ee_function_is_direct(f, entry);
    const int flags =
        f->flags & ~EE_READS_NOTHING & ~(direct ? 0 : SQLITE_DIRECTONLY);
    struct ee_binding *binding = ee_binding_new(conn, f, utf16);

    if (binding == NULL) {
        return SQLITE_NOMEM;
    }
    return sqlite3_create_function_v2(
        conn->db, f->name, f->arguments,
        flags | (utf16 ? SQLITE_UTF16 : SQLITE_UTF8), binding, call_function,
        NULL, NULL, ee_binding_free);
}

/* One function for a database in UTF-8, one for UTF-16 (sqlite/conn.h). */
static int register_family(struct ee_conn *conn, const struct ee_function *f,
                           enum ee_entry entry)
{
    int rc = SQLITE_OK;

    for (; rc == SQLITE_OK && f->name != NULL; f++) {
        rc = register_one(conn, f, entry, false);
        if (rc == SQLITE_OK) {
            rc = register_one(conn, f, entry, true);
        }
    }
    return rc;
}

static int register_all(struct ee_conn *conn, enum ee_entry entry)
{
    int rc = ee_register_keys_table(conn);

    if (rc == SQLITE_OK) {
        rc = ee_register_audit_table(conn);
    }
    if (rc == SQLITE_OK) {
        rc = ee_register_stats_tables(conn);
    }
    for (size_t i = 0; rc == SQLITE_OK && ee_families[i] != NULL; i++) {
        rc = register_family(conn, ee_families[i], entry);
    }
    return rc;
}

/* One copy of this code can serve one SQLite library: the routine table is a
 * global, and a second library's would redirect the first one's connections. */
static int check_host(const sqlite3_api_routines *api, char **message)
{
#ifdef SQLITE_CORE
    (void)api;
    (void)message;
#else
    if (sqlite3_api != NULL && sqlite3_api != api) {
        *message = api->mprintf("sqlite-envelope is already loaded into "
                                "another SQLite library of this process");
        return SQLITE_ERROR;
    }
    if (api->libversion_number() < OLDEST_SQLITE) {
        *message = api->mprintf("sqlite-envelope needs SQLite 3.37 or newer; "
                                "this is %s",
                                api->libversion());
        return SQLITE_ERROR;
    }
    sqlite3_api = api; /* not a refused one's: a good one may come later */
#endif
    return SQLITE_OK;
}

/* Loaded twice: nothing changes, and no dropped privilege comes back. */
static int check_entry(const struct ee_conn *conn, enum ee_entry entry,
                       char **message)
{
    if (conn->entry == entry) {
        return SQLITE_OK;
    }
    *message = sqlite3_mprintf("sqlite-envelope is already loaded into this "
                               "connection, by its other entry point; nothing "
                               "was changed");
    return SQLITE_ERROR;
}

static int load(sqlite3 *db, char **message, const sqlite3_api_routines *api,
                enum ee_entry entry)
{
    struct ee_error err = {0};
    struct ee_conn *conn = NULL;
    int rc = check_host(api, message);

    if (rc != SQLITE_OK) {
        return rc;
    }
    ee_module_locate();
    conn = ee_conn_attach(db);
    if (conn == NULL) {
        return SQLITE_NOMEM;
    }
    if (conn->entry != EE_ENTRY_NONE) {
        rc = check_entry(conn, entry, message);
    } else if (ee_config_from_environment(conn, &err) == EE_OK) {
        rc = register_all(conn, entry);
        conn->entry = rc == SQLITE_OK ? entry : EE_ENTRY_NONE;
    } else {
        *message = sqlite3_mprintf("%s", err.msg);
        rc = SQLITE_ERROR;
    }
    ee_conn_release(conn);
    return rc;
}

#define EE_EXPORTED __attribute__((visibility("default")))

EE_EXPORTED int sqlite3_envelope_init(sqlite3 *db, char **message,
                                      const sqlite3_api_routines *api);
EE_EXPORTED int sqlite3_envelope_schema_init(sqlite3 *db, char **message,
                                             const sqlite3_api_routines *api);

int sqlite3_envelope_init(sqlite3 *db, char **message,
                          const sqlite3_api_routines *api)
{
    return load(db, message, api, EE_ENTRY_DIRECT);
}

/* For people who let the views and triggers of a file use their keys: the
 * functions marked EE_IN_SCHEMA are not SQLITE_DIRECTONLY. */
int sqlite3_envelope_schema_init(sqlite3 *db, char **message,
                                 const sqlite3_api_routines *api)
{
    return load(db, message, api, EE_ENTRY_SCHEMA);
}
