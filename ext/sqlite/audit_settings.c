/* SPDX-License-Identifier: MIT
 *
 * audit_settings.c: the settings audit and audit_failure.
 */
#include "sqlite/audit_settings.h"

#include <string.h>

/* While the extension is being loaded, no file is opened. */
static bool is_loading(const struct ee_conn *conn)
{
    return !conn->registered;
}

static int not_set(int rc, struct ee_error *err)
{
    char why[sizeof err->msg];

    memcpy(why, err->msg, sizeof why);
    return rc == EE_OK || rc == EE_NOMEM
               ? rc
               : ee_fail(err, rc, "was not set: %s", why);
}

const char *ee_get_audit(const struct ee_conn *conn)
{
    return ee_audit_path(&conn->keys.audit);
}

int ee_set_audit(struct ee_conn *conn, const char *value, struct ee_error *err)
{
    return not_set(
        ee_audit_set_path(&conn->keys.audit, value, is_loading(conn), err),
        err);
}

const char *ee_get_audit_failure(const struct ee_conn *conn)
{
    return conn->keys.audit.allow ? "allow" : "refuse";
}

int ee_set_audit_failure(struct ee_conn *conn, const char *value,
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
