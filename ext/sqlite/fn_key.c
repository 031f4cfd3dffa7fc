/* SPDX-License-Identifier: MIT
 *
 * fn_key.c: envelope_key_create(), _rotate(), _set_state(), _open().
 */
#include "base/text.h"
#include "keys/subject.h"
#include "provider/cmk_uri.h"
#include "sqlite/call.h"
#include "sqlite/functions.h"

#include <stdlib.h>
#include <string.h>

static void result_key_id(sqlite3_context *ctx, const uint8_t *key_id)
{
    char hex[2 * EE_KEY_ID_BYTES + 1];

    ee_hex(hex, ee_bytes(key_id, EE_KEY_ID_BYTES));
    sqlite3_result_text(ctx, hex, -1, SQLITE_TRANSIENT);
}

/* A file name as the path of a URI: % and # and ? are escaped. */
static void append_path(sqlite3_str *uri, const char *name)
{
    for (; *name != '\0'; name++) {
        if (strchr("%#?", *name) != NULL) {
            sqlite3_str_appendf(uri, "%%%02X", (unsigned char)*name);
        } else {
            sqlite3_str_appendchar(uri, 1, *name);
        }
    }
}

/* ENVELOPE_CMK, else a keyring beside the file of the database that the key
 * is made in. *out is the caller's: sqlite3_free(). */
static int default_cmk(struct ee_conn *conn, const struct ee_key_name *name,
                       char **out, struct ee_error *err)
{
    const char *cmk = secure_getenv("ENVELOPE_CMK");
    const char *schema = name->schema[0] != '\0' ? name->schema : "main";
    const char *file = sqlite3_db_filename(conn->db, schema);
    const char *slash = file != NULL ? strrchr(file, '/') : NULL;
    sqlite3_str *uri = NULL;

    if (cmk != NULL) {
        *out = sqlite3_mprintf("%s", cmk);
    } else if (slash == NULL) {
        return ee_fail(err, EE_CONFIG,
                       "a database without a file has no place for a keyring: "
                       "SELECT envelope_key_create('%s', 'keyring:PATH')",
                       name->name);
    } else {
        uri = sqlite3_str_new(conn->db);
        sqlite3_str_appendall(uri, "keyring:");
        append_path(uri, slash + 1);
        sqlite3_str_appendall(uri, ".keyring");
        *out = sqlite3_str_finish(uri);
    }
    return *out != NULL ? EE_OK : ee_fail(err, EE_NOMEM, "out of memory");
}

/* A subject's key is wrapped by its parent's. */
static int create_subject(const struct ee_call *call, int argc,
                          struct ee_bytes name, uint8_t *key_id,
                          struct ee_error *err)
{
    if (argc > 1) {
        return ee_fail(err, EE_MISUSE,
                       "the key of a subject has no CMK of its own: SELECT "
                       "envelope_key_create('%.*s')",
                       (int)name.n, (const char *)name.p);
    }
    return ee_keys_create(&call->conn->keys, (const char *)name.p, name.n, NULL,
                          0, key_id, err);
}

