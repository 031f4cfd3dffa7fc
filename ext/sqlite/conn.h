/* SPDX-License-Identifier: MIT
 *
 * conn.h: what the extension keeps for one database connection.
 *
 * Made when the extension is loaded into the connection, found again when it
 * is loaded twice, freed when SQLite drops the last function or module that
 * refers to it, which is when the connection closes.
 */
#ifndef EE_SQLITE_CONN_H
#define EE_SQLITE_CONN_H

#include "keys/keys.h"
#include "sqlite/opened.h"

struct ee_conn;
struct ee_function;

/* The user data of one registered function. SQLite picks an implementation by
 * the database's encoding, so a function learns its encoding from here,
 * without asking. */
struct ee_binding {
    struct ee_conn *conn; /* holds a reference */
    const struct ee_function *function;
    bool utf16;
};

/* How the extension was loaded: by which entry point. */
enum ee_entry {
    EE_ENTRY_NONE = 0, /* not yet, or registering failed */
    EE_ENTRY_DIRECT,   /* sqlite3_envelope_init() */
    EE_ENTRY_SCHEMA    /* sqlite3_envelope_schema_init() */
};

/* The settings of limit_settings.c, and how long their values may be. */
enum ee_limit {
    EE_LIMIT_TTL,
    EE_LIMIT_REFRESH,
    EE_LIMIT_USES,
    EE_LIMIT_BYTES,
    EE_LIMIT_TIMEOUT,
    EE_LIMITS
};
#define EE_SHOWN_MAX 24

struct ee_conn {
    struct ee_conn *next; /* in the registry */
    sqlite3 *db;
    int references;
    enum ee_entry entry; /* set once all functions and tables are there */
    unsigned dropped;    /* privileges given up, bits of privilege.h */
    bool is_utf8;        /* and so every statement is compiled for it */
    bool running;        /* one of our functions is */
    struct ee_keys keys;
    bool padding;                        /* new envelopes are padded */
    char shown[EE_LIMITS][EE_SHOWN_MAX]; /* limits; empty: off */
    uint64_t seals; /* rows that were, since the connection was opened */
    uint64_t opens;
    uint64_t rewraps;
    struct ee_opened opened; /* buffers of opened values */
    /* scratch for contexts; grows, never shrinks */
    uint8_t *scratch;
    size_t scratch_size;
};

/* limit_settings.c: what the limits are at first. */
void ee_limits_init(struct ee_conn *conn);

/* The state of db, made when it has none. The caller holds one reference.
 * NULL when out of memory. */
struct ee_conn *ee_conn_attach(sqlite3 *db);
void ee_conn_reference(struct ee_conn *conn);

/* Destructor for sqlite3_create_function_v2() and module; arg: a struct
 * ee_conn. Frees and wipes with the last reference. */
void ee_conn_release(void *arg);

/* A new binding, or NULL when out of memory; and its destructor. */
struct ee_binding *ee_binding_new(struct ee_conn *conn,
                                  const struct ee_function *function,
                                  bool utf16);
void ee_binding_free(void *arg);

/* At least size bytes in conn->scratch, keeping its content. */
int ee_conn_scratch_grow(struct ee_conn *conn, size_t size,
                         struct ee_error *err) EE_CHECKED;

static inline EE_CHECKED int ee_conn_scratch(struct ee_conn *conn, size_t size,
                                             struct ee_error *err)
{
    return size <= conn->scratch_size ? EE_OK
                                      : ee_conn_scratch_grow(conn, size, err);
}

#endif
