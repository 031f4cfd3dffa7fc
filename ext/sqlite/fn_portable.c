/* SPDX-License-Identifier: MIT
 *
 * fn_portable.c: envelope_reseal(), envelope_export(), envelope_import().
 *
 * Reseal and import are one thing: open, and seal again with a new DEK. They
 * differ in whose KEK opens. The plaintext in between lies in a buffer of
 * sqlite/opened.h and is wiped there.
 */
#include "base/secret.h"
#include "envelope/blind_index.h"
#include "keys/portable.h"
#include "sqlite/functions.h"
#include "sqlite/seal.h"

/* The store of the running statement execution. SQLite drops auxiliary data,
 * and so wipes these KEKs, when the statement ends; a negative index is shared
 * by all functions of the statement (sqlite/call.c). */
#define PORTABLE_SLOT (-6546)

static int portable_keys(const struct ee_call *call, struct ee_portable **out,
                         struct ee_error *err)
{
    *out = sqlite3_get_auxdata(call->ctx, PORTABLE_SLOT);
    if (*out == NULL) {
        struct ee_portable *p = ee_portable_new();

        if (p != NULL) {
            /* without memory SQLite frees p at once: so ask again */
            sqlite3_set_auxdata(call->ctx, PORTABLE_SLOT, p, ee_portable_free);
        }
        *out = sqlite3_get_auxdata(call->ctx, PORTABLE_SLOT);
    }
    return *out != NULL ? EE_OK : ee_fail(err, EE_NOMEM, "out of memory");
}

/* Who opens the envelope, and what its failures are called. */
struct source {
    const struct ee_kek *kek;
    const struct ee_key_entry *entry; /* NULL: an export KEK */
};

static int fail_auth(const struct source *from, struct ee_error *err)
{
    return from->entry != NULL ? ee_call_fail_auth(from->entry, err)
                               : ee_portable_fail_auth(err);
}

/* The index belongs to the key name: under the same one it must be what it
 * was (FORMAT R26), under another it is made anew. An export KEK has no name.
 */
static int index_again(const struct source *from, const struct ee_key_entry *to,
                       const struct ee_envelope *e,
                       const struct ee_context *context,
                       const struct ee_value *value, uint8_t *index,
                       struct ee_error *err)
{
    ee_blind_index(index, to->kek, ee_context_first(context), value);
    if (from->entry != NULL && ee_kek_same_name(from->kek, to->kek) &&
        !ee_equal(index, e->index, EE_INDEX_BYTES)) {
        return fail_auth(from, err);
    }
    return EE_OK;
}

/* value is open. Padding is kept, and added when the session pads. */
static int seal_again(const struct ee_call *call, const struct source *from,
                      struct ee_key_entry *to, const struct ee_envelope *e,
                      struct ee_context *context, const struct ee_value *value,
                      struct ee_error *err)
{
    const bool padded = (e->flags & EE_FLAG_PADDED) != 0 || call->conn->padding;
    const uint8_t flags =
        (uint8_t)((e->flags & EE_FLAG_INDEX) | (padded ? EE_FLAG_PADDED : 0));
    uint8_t index[EE_INDEX_BYTES];
    int rc = EE_OK;

    if (e->index != NULL) {
        rc = index_again(from, to, e, context, value, index, err);
    }
    if (rc == EE_OK) {
        rc = ee_seal_result(call, to, value, context, flags,
                            e->index != NULL ? index : NULL, err);
    }
    return rc;
}

