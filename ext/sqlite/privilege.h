/* SPDX-License-Identifier: MIT
 *
 * privilege.h: what a connection may still do. It starts with all of it, and
 * what envelope_drop() gives up never comes back.
 */
#ifndef EE_SQLITE_PRIVILEGE_H
#define EE_SQLITE_PRIVILEGE_H

/* Bits of struct ee_function's `needs` and of struct ee_conn's `dropped`. */
enum ee_privilege {
    EE_MAY_OPEN = 0x01,
    EE_MAY_SEAL = 0x02,
    EE_MAY_REWRAP = 0x04,
    EE_MAY_KEYS = 0x08,
    EE_MAY_CONFIG = 0x10,
    EE_MAY_ALL = 0x1f
};

/* Only in `needs`. EE_ONE_OF: one of the privileges is enough. EE_IN_SCHEMA:
 * sqlite3_envelope_schema_init() registers the function without
 * SQLITE_DIRECTONLY. */
enum { EE_ONE_OF = 0x40, EE_IN_SCHEMA = 0x80 };

/* The privilege that is missing, one bit, or 0. */
static inline unsigned ee_privilege_missing(unsigned needs, unsigned dropped)
{
    const unsigned lost = needs & dropped & EE_MAY_ALL;

    if ((needs & EE_ONE_OF) != 0 && lost != (needs & EE_MAY_ALL)) {
        return 0;
    }
    return lost & (~lost + 1u); /* the lowest */
}

/* "open" */
const char *ee_privilege_name(unsigned privilege);

#endif
