/* SPDX-License-Identifier: MIT
 *
 * fn_value.c: envelope_seal(), envelope_open(), envelope_rewrap().
 *
 * SQLITE_DIRECTONLY: a view or trigger planted in the file must not be able
 * to use the session's keys. Never SQLITE_DETERMINISTIC: the planner calls
 * such functions while it prepares, and lets them into indexes, which would
 * put plaintext on disk.
 */
#include "sqlite/seal.h"

#include "sqlite/functions.h"

#include <string.h>

static int fail_arguments(const char *usage, struct ee_error *err)
{
    return ee_fail(err, EE_MISUSE, "wrong number of arguments: %s", usage);
}

static int fn_seal(const struct ee_call *call, int argc, sqlite3_value **argv,
                   struct ee_error *err)
{
    int rc = EE_OK;

    if (argc < 2) {
        rc = fail_arguments("envelope_seal(value, key [, context...])", err);
    } else {
        rc = ee_seal_arguments(call, argc, argv, false, err);
    }
    return rc;
}

static int open_envelope(const struct ee_call *call,
                         const struct ee_envelope *e, int argc,
                         sqlite3_value **argv, struct ee_error *err)
{
    struct ee_keys *keys = &call->conn->keys;
    struct ee_key_entry *key = NULL;
    struct ee_context context;
    struct ee_value value;
    uint8_t *scratch = NULL; /* secret: wiped when given back */
    int rc = ee_call_key_of(call, e, &key, err);

    if (rc == EE_OK) {
        rc = ee_call_context(call, 1, argc, argv, &context, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    scratch = ee_opened_get(&call->conn->opened, ee_open_size(e));
    if (scratch == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    rc = ee_open(&keys->engine, key->kek, scratch, &value, e, &context);
    if (rc != EE_OK) {
        ee_opened_put(scratch);
        return ee_call_fail_auth(key, err);
    }
    call->conn->opens++;
    ee_call_result_opened(call, &value, scratch);
    return EE_OK;
}

static int fn_open(const struct ee_call *call, int argc, sqlite3_value **argv,
                   struct ee_error *err)
{
    struct ee_envelope e;
    struct ee_bytes blob;
    int rc = EE_OK;

    if (argc < 1) {
        rc = fail_arguments("envelope_open(blob [, context...])", err);
    } else if (sqlite3_value_type(argv[0]) != SQLITE_NULL) {
        rc = ee_call_envelope(argv[0], &blob, &e, err);
        if (rc == EE_OK) {
            rc = open_envelope(call, &e, argc, argv, err);
        }
    }
    return rc;
}

/* FORMAT R47: never a seal-only version.
 * The KEK to wrap under: the named key's, or the current one of the name that
 * the envelope is under. FORMAT R23: an index belongs to its key name. */
static int rewrap_target(const struct ee_call *call,
                         const struct ee_envelope *e, struct ee_key_entry *from,
                         sqlite3_value *name, struct ee_key_entry **to,
                         struct ee_error *err)
{
    struct ee_keys *keys = &call->conn->keys;
    const uint64_t moment = ee_call_moment(call);
    struct ee_bytes text;
    int rc = EE_OK;

    if (name == NULL) {
        return ee_keys_current_of(keys, from, moment, to, err);
    }
    rc = ee_call_text(name, "the key name", &text, err);
    if (rc == EE_OK) {
        rc = ee_keys_for_seal(keys, (const char *)text.p, text.n, moment, to,
                              err);
    }
    if (rc == EE_OK && e->index != NULL &&
        !ee_kek_same_name(from->kek, (*to)->kek)) {
        rc = ee_fail(err, EE_MISUSE,
                     "this envelope has a blind index of key %s and cannot "
                     "move to key %s; open it and seal it again",
                     from->record.name, (*to)->record.name);
    }
    return rc;
}

static int rewrap_to(const struct ee_call *call, const struct ee_envelope *e,
                     struct ee_bytes blob, const struct ee_key_entry *from,
                     const struct ee_key_entry *to, struct ee_error *err)
{
    uint8_t *out = sqlite3_malloc64(blob.n); /* public */
    int rc = EE_OK;

    if (out == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    memcpy(out, blob.p, blob.n);
    rc = ee_rewrap(&call->conn->keys.engine, from->kek, to->kek, out, e);
    if (rc == EE_OK) {
        call->conn->rewraps++;
        sqlite3_result_blob64(call->ctx, out, blob.n, sqlite3_free);
        return EE_OK;
    }
    sqlite3_free(out);
    if (rc == EE_MISUSE) {
        return ee_fail(err, rc,
                       "key %s version %u has suite %s, this envelope has "
                       "suite %s: open it and seal it again",
                       to->record.name, to->record.version,
                       to->kek->suite->name, from->kek->suite->name);
    }
    return ee_call_fail_auth(from, err);
}

static int rewrap_envelope(const struct ee_call *call,
                           const struct ee_envelope *e, struct ee_bytes blob,
                           sqlite3_value *name, struct ee_error *err)
{
    struct ee_key_entry *from = NULL;
    struct ee_key_entry *to = NULL;
    int rc = ee_call_key_of(call, e, &from, err);

    if (rc != EE_OK) {
        return rc;
    }
    ee_cache_pin(from); /* the other may take its place */
    rc = rewrap_target(call, e, from, name, &to, err);
    if (rc == EE_OK) {
        rc = rewrap_to(call, e, blob, from, to, err);
    }
    ee_cache_unpin(from);
    return rc;
}

static int fn_rewrap(const struct ee_call *call, int argc, sqlite3_value **argv,
                     struct ee_error *err)
{
    struct ee_envelope e;
    struct ee_bytes blob;
    int rc = EE_OK;

    if (argc < 1 || argc > 2) {
        rc = fail_arguments("envelope_rewrap(blob [, key])", err);
    } else if (sqlite3_value_type(argv[0]) != SQLITE_NULL) {
        rc = ee_call_envelope(argv[0], &blob, &e, err);
        if (rc == EE_OK) {
            rc = rewrap_envelope(call, &e, blob, argc == 2 ? argv[1] : NULL,
                                 err);
        }
    }
    return rc;
}

const struct ee_function ee_value_functions[] = {
    {"envelope_seal", -1, SQLITE_DIRECTONLY, fn_seal,
     EE_MAY_SEAL | EE_IN_SCHEMA},
    {"envelope_open", -1, SQLITE_DIRECTONLY, fn_open,
     EE_MAY_OPEN | EE_IN_SCHEMA},
    {"envelope_rewrap", -1, SQLITE_DIRECTONLY, fn_rewrap,
     EE_MAY_REWRAP | EE_IN_SCHEMA},
    {NULL, 0, 0, NULL, 0},
};
