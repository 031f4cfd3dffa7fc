/* SPDX-License-Identifier: MIT
 *
 * audit_settings.h: the settings audit and audit_failure.
 *
 * The words of a failure go on after the setting's name.
 */
#ifndef EE_SQLITE_AUDIT_SETTINGS_H
#define EE_SQLITE_AUDIT_SETTINGS_H

#include "sqlite/conn.h"

const char *ee_get_audit(const struct ee_conn *conn);
int ee_set_audit(struct ee_conn *conn, const char *value, struct ee_error *err);

const char *ee_get_audit_failure(const struct ee_conn *conn);
int ee_set_audit_failure(struct ee_conn *conn, const char *value,
                         struct ee_error *err);

#endif
