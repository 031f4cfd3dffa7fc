/* SPDX-License-Identifier: MIT
 *
 * opened.h: the memory of opened values, from decryption until SQLite is done.
 *
 * An opened TEXT or BLOB is handed to SQLite without a copy, with a destructor
 * that wipes it. Short ones use buffers that the connection keeps, because an
 * allocation for every row costs as much as a fifth of the cipher. One
 * connection, one thread at a time; SQLite gives all buffers back before the
 * connection's state is freed.
 */
#ifndef EE_SQLITE_OPENED_H
#define EE_SQLITE_OPENED_H

#include "db/sql.h"

#define EE_OPENED_KEPT  4
#define EE_OPENED_BYTES 512 /* longer values get memory of their own */

struct ee_opened {
    void *spare[EE_OPENED_KEPT]; /* wiped, or NULL */
};

/* n bytes for P (FORMAT section 6), or NULL. Give back with
 * ee_opened_result() or ee_opened_put(). */
uint8_t *ee_opened_get(struct ee_opened *o, size_t n) EE_CHECKED;

/* Wipes and gives back. */
void ee_opened_put(uint8_t *p);

/* Destructor for sqlite3_result_text64() and _blob64(); body: what follows
 * the commitment and the type in P. */
void ee_opened_put_body(void *body);

void ee_opened_clear(struct ee_opened *o);

#endif
