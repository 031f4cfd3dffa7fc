/* SPDX-License-Identifier: MIT
 *
 * session.h: what a provider is told of the connection that calls it.
 */
#ifndef EE_KEYS_SESSION_H
#define EE_KEYS_SESSION_H

#include "keys/keys.h"
#include "provider/provider.h"

struct ee_session {
    struct ee_provider_env env;
    char *base_dir; /* owned */
};

/* The folder of a schema's database file, without the slash at its end: n is 0
 * for the root, and p NULL where there is no file. Borrowed from SQLite. */
struct ee_bytes ee_session_folder(sqlite3 *db, const char *schema);

/* The same as ee_session_open() for a CMK that the database names: is it one
 * that this session allows (keys/trust.h) or has named, and may a person be
 * asked? */
int ee_session_open_cmk(struct ee_session *session, struct ee_keys *k,
                        const struct ee_cmk_call *call, bool may_create,
                        struct ee_error *err) EE_CHECKED;

/* May a provider be called now? Fills session->env; close it afterwards.
 * schema: the database whose key is meant. EE_MISUSE inside a write
 * transaction when the connection is configured so. */
int ee_session_open(struct ee_session *session, struct ee_keys *k,
                    const char *schema, bool may_create,
                    struct ee_error *err) EE_CHECKED;
void ee_session_close(struct ee_session *session);

/* Has the connection been interrupted? keys: a struct ee_keys. */
bool ee_session_interrupted(void *keys);

#endif