/* Opens e with the context arguments, and seals under `to` with a new DEK. */
static int open_and_seal(const struct ee_call *call, const struct source *from,
                         struct ee_key_entry *to, const struct ee_envelope *e,
                         int argc, sqlite3_value **argv, struct ee_error *err)
{
    struct ee_context context;
    struct ee_value value;   /* secret: wiped below */
    uint8_t *scratch = NULL; /* secret: wiped when given back */
    int rc = EE_OK;

    if (e->index != NULL && argc <= EE_CONTEXT_ARGUMENT) {
        return ee_fail(err, EE_MISUSE,
                       "this envelope has a blind index: its context begins "
                       "with the scope");
    }
    rc = ee_call_context(call, EE_CONTEXT_ARGUMENT, argc, argv, &context, err);
    if (rc != EE_OK) {
        return rc;
    }
    scratch = ee_opened_get(&call->conn->opened, ee_open_size(e));
    if (scratch == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    rc = ee_open(&call->conn->keys.engine, from->kek, scratch, &value, e,
                 &context);
    if (rc == EE_OK) {
        call->conn->opens++;
        rc = seal_again(call, from, to, e, &context, &value, err);
        ee_value_wipe(&value);
    } else {
        rc = fail_auth(from, err);
    }
    ee_opened_put(scratch);
    return rc;
}

static int reseal(const struct ee_call *call, const struct ee_envelope *e,
                  int argc, sqlite3_value **argv, struct ee_error *err)
{
    struct ee_key_entry *from = NULL;
    struct ee_key_entry *to = NULL;
    struct source source = {0};
    int rc = ee_call_key_of(call, e, &from, err);

    if (rc != EE_OK) {
        return rc;
    }
    ee_cache_pin(from); /* the other may take its place */
    rc = ee_seal_key(call, argv, &to, err);
    if (rc == EE_OK) {
        source = (struct source){from->kek, from};
        rc = open_and_seal(call, &source, to, e, argc, argv, err);
    }
    ee_cache_unpin(from);
    return rc;
}

static int import(const struct ee_call *call, const struct ee_envelope *e,
                  int argc, sqlite3_value **argv, struct ee_error *err)
{
    const struct ee_portable_key *key = NULL;
    struct ee_portable *portable = NULL;
    struct ee_key_entry *to = NULL;
    struct source source = {0};
    int rc = ee_seal_key(call, argv, &to, err);

    if (rc == EE_OK) {
        rc = portable_keys(call, &portable, err);
    }
    if (rc == EE_OK) {
        rc = ee_portable_import(portable, &call->conn->keys, to->schema, e,
                                &key, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    source.kek = key->kek;
    return open_and_seal(call, &source, to, e, argc, argv, err);
}

static int export(const struct ee_call *call, const struct ee_envelope *e,
                  int argc, sqlite3_value **argv, struct ee_error *err)
{
    struct ee_keys *keys = &call->conn->keys;
    const struct ee_portable_key *to = NULL;
    struct ee_portable *portable = NULL;
    struct ee_key_entry *from = NULL;
    struct ee_bytes record;
    uint8_t *out = NULL; /* public */
    size_t n = 0;
    int rc = ee_call_key_of(call, e, &from, err);

    (void)argc;
    (void)argv;
    if (rc == EE_OK) {
        rc = portable_keys(call, &portable, err);
    }
    if (rc == EE_OK) {
        rc = ee_portable_export(portable, keys, from, &to, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    record = ee_bytes(to->record, to->record_n);
    n = ee_export_size(e, record);
    out = sqlite3_malloc64(n);
    if (out == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    rc = ee_export(&keys->engine, from->kek, to->kek, record, out, e);
    if (rc != EE_OK) {
        sqlite3_free(out);
        return ee_call_fail_auth(from, err);
    }
    sqlite3_result_blob64(call->ctx, out, n, sqlite3_free);
    return EE_OK;
}

typedef int work(const struct ee_call *call, const struct ee_envelope *e,
                 int argc, sqlite3_value **argv, struct ee_error *err);

/* NULL stays NULL: FORMAT R11. Else argv[0] is an envelope to work on. */
static int run(const struct ee_call *call, work *do_work, int argc,
               sqlite3_value **argv, struct ee_error *err)
{
    struct ee_envelope e;
    struct ee_bytes blob;
    int rc = EE_OK;

    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return EE_OK;
    }
    rc = ee_call_envelope(argv[0], &blob, &e, err);
    return rc == EE_OK ? do_work(call, &e, argc, argv, err) : rc;
}

static int run_with_key(const struct ee_call *call, work *do_work, int argc,
                        sqlite3_value **argv, struct ee_error *err)
{
    return argc >= 2 ? run(call, do_work, argc, argv, err)
                     : ee_fail(err, EE_MISUSE,
                               "wrong number of arguments: %s(blob, key [, "
                               "context...])",
                               call->function);
}

static int fn_reseal(const struct ee_call *call, int argc, sqlite3_value **argv,
                     struct ee_error *err)
{
    return run_with_key(call, reseal, argc, argv, err);
}

static int fn_import(const struct ee_call *call, int argc, sqlite3_value **argv,
                     struct ee_error *err)
{
    return run_with_key(call, import, argc, argv, err);
}

static int fn_export(const struct ee_call *call, int argc, sqlite3_value **argv,
                     struct ee_error *err)
{
    return run(call, export, argc, argv, err);
}

const struct ee_function ee_portable_functions[] = {
    {"envelope_reseal", -1, SQLITE_DIRECTONLY, fn_reseal,
     EE_MAY_OPEN | EE_MAY_SEAL},
    {"envelope_export", 1, SQLITE_DIRECTONLY, fn_export, EE_MAY_OPEN},
    {"envelope_import", -1, SQLITE_DIRECTONLY, fn_import,
     EE_MAY_OPEN | EE_MAY_SEAL},
    {NULL, 0, 0, NULL, 0},
};
