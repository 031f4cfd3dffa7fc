/* SPDX-License-Identifier: MIT
 *
 * fn_config.c: envelope_config(), the settings of a connection.
 *
 * Each setting can also be given in the environment, as ENVELOPE_ and its
 * name in capitals, which is read when the extension is loaded.
 */
#include "sqlite/audit_settings.h"
#include "sqlite/call.h"
#include "sqlite/functions.h"

#include <stdlib.h>
#include <string.h>

struct setting {
    const char *name;
    const char *environment;
    const char *(*get)(const struct ee_conn *conn);
    /* The words of a failure go on after the name: "must be …". */
    int (*set)(struct ee_conn *conn, const char *value, struct ee_error *err);
};

static const char *get_suite(const struct ee_conn *conn)
{
    return ee_suite_by_id(conn->keys.suite)->name;
}

static int set_suite(struct ee_conn *conn, const char *value,
                     struct ee_error *err)
{
    const struct ee_suite *suite = ee_suite_by_name(value);

    if (suite == NULL) {
        return ee_fail(err, EE_MISUSE, "must be '%s' or '%s'",
                       ee_suite_aes.name, ee_suite_chacha.name);
    }
    conn->keys.suite = suite->id;
    return EE_OK;
}

/* One of two words. */
static int set_choice(bool *out, const char *value, const char *no,
                      const char *yes, struct ee_error *err)
{
    const bool is_yes = strcmp(value, yes) == 0;

    if (!is_yes && strcmp(value, no) != 0) {
        return ee_fail(err, EE_MISUSE, "must be '%s' or '%s'", yes, no);
    }
    *out = is_yes;
    return EE_OK;
}

static const char *get_padding(const struct ee_conn *conn)
{
    return conn->padding ? "on" : "off";
}

static int set_padding(struct ee_conn *conn, const char *value,
                       struct ee_error *err)
{
    return set_choice(&conn->padding, value, "off", "on", err);
}

static const char *get_in_transaction(const struct ee_conn *conn)
{
    return conn->keys.refuse_in_transaction ? "refuse" : "allow";
}

static int set_in_transaction(struct ee_conn *conn, const char *value,
                              struct ee_error *err)
{
    return set_choice(&conn->keys.refuse_in_transaction, value, "allow",
                      "refuse", err);
}

static const char *get_partial(const struct ee_conn *conn)
{
    return conn->keys.allow_partial ? "on" : "off";
}

static int set_partial(struct ee_conn *conn, const char *value,
                       struct ee_error *err)
{
    return set_choice(&conn->keys.allow_partial, value, "off", "on", err);
}

static const struct setting settings[] = {
    {"suite", "ENVELOPE_SUITE", get_suite, set_suite},
    {"padding", "ENVELOPE_PADDING", get_padding, set_padding},
    {"provider_in_transaction", "ENVELOPE_PROVIDER_IN_TRANSACTION",
     get_in_transaction, set_in_transaction},
    {"allow_partial", "ENVELOPE_ALLOW_PARTIAL", get_partial, set_partial},
    {"audit", "ENVELOPE_AUDIT", ee_get_audit, ee_set_audit},
    {"audit_failure", "ENVELOPE_AUDIT_FAILURE", ee_get_audit_failure,
     ee_set_audit_failure},
};

#define SETTING_COUNT (sizeof settings / sizeof settings[0])

/* The words of set(), after the name that the value came by. */
static int name_it(const char *name, int rc, struct ee_error *err)
{
    char why[sizeof err->msg];

    memcpy(why, err->msg, sizeof why);
    return rc == EE_NOMEM ? rc : ee_fail(err, rc, "%s %s", name, why);
}

int ee_config_from_environment(struct ee_conn *conn, struct ee_error *err)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *value = secure_getenv(settings[i].environment);
        int rc = value != NULL ? settings[i].set(conn, value, err) : EE_OK;

        if (rc != EE_OK) {
            return name_it(settings[i].environment, rc, err);
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
                       "provider_in_transaction, allow_partial, audit and "
                       "audit_failure");
    }
    if (argc == 2) {
        rc = ee_call_text(argv[1], "the setting's value", &text, err);
        if (rc == EE_OK) {
            rc = s->set(call->conn, (const char *)text.p, err);
            rc = rc == EE_OK ? EE_OK : name_it(s->name, rc, err);
        }
    }
    if (rc == EE_OK) {
        sqlite3_result_text(call->ctx, s->get(call->conn), -1,
                            SQLITE_TRANSIENT);
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
