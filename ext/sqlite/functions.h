/* SPDX-License-Identifier: MIT
 *
 * functions.h: every SQL function, by family. entry.c registers the families.
 *
 * The functions are documented for their users in README.md, one by one, with
 * an example that the tests run.
 */
#ifndef EE_SQLITE_FUNCTIONS_H
#define EE_SQLITE_FUNCTIONS_H

#include "sqlite/call.h"
#include "sqlite/privilege.h"

/* Does not touch the database, so it may run before the schema was read (and
 * before a SQLCipher database has its key). SQLite's flags are lower bits. */
#define EE_READS_NOTHING 0x10000000

struct ee_function {
    const char *name;
    int arguments; /* -1: any number, the function checks */
    int flags;     /* besides the encoding; EE_READS_NOTHING or SQLite's */
    /* EE_OK, with the result set where it is not NULL; else err is the
     * result. */
    int (*call)(const struct ee_call *call, int argc, sqlite3_value **argv,
                struct ee_error *err);
    unsigned needs; /* bits of privilege.h */
};

/* Is it one that the schema of a file must not call? */
static inline bool ee_function_is_direct(const struct ee_function *f,
                                         enum ee_entry entry)
{
    return (f->flags & SQLITE_DIRECTONLY) != 0 &&
           (entry != EE_ENTRY_SCHEMA || (f->needs & EE_IN_SCHEMA) == 0);
}

/* All of them; NULL at the end. entry.c */
extern const struct ee_function *const ee_families[];

/* Each ends with a NULL name. */
extern const struct ee_function ee_value_functions[];    /* fn_value.c */
extern const struct ee_function ee_index_functions[];    /* fn_index.c */
extern const struct ee_function ee_portable_functions[]; /* fn_portable.c */
extern const struct ee_function ee_info_functions[];     /* fn_info.c */
extern const struct ee_function ee_key_functions[];      /* fn_key.c */
extern const struct ee_function ee_life_functions[];     /* fn_life.c */
extern const struct ee_function ee_policy_functions[];   /* fn_policy.c */
extern const struct ee_function ee_cmk_functions[];      /* fn_cmk.c */
extern const struct ee_function ee_provider_functions[]; /* fn_provider.c */
extern const struct ee_function ee_config_functions[];   /* fn_config.c */
extern const struct ee_function ee_trust_functions[];    /* fn_trust.c */
extern const struct ee_function ee_drop_functions[];     /* fn_drop.c */

/* vtab_keys.c */
int ee_register_keys_table(struct ee_conn *conn);
/* vtab_audit.c */
int ee_register_audit_table(struct ee_conn *conn);
/* vtab_stats.c */
int ee_register_stats_tables(struct ee_conn *conn);

#endif