static int create(const struct ee_call *call, int argc, sqlite3_value **argv,
                  uint8_t *key_id, struct ee_error *err)
{
    const char *cmks[EE_CMKS_MAX] = {NULL};
    struct ee_key_name parsed;
    struct ee_bytes name;
    char *chosen = NULL;
    size_t slash = 0;
    int count = argc - 1;
    int rc = ee_call_text(argv[0], "the key name", &name, err);

    if (rc == EE_OK && ee_subject_name((const char *)name.p, name.n, &slash)) {
        return create_subject(call, argc, name, key_id, err);
    }
    if (rc == EE_OK) {
        rc = ee_key_name_parse(&parsed, (const char *)name.p, name.n, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_check_schema(&call->conn->keys, parsed.schema, err);
    }
    if (rc == EE_OK) {
        rc = ee_call_cmks(count, argv + 1, cmks, err);
    }
    if (rc == EE_OK && count == 0) {
        rc = default_cmk(call->conn, &parsed, &chosen, err);
        cmks[0] = chosen;
        count = 1;
    }
    if (rc == EE_OK) {
        rc = ee_keys_create(&call->conn->keys, (const char *)name.p, name.n,
                            cmks, count, key_id, err);
    }
    sqlite3_free(chosen);
    return rc;
}

static int fn_create(const struct ee_call *call, int argc, sqlite3_value **argv,
                     struct ee_error *err)
{
    uint8_t key_id[EE_KEY_ID_BYTES];
    int rc = EE_OK;

    if (argc < 1) {
        rc = ee_fail(err, EE_MISUSE,
                     "wrong number of arguments: envelope_key_create(name [, "
                     "cmk_uri...])");
    } else {
        rc = create(call, argc, argv, key_id, err);
    }
    if (rc == EE_OK) {
        result_key_id(call->ctx, key_id);
    }
    return rc;
}

static int fn_rotate(const struct ee_call *call, int argc, sqlite3_value **argv,
                     struct ee_error *err)
{
    uint8_t key_id[EE_KEY_ID_BYTES];
    struct ee_bytes name;
    int rc = ee_call_text(argv[0], "the key name", &name, err);

    (void)argc;
    if (rc == EE_OK) {
        rc = ee_keys_rotate(&call->conn->keys, (const char *)name.p, name.n,
                            key_id, err);
    }
    if (rc == EE_OK) {
        result_key_id(call->ctx, key_id);
    }
    return rc;
}

static int fn_set_state(const struct ee_call *call, int argc,
                        sqlite3_value **argv, struct ee_error *err)
{
    struct ee_bytes name;
    struct ee_bytes state;
    int rc = ee_call_text(argv[0], "the key name", &name, err);

    (void)argc;
    if (rc == EE_OK) {
        rc = ee_call_text(argv[1], "the state", &state, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_set_state(&call->conn->keys, (const char *)name.p, name.n,
                               ee_state_by_name((const char *)state.p), err);
    }
    if (rc == EE_OK) {
        sqlite3_result_value(call->ctx, argv[1]);
    }
    return rc;
}

/* May this call rotate? Not inside a transaction: that is the application's,
 * and a seal in it would change keys half-way. */
static bool may_rotate(const struct ee_call *call,
                       const struct ee_key_entry *key)
{
    sqlite3 *db = call->conn->db;

    return !key->is_subject && (call->conn->dropped & EE_MAY_KEYS) == 0 &&
           sqlite3_get_autocommit(db) &&
           sqlite3_db_readonly(db, key->schema) == 0;
}

/* A rotation that cannot be done now is for the next call: a key that is
 * overdue opens and seals all the same, envelope_keys.due shows it, and the
 * audit log has why. */
static int rotate_due(const struct ee_call *call, struct ee_bytes name,
                      struct ee_key_entry **key, struct ee_error *err)
{
    struct ee_keys *keys = &call->conn->keys;
    const char *text = (const char *)name.p;
    int rc = ee_keys_rotate_due(keys, text, name.n, err);

    if (rc == EE_TAMPERED || (rc != EE_BUSY && ee_keys_is_fatal(rc))) {
        return rc;
    }
    return ee_keys_for_search(keys, text, name.n, ee_call_moment(call), key,
                              err);
}

/* Who gave up sealing makes no seal-only version. */
static int check_may_make(const struct ee_call *call, struct ee_bytes name,
                          struct ee_error *err)
{
    struct ee_keys *keys = &call->conn->keys;
    int rc = EE_OK;

    if ((call->conn->dropped & EE_MAY_SEAL) == 0 ||
        !ee_seal_only_seals(keys, (const char *)name.p, name.n)) {
        return EE_OK;
    }
    rc = ee_fail(err, EE_DENIED,
                 "privilege 'seal' was dropped for this connection");
    return ee_audit_denied(&keys->audit, ee_call_moment(call), "seal", NULL,
                           NULL, rc, err);
}

/* Loads every version of the key that may open, so that no provider is called
 * inside the write transaction that follows. */
static int fn_open_key(const struct ee_call *call, int argc,
                       sqlite3_value **argv, struct ee_error *err)
{
    struct ee_key_entry *key = NULL;
    struct ee_bytes name;
    bool due = false;
    int rc = ee_call_text(argv[0], "the key name", &name, err);

    (void)argc;
    if (rc == EE_OK) {
        rc = check_may_make(call, name, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_warm(&call->conn->keys, (const char *)name.p, name.n,
                          ee_call_moment(call), &key, err);
    }
    if (rc == EE_OK && may_rotate(call, key)) {
        rc = ee_keys_is_due(&call->conn->keys, key, &due, err);
    }
    if (rc == EE_OK && due) {
        rc = rotate_due(call, name, &key, err);
    }
    if (rc == EE_OK) {
        result_key_id(call->ctx, key->kek->key_id);
    }
    return rc;
}

const struct ee_function ee_key_functions[] = {
    {"envelope_key_create", -1, SQLITE_DIRECTONLY, fn_create, EE_MAY_KEYS},
    {"envelope_key_rotate", 1, SQLITE_DIRECTONLY, fn_rotate, EE_MAY_KEYS},
    {"envelope_key_set_state", 2, SQLITE_DIRECTONLY, fn_set_state, EE_MAY_KEYS},
    {"envelope_key_open", 1, SQLITE_DIRECTONLY, fn_open_key,
     EE_MAY_OPEN | EE_MAY_SEAL | EE_ONE_OF},
    {NULL, 0, 0, NULL, 0},
};
