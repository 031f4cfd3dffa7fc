/* SPDX-License-Identifier: MIT
 *
 * settings.h: the settings of a connection, by family.
 *
 * A module with settings has a table of them, ended by a NULL name, and its
 * line in fn_config.c. `name` is set by envelope_config(name, value), and by
 * the variable ENVELOPE_ and the name in capitals, read at load.
 * README.md documents each.
 */
#ifndef EE_SQLITE_SETTINGS_H
#define EE_SQLITE_SETTINGS_H

#include "sqlite/conn.h"

struct ee_setting {
    const char *name;

    /* As envelope_config() shows it. Borrowed until the next set(). */
    const char *(*get)(const struct ee_conn *conn);

    /* On failure nothing has changed, and err goes on after the setting's
     * name: "must be 'on' or 'off'". */
    int (*set)(struct ee_conn *conn, const char *value, struct ee_error *err);
};

extern const struct ee_setting ee_trust_settings[]; /* fn_trust.c */
extern const struct ee_setting ee_audit_settings[]; /* audit_settings.c */
extern const struct ee_setting ee_limit_settings[]; /* limit_settings.c */

/* Settings from the environment, when the connection's state is made. */
int ee_config_from_environment(struct ee_conn *conn,
                               struct ee_error *err) EE_CHECKED;

#endif
