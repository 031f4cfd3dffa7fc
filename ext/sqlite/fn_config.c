/* SPDX-License-Identifier: MIT
 *
 * fn_config.c: envelope_config(), the settings of a connection.
 *
 * Each setting can also be given in the environment, as ENVELOPE_ and its
 * name in capitals, which is read when the extension is loaded.
 */
#include "sqlite/call.h"
#include "sqlite/functions.h"

#include <stdlib.h>
#include <string.h>

struct setting {
    const char *name;
    const char *environment;
    const char *values; /* for messages */
    const char *(*get)(const struct ee_conn *conn);
    bool (*set)(struct ee_conn *conn, const char *value);
};

static const char *get_suite(const struct ee_conn *conn)
{
    return ee_suite_by_id(conn->keys.suite)->name;
}

static bool set_suite(struct ee_conn *conn, const char *value)
{
    const struct ee_suite *suite = ee_suite_by_name(value);

    if (suite != NULL) {
        conn->keys.suite = suite->id;
    }
    return suite != NULL;
}

/* One of two words. */
static bool set_choice(bool *out, const char *value, const char *no,
                       const char *yes)
{
    const bool is_yes = strcmp(value, yes) == 0;

    if (!is_yes && strcmp(value, no) != 0) {
        return false;
    }
    *out = is_yes;
    return true;
}

static const char *get_padding(const struct ee_conn *conn)
{
    return conn->padding ? "on" : "off";
}

static bool set_padding(struct ee_conn *conn, const char *value)
{
    return set_choice(&conn->padding, value, "off", "on");
}

static const char *get_in_transaction(const struct ee_conn *conn)
{
    return conn->keys.refuse_in_transaction ? "refuse" : "allow";
}

static bool set_in_transaction(struct ee_conn *conn, const char *value)
{
    return set_choice(&conn->keys.refuse_in_transaction, value, "allow",
                      "refuse");
}

static const char *get_partial(const struct ee_conn *conn)
{
    return conn->keys.allow_partial ? "on" : "off";
}

static bool set_partial(struct ee_conn *conn, const char *value)
{
    return set_choice(&conn->keys.allow_partial, value, "off", "on");
}

static const struct setting settings[] = {
    {"suite", "ENVELOPE_SUITE", "'aes-256-gcm' or 'chacha20-poly1305'",
     get_suite, set_suite},
    {"padding", "ENVELOPE_PADDING", "'on' or 'off'", get_padding, set_padding},
    {"provider_in_transaction", "ENVELOPE_PROVIDER_IN_TRANSACTION",
     "'allow' or 'refuse'", get_in_transaction, set_in_transaction},
    {"allow_partial", "ENVELOPE_ALLOW_PARTIAL", "'on' or 'off'", get_partial,
     set_partial},
};

#define SETTING_COUNT (sizeof settings / sizeof settings[0])

int ee_config_from_environment(struct ee_conn *conn, struct ee_error *err)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *value = secure_getenv(settings[i].environment);

        if (value != NULL && !settings[i].set(conn, value)) {
            return ee_fail(err, EE_CONFIG, "%s must be %s",
                           settings[i].environment, settings[i].values);
        }
    }
    return EE_OK;
}

static const struct setting *find(const char *name)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(settings[i].name, name) == 0) {
            return &settings[i];
        }
    }
    return NULL;
}

static int configure(const struct ee_call *call, int argc, sqlite3_value **argv,
                     struct ee_error *err)
{
    const struct setting *s = NULL;
    struct ee_bytes text;
    int rc = ee_call_text(argv[0], "the setting's name", &text, err);

    if (rc != EE_OK) {
        return rc;
    }
    s = find((const char *)text.p);
    if (s == NULL) {
        return ee_fail(err, EE_MISUSE,
                       "no such setting; there are suite, padding, "
                       "provider_in_transaction and allow_partial");
    }
    if (argc == 2) {
        rc = ee_call_text(argv[1], "the setting's value", &text, err);
        if (rc == EE_OK && !s->set(call->conn, (const char *)text.p)) {
            rc = ee_fail(err, EE_MISUSE, "%s must be %s", s->name, s->values);
        }
    }
    if (rc == EE_OK) {
        sqlite3_result_text(call->ctx, s->get(call->conn), -1, SQLITE_STATIC);
    }
    return rc;
}

static void fn_config(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const struct ee_call call = ee_call(ctx, "envelope_config");
    struct ee_error err = {0};

    if (configure(&call, argc, argv, &err) != EE_OK) {
        ee_call_fail(&call, &err);
    }
}

const struct ee_function ee_config_functions[] = {
    {"envelope_config", 1, SQLITE_DIRECTONLY | EE_READS_NOTHING, fn_config},
    {"envelope_config", 2, SQLITE_DIRECTONLY | EE_READS_NOTHING, fn_config},
    {NULL, 0, 0, NULL},
};
