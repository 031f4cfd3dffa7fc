/* SPDX-License-Identifier: MIT
 *
 * session.c: prepares a provider call.
 */
#include "keys/session.h"

#include <string.h>

/* sqlite3_is_interrupted() is newer than the oldest host; a statement that is
 * stepped while another one runs sees the flag in every version. */
bool ee_session_interrupted(void *arg)
{
    struct ee_keys *k = arg;
    struct ee_error ignored;
    sqlite3_stmt *stmt = NULL;
    bool yes = false;

    if (ee_statement_get(&k->statements, &stmt, "SELECT 1", "",
                         "look for an interrupt", &ignored) == EE_OK) {
        yes = sqlite3_step(stmt) == SQLITE_INTERRUPT;
    }
    ee_statement_put(&k->statements, stmt);
    return yes;
}

struct ee_bytes ee_session_folder(sqlite3 *db, const char *schema)
{
    const char *file = sqlite3_db_filename(db, schema);
    const char *slash = file != NULL ? strrchr(file, '/') : NULL;

    return slash != NULL ? ee_bytes(file, (size_t)(slash - file))
                         : ee_bytes(NULL, 0);
}

/* A relative keyring path starts at the folder of the database file, so both
 * can move together and the working directory does not matter. */
static int find_base_dir(struct ee_session *session, sqlite3 *db,
                         const char *schema, struct ee_error *err)
{
    const struct ee_bytes folder = ee_session_folder(db, schema);

    if (folder.p == NULL) {
        return EE_OK; /* no file: relative to the working directory */
    }
    session->base_dir = sqlite3_mprintf(
        "%.*s", folder.n > 0 ? (int)folder.n : 1, (const char *)folder.p);
    session->env.base_dir = session->base_dir;
    return session->base_dir != NULL ? EE_OK
                                     : ee_fail(err, EE_NOMEM, "out of memory");
}

int ee_session_open(struct ee_session *session, struct ee_keys *k,
                    const char *schema, bool may_create, struct ee_error *err)
{
    const bool writing = sqlite3_txn_state(k->db, NULL) == SQLITE_TXN_WRITE;

    memset(session, 0, sizeof *session);
    if (writing && k->refuse_in_transaction) {
        return ee_fail(err, EE_MISUSE,
                       "a key provider is not called inside a write "
                       "transaction (provider_in_transaction is 'refuse'): "
                       "SELECT envelope_key_open(…) before BEGIN, or for a "
                       "seal-only version envelope_open() of one value");
    }
    if (ee_session_interrupted(k)) {
        return ee_fail(err, EE_INTERRUPTED, "interrupted");
    }
    session->env.may_create = may_create;
    session->env.may_prompt = !writing && !k->quiet && !k->shares;
    session->env.interrupted = ee_session_interrupted;
    session->env.interrupted_arg = k;
    session->env.timeout_ms = k->provider_timeout;
    return find_base_dir(session, k->db, schema, err);
}

int ee_session_open_cmk(struct ee_session *session, struct ee_keys *k,
                        const struct ee_cmk_call *call, bool may_create,
                        struct ee_error *err)
{
    int rc =
        call->named ? EE_OK : ee_trust_allows(k, call->schema, call->uri, err);

    memset(session, 0, sizeof *session);
    if (rc == EE_OK) {
        rc = ee_session_open(session, k, call->schema, may_create, err);
    }
    session->env.file_in_use = call->file_in_use;
    if (rc == EE_OK && !call->named &&
        !ee_trust_may_prompt(k, call->schema, call->uri)) {
        session->env.may_prompt = false;
    }
    return rc;
}

void ee_session_close(struct ee_session *session)
{
    sqlite3_free(session->base_dir);
    session->base_dir = NULL;
}
