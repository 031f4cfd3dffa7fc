/* SPDX-License-Identifier: MIT
 *
 * call.h: one call of an SQL function: its arguments in, its result out.
 */
#ifndef EE_SQLITE_CALL_H
#define EE_SQLITE_CALL_H

#include "envelope/envelope.h"
#include "sqlite/conn.h"

struct ee_call {
    sqlite3_context *ctx;
    const char *function; /* for messages */
    struct ee_conn *conn;
    bool utf16;
    struct ee_execution *execution; /* as the call found it, or NULL */
    bool schema_seen; /* ee_call_see_schema(), before there is an execution */
};

/* Was the schema looked at in this execution (sqlite/planted.h)? */
bool ee_call_schema_seen(struct ee_call *call);
void ee_call_see_schema(struct ee_call *call);

/* The moment of the running statement execution (keys/keys.h). */
uint64_t ee_call_moment(const struct ee_call *call);

/* May the function keep what a constant argument led to? Not where it has done
 * so again and again: then the argument is no constant, and SQLite drops what
 * is kept at once. */
bool ee_call_may_remember(const struct ee_call *call);

/* Reports an ee_status other than EE_OK as the function's result. */
void ee_call_fail(const struct ee_call *call, const struct ee_error *err);

/* An SQL value as a typed value; borrows SQLite's memory until the argument
 * is used again. EE_MISUSE for text that UTF-8 cannot carry. */
int ee_call_value(const struct ee_call *call, sqlite3_value *arg,
                  struct ee_value *out, struct ee_error *err) EE_CHECKED;

/* A TEXT argument without NUL inside; what: "a key name". */
int ee_call_text(sqlite3_value *arg, const char *what, struct ee_bytes *out,
                 struct ee_error *err) EE_CHECKED;

/* CMK URIs, as many as a key may have. cmks: EE_CMKS_MAX, borrowed from argv.
 */
#define EE_CMKS_MAX 8
int ee_call_cmks(int argc, sqlite3_value **argv, const char **cmks,
                 struct ee_error *err) EE_CHECKED;

/* The context arguments, which are those from `first` on, encoded into the
 * connection's scratch. */
int ee_call_context(const struct ee_call *call, int first, int argc,
                    sqlite3_value **argv, struct ee_context *out,
                    struct ee_error *err) EE_CHECKED;

/* A BLOB argument that is an envelope. */
int ee_call_envelope(sqlite3_value *arg, struct ee_bytes *blob,
                     struct ee_envelope *out, struct ee_error *err) EE_CHECKED;

/* The key of an envelope, in a state that may open; where it is not here, the
 * message says what an exported envelope wants. Borrowed as of
 * ee_keys_for_open(). */
int ee_call_key_of(const struct ee_call *call, const struct ee_envelope *e,
                   struct ee_key_entry **out, struct ee_error *err) EE_CHECKED;

/* The words of the one cryptographic error, with the key's name. */
int ee_call_fail_auth(const struct ee_key_entry *key, struct ee_error *err);

/* Hands an opened value to SQLite. scratch, of ee_opened_get(), holds P (FORMAT
 * section 6) and is SQLite's from here on, which wipes and gives it back. */
void ee_call_result_opened(const struct ee_call *call, struct ee_value *value,
                           uint8_t *scratch);

#endif
