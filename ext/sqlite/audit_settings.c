/* SPDX-License-Identifier: MIT
 *
 * audit_settings.c: the settings audit and audit_failure.
 */
#include "sqlite/settings.h"

#include <string.h>

/* While the extension is being loaded, no file is opened. */
static bool is_loading(const struct ee_conn *conn)
{
    return conn->entry == EE_ENTRY_NONE;
}

static int not_set(int rc, struct ee_error *err)
{
    char why[sizeof err->msg];

    memcpy(why, err->msg, sizeof why);
    return rc == EE_OK || rc == EE_NOMEM
               ? rc
               : ee_fail(err, rc, "was not set: %s", why);
}

static const char *get_audit(const struct ee_conn *conn)
{
    return ee_audit_path(&conn->keys.audit);
}

static int set_audit(struct ee_conn *conn, const char *value,
                     struct ee_error *err)
{
    return not_set(
        ee_audit_set_path(&conn->keys.audit, value, is_loading(conn), err),
        err);
}

static const char *get_audit_failure(const struct ee_conn *conn)
{
    return conn->keys.audit.allow ? "allow" : "refuse";
}

static int set_audit_failure(struct ee_conn *conn, const char *value,
                             struct ee_error *err)
{
    const bool allow = strcmp(value, "allow") == 0;

    if (!allow && strcmp(value, "refuse") != 0) {
        return ee_fail(err, EE_MISUSE, "must be 'refuse' or 'allow'");
    }
    return not_set(
        ee_audit_set_allow(&conn->keys.audit, allow, is_loading(conn), err),
        err);
}

const struct ee_setting ee_audit_settings[] = {
    {"audit", get_audit, set_audit},
    {"audit_failure", get_audit_failure, set_audit_failure},
    {NULL, NULL, NULL},
};
