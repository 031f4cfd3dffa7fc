/* SPDX-License-Identifier: MIT
 *
 * seal.h: sealing a function's arguments, with or without a blind index.
 */
#ifndef EE_SQLITE_SEAL_H
#define EE_SQLITE_SEAL_H

#include "sqlite/call.h"

/* Where the functions that seal have what: f(x, key, context...). */
enum ee_seal_argument { EE_KEY_ARGUMENT = 1, EE_CONTEXT_ARGUMENT = 2 };

/* Seals a function's arguments (value, key name, context...) and makes it the
 * result; NULL stays NULL (FORMAT R11). indexed: the first context argument is
 * the index's scope. */
int ee_seal_arguments(const struct ee_call *call, int argc,
                      sqlite3_value **argv, bool indexed,
                      struct ee_error *err) EE_CHECKED;

/* Seals value, not NULL, and makes it the function's result. The seal is
 * counted where the key's policy says so. flags: of
 * FORMAT section 1 without EE_FLAG_RECORD; index: NULL without EE_FLAG_INDEX.
 */
int ee_seal_result(const struct ee_call *call, struct ee_key_entry *key,
                   const struct ee_value *value, struct ee_context *context,
                   uint8_t flags, const uint8_t *index,
                   struct ee_error *err) EE_CHECKED;

/* The blind index of value, not NULL, in the scope that is the third argument.
 * out: EE_INDEX_BYTES. */
int ee_index_arguments(const struct ee_call *call,
                       const struct ee_key_entry *key,
                       const struct ee_value *value, sqlite3_value **argv,
                       uint8_t *out, struct ee_error *err) EE_CHECKED;

/* The key to seal under, from the second argument. */
int ee_seal_key(const struct ee_call *call, sqlite3_value **argv,
                struct ee_key_entry **out, struct ee_error *err) EE_CHECKED;

#endif
