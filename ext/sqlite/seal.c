/* SPDX-License-Identifier: MIT
 *
 * seal.c: seals a function's arguments.
 */
#include "sqlite/seal.h"

#include "envelope/blind_index.h"

/* What a key name that is a constant of the statement led to, so that not
 * each row reads and looks up its text. SQLite keeps it at the argument for as
 * long as the argument stays the same. */
struct known_key {
    uint64_t moment;
    struct ee_name_hint hint;
};

static void remember_key(const struct ee_call *call, struct ee_bytes name,
                         struct known_key *known)
{
    struct ee_keys *keys = &call->conn->keys;
    const bool is_new = known == NULL;

    if (is_new && ee_call_may_remember(call)) {
        known = sqlite3_malloc64(sizeof *known);
    }
    if (known == NULL) {
        return;
    }
    known->moment = ee_call_moment(call);
    known->hint = ee_cache_hint(&keys->cache, (const char *)name.p, name.n);
    if (is_new) {
        sqlite3_set_auxdata(call->ctx, EE_KEY_ARGUMENT, known, sqlite3_free);
    }
}

static int find_key(const struct ee_call *call, sqlite3_value **argv,
                    struct known_key *known, struct ee_key_entry **out,
                    struct ee_error *err)
{
    struct ee_keys *keys = &call->conn->keys;
    struct ee_bytes name;
    int rc = ee_call_text(argv[EE_KEY_ARGUMENT], "the key name", &name, err);

    if (rc == EE_OK && ee_seal_only_seals(keys, (const char *)name.p, name.n)) {
        /* not remembered: it is not what the name means elsewhere */
        return ee_seal_only_for_seal(keys, (const char *)name.p, name.n,
                                     ee_call_moment(call), out, err);
    }
    if (rc == EE_OK) {
        rc = ee_keys_for_seal(keys, (const char *)name.p, name.n,
                              ee_call_moment(call), out, err);
    }
    if (rc == EE_OK) {
        remember_key(call, name, known);
    }
    return rc;
}

int ee_seal_key(const struct ee_call *call, sqlite3_value **argv,
                struct ee_key_entry **out, struct ee_error *err)
{
    struct known_key *known = sqlite3_get_auxdata(call->ctx, EE_KEY_ARGUMENT);
    int rc = EE_KEY_UNKNOWN;

    if (known != NULL) {
        rc = ee_keys_for_seal_again(&call->conn->keys, &known->hint,
                                    known->moment, out, err);
    }
    return rc == EE_KEY_UNKNOWN ? find_key(call, argv, known, out, err) : rc;
}

/* The scope goes through the connection's scratch: it is one context part. */
int ee_index_arguments(const struct ee_call *call,
                       const struct ee_key_entry *key,
                       const struct ee_value *value, sqlite3_value **argv,
                       uint8_t *out, struct ee_error *err)
{
    struct ee_context context;
    int rc = ee_call_context(call, EE_CONTEXT_ARGUMENT, EE_CONTEXT_ARGUMENT + 1,
                             argv, &context, err);

    if (rc == EE_OK) {
        ee_blind_index(out, key->kek,
                       ee_bytes(context.buf + EE_CONTEXT_HEADROOM,
                                context.end - EE_CONTEXT_HEADROOM),
                       value);
    }
    return rc;
}

int ee_seal_result(const struct ee_call *call, struct ee_key_entry *key,
                   const struct ee_value *value, struct ee_context *context,
                   uint8_t flags, const uint8_t *index, struct ee_error *err)
{
    const size_t n = ee_seal_size(value, flags);
    struct ee_keys *keys = &call->conn->keys;
    uint8_t *out = NULL;
    int rc = EE_OK;

    if (index != NULL && key->record.origin == EE_ORIGIN_SEAL_ONLY) {
        return ee_fail(err, EE_MISUSE, /* FORMAT R44 */
                       "key %s is seal-only here and has no secret for a blind "
                       "index: seal without one",
                       key->record.name);
    }
    if (key->manifest.policy.rotate_seals > 0) {
        rc = ee_keys_count_seal(keys, key, ee_call_moment(call), err);
        if (rc != EE_OK) {
            return rc;
        }
    }
    out = sqlite3_malloc64(n);
    if (out == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    rc = ee_seal(&keys->engine, key->kek, out, value, context, flags, index);
    if (rc != EE_OK) {
        sqlite3_free(out);
        return ee_fail(err, rc, "the value could not be sealed");
    }
    call->conn->seals++;
    /* frees out and reports "string or blob too big" beyond SQLite's limit */
    sqlite3_result_blob64(call->ctx, out, n, sqlite3_free);
    return EE_OK;
}

int ee_seal_arguments(const struct ee_call *call, int argc,
                      sqlite3_value **argv, bool indexed, struct ee_error *err)
{
    const uint8_t flags = (uint8_t)((indexed ? EE_FLAG_INDEX : 0) |
                                    (call->conn->padding ? EE_FLAG_PADDED : 0));
    struct ee_key_entry *key = NULL;
    struct ee_context encoded;
    struct ee_value v; /* a number is secret: wiped at the end */
    uint8_t index[EE_INDEX_BYTES];
    int rc = ee_call_value(call, argv[0], &v, err);

    if (rc != EE_OK || v.type == EE_NULL) {
        return rc;
    }
    rc = ee_seal_key(call, argv, &key, err);
    if (rc == EE_OK && indexed) {
        rc = ee_index_arguments(call, key, &v, argv, index, err);
    }
    if (rc == EE_OK) {
        rc = ee_call_context(call, EE_CONTEXT_ARGUMENT, argc, argv, &encoded,
                             err);
    }
    if (rc == EE_OK) {
        rc = ee_seal_result(call, key, &v, &encoded, flags,
                            indexed ? index : NULL, err);
    }
    ee_value_wipe(&v);
    return rc;
}
