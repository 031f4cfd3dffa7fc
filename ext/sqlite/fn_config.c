/* SPDX-License-Identifier: MIT
 *
 * fn_config.c: envelope_config(), the settings of a connection.
 *
 * Each setting can also be given in the environment, as ENVELOPE_ and its
 * name in capitals, which is read when the extension is loaded.
 */
#include "sqlite/call.h"
#include "sqlite/functions.h"
#include "sqlite/settings.h"

#include <stdlib.h>
#include <string.h>

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

static const char *get_shared(const struct ee_conn *conn)
{
    return conn->keys.shares ? "on" : "off";
}

static int set_shared(struct ee_conn *conn, const char *value,
                      struct ee_error *err)
{
    bool yes = false;
    const int rc = set_choice(&yes, value, "off", "on", err);

    if (rc == EE_OK) {
        ee_keys_share(&conn->keys, yes);
    }
    return rc;
}

static const struct ee_setting general_settings[] = {
    {"suite", get_suite, set_suite},
    {"padding", get_padding, set_padding},
    {"provider_in_transaction", get_in_transaction, set_in_transaction},
    {"allow_partial", get_partial, set_partial},
    {"cache_shared", get_shared, set_shared},
    {NULL, NULL, NULL},
};

/* Another module's settings are one more line. */
static const struct ee_setting *const families[] = {
    general_settings,
    ee_trust_settings,
    ee_audit_settings,
    ee_limit_settings,
    NULL,
};

/* Calls visit for each setting until it returns other than EE_OK. */
static int each_setting(int (*visit)(void *arg, const struct ee_setting *s,
                                     struct ee_error *err),
                        void *arg, struct ee_error *err)
{
    int rc = EE_OK;

    for (size_t i = 0; rc == EE_OK && families[i] != NULL; i++) {
        const struct ee_setting *s = families[i];

        for (; rc == EE_OK && s->name != NULL; s++) {
            rc = visit(arg, s, err);
        }
    }
    return rc;
}

/* The words of set(), after the name that the value came by. */
static int name_it(const char *name, int rc, struct ee_error *err)
{
    char why[sizeof err->msg];

    memcpy(why, err->msg, sizeof why);
    return rc == EE_NOMEM ? rc : ee_fail(err, rc, "%s %s", name, why);
}

static int from_environment(void *arg, const struct ee_setting *s,
                            struct ee_error *err)
{
    char name[64] = "ENVELOPE_";
    const char *value = NULL;
    size_t n = strlen(name);
    int rc = EE_OK;

    for (const char *p = s->name; *p != '\0' && n + 1 < sizeof name; p++) {
        name[n++] = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    }
    value = secure_getenv(name);
    if (value == NULL) {
        return EE_OK;
    }
    if (*value == '\0') { /* most likely an accident, and not to be guessed */
        return ee_fail(err, EE_CONFIG,
                       "%s is set but empty: give it a value or unset it",
                       name);
    }
    rc = s->set(arg, value, err);
    return rc == EE_OK ? EE_OK : name_it(name, rc, err);
}

int ee_config_from_environment(struct ee_conn *conn, struct ee_error *err)
{
    return each_setting(from_environment, conn, err);
}

struct search {
    const char *name;
    const struct ee_setting *found;
};

static int look_for(void *arg, const struct ee_setting *s, struct ee_error *err)
{
    struct search *search = arg;

    (void)err;
    if (strcmp(s->name, search->name) == 0) {
        search->found = s;
    }
    return EE_OK;
}

static int fn_config(const struct ee_call *call, int argc, sqlite3_value **argv,
                     struct ee_error *err)
{
    struct search search = {NULL, NULL};
    const struct ee_setting *s = NULL;
    struct ee_bytes text;
    int rc = ee_call_text(argv[0], "the setting's name", &text, err);

    if (rc != EE_OK) {
        return rc;
    }
    search.name = (const char *)text.p;
    (void)each_setting(look_for, &search, err);
    s = search.found;
    if (s == NULL) {
        return ee_fail(err, EE_MISUSE,
                       "no such setting; to list them: SELECT "
                       "envelope_config()");
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

/* ---- the list ---- */

struct list {
    const struct ee_conn *conn;
    sqlite3_str *json;
};

static void append_string(sqlite3_str *json, const char *text)
{
    sqlite3_str_appendchar(json, 1, '"');
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20) {
            sqlite3_str_appendf(json, "\\u%04x", (unsigned char)*text);
            continue;
        }
        if (*text == '"' || *text == '\\') {
            sqlite3_str_appendchar(json, 1, '\\');
        }
        sqlite3_str_appendchar(json, 1, *text);
    }
    sqlite3_str_appendchar(json, 1, '"');
}

static int add_to_list(void *arg, const struct ee_setting *s,
                       struct ee_error *err)
{
    struct list *list = arg;

    (void)err;
    sqlite3_str_appendall(list->json,
                          sqlite3_str_length(list->json) > 1 ? "," : "");
    append_string(list->json, s->name);
    sqlite3_str_appendall(list->json, ":");
    append_string(list->json, s->get(list->conn));
    return EE_OK;
}

static int fn_list(const struct ee_call *call, int argc, sqlite3_value **argv,
                   struct ee_error *err)
{
    struct list list = {call->conn, sqlite3_str_new(call->conn->db)};
    char *text = NULL;

    (void)argc;
    (void)argv;
    sqlite3_str_appendall(list.json, "{");
    (void)each_setting(add_to_list, &list, err);
    sqlite3_str_appendall(list.json, "}");
    text = sqlite3_str_finish(list.json);
    if (text == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    sqlite3_result_text(call->ctx, text, -1, sqlite3_free);
    return EE_OK;
}

const struct ee_function ee_config_functions[] = {
    {"envelope_config", 0, SQLITE_DIRECTONLY | EE_READS_NOTHING, fn_list, 0},
    {"envelope_config", 1, SQLITE_DIRECTONLY | EE_READS_NOTHING, fn_config, 0},
    {"envelope_config", 2, SQLITE_DIRECTONLY | EE_READS_NOTHING, fn_config,
     EE_MAY_CONFIG},
    {NULL, 0, 0, NULL, 0},
};
