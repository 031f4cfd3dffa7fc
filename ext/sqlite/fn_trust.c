/* SPDX-License-Identifier: MIT
 *
 * fn_trust.c: the settings cmks, open_keys, pin, seal_only, open_seal_only
 * and seal_only_time, and envelope_key_pin().
 */
#include "base/text.h"
#include "sqlite/call.h"
#include "sqlite/functions.h"
#include "sqlite/settings.h"

#include <string.h>

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static const char *get_cmks(const struct ee_conn *conn)
{
    return or_empty(conn->keys.trust.cmks);
}

static int set_cmks(struct ee_conn *conn, const char *value,
                    struct ee_error *err)
{
    return ee_trust_set_cmks(&conn->keys, value, err);
}

static const char *get_open_keys(const struct ee_conn *conn)
{
    return or_empty(conn->keys.trust.open_keys);
}

static int set_open_keys(struct ee_conn *conn, const char *value,
                         struct ee_error *err)
{
    return ee_trust_set_open_keys(&conn->keys, value, err);
}

static const char *get_pin(const struct ee_conn *conn)
{
    return or_empty(conn->keys.trust.pins);
}

static int set_pin(struct ee_conn *conn, const char *value,
                   struct ee_error *err)
{
    return ee_trust_set_pins(&conn->keys, value, err);
}

static const char *get_seal_only(const struct ee_conn *conn)
{
    return or_empty(conn->keys.seal_only.seal.text);
}

static int set_seal_only(struct ee_conn *conn, const char *value,
                         struct ee_error *err)
{
    return ee_seal_only_set(&conn->keys, &conn->keys.seal_only.seal, value,
                            err);
}

static const char *get_open_seal_only(const struct ee_conn *conn)
{
    return or_empty(conn->keys.seal_only.open.text);
}

static int set_open_seal_only(struct ee_conn *conn, const char *value,
                              struct ee_error *err)
{
    return ee_seal_only_set(&conn->keys, &conn->keys.seal_only.open, value,
                            err);
}

static const char *get_seal_only_time(const struct ee_conn *conn)
{
    return conn->keys.seal_only.time;
}

static int set_seal_only_time(struct ee_conn *conn, const char *value,
                              struct ee_error *err)
{
    return ee_seal_only_set_time(&conn->keys, value, err);
}

const struct ee_setting ee_trust_settings[] = {
    {"cmks", get_cmks, set_cmks},
    {"open_keys", get_open_keys, set_open_keys},
    {"pin", get_pin, set_pin},
    {"seal_only", get_seal_only, set_seal_only},
    {"open_seal_only", get_open_seal_only, set_open_seal_only},
    {"seal_only_time", get_seal_only_time, set_seal_only_time},
    {NULL, NULL, NULL},
};

/* What to put into the setting pin for a key as it is now, verified. */
static int fn_key_pin(const struct ee_call *call, int argc,
                      sqlite3_value **argv, struct ee_error *err)
{
    char hex[2 * EE_NAME_ID_BYTES + 1];
    uint8_t id[EE_NAME_ID_BYTES];
    struct ee_key_entry *key = NULL;
    struct ee_bytes name;
    char *text = NULL;
    int rc = ee_call_text(argv[0], "the key name", &name, err);

    (void)argc;
    if (rc == EE_OK && memchr(name.p, '=', name.n) != NULL) {
        rc = ee_fail(err, EE_MISUSE,
                     "a key whose name holds '=' cannot be pinned");
    }
    if (rc == EE_OK) {
        rc = ee_keys_for_change(&call->conn->keys, (const char *)name.p, name.n,
                                &key, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    ee_kek_name_id(id, key->kek);
    ee_hex(hex, ee_bytes(id, sizeof id));
    text = sqlite3_mprintf("%s=%s:%llu", (const char *)name.p, hex,
                           (unsigned long long)key->manifest.generation);
    ee_cache_unpin(key);
    if (text == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    sqlite3_result_text(call->ctx, text, -1, sqlite3_free);
    return EE_OK;
}

const struct ee_function ee_trust_functions[] = {
    {"envelope_key_pin", 1, SQLITE_DIRECTONLY, fn_key_pin,
     EE_MAY_OPEN | EE_MAY_SEAL | EE_MAY_KEYS | EE_ONE_OF},
    {NULL, 0, 0, NULL, 0},
};
