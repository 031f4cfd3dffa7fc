/* SPDX-License-Identifier: MIT
 *
 * portable.h: the KEKs of portable envelopes, FORMAT section 11.
 *
 * They live for one statement execution, in a small store of its own: an
 * export KEK is made for each key version that a statement exports, and one
 * that was imported opens envelopes until the statement ends. So a million
 * rows cost one provider call for each CMK, and no such KEK gets into a table
 * or into the cache (keys/cache.h), where it could open what is not imported.
 *
 * files: portable.c (the store), export.c, import.c.
 */
#ifndef EE_KEYS_PORTABLE_H
#define EE_KEYS_PORTABLE_H

#include "envelope/export_record.h"
#include "keys/keys.h"

#define EE_PORTABLE_MAX 16 /* KEKs for each statement execution */

/* One KEK and its record: made by an export, or read by an import. */
struct ee_portable_key {
    struct ee_kek *kek;              /* S is the record's X here */
    uint8_t source[EE_KEY_ID_BYTES]; /* export: the key version it is for */
    bool is_export;
    size_t record_n;
    uint64_t used;
    uint8_t record[EE_RECORD_MAX];
};

struct ee_portable {
    struct ee_portable_key *keys[EE_PORTABLE_MAX];
    uint64_t uses;
};

/* NULL when out of memory. */
struct ee_portable *ee_portable_new(void) EE_CHECKED;
/* Destructor for sqlite3_set_auxdata(); arg: a struct ee_portable. NULL-safe;
 * wipes. */
void ee_portable_free(void *arg);

/* The export KEK of this statement for envelopes under `from`, made when
 * there is none yet: wrapped under each CMK of that key version. *out is
 * borrowed until the next call. EE_DENIED when a CMK is not allowed; what the
 * provider said. */
int ee_portable_export(struct ee_portable *p, struct ee_keys *k,
                       const struct ee_key_entry *from,
                       const struct ee_portable_key **out,
                       struct ee_error *err) EE_CHECKED;

/* The KEK that the record of e holds, unwrapped through a CMK that is allowed.
 * schema: of the key that is imported to; relative paths start at its file.
 * Borrowed as above. EE_MISUSE without a record, EE_MALFORMED, EE_AUTH,
 * EE_DENIED, or what the provider said. */
int ee_portable_import(struct ee_portable *p, struct ee_keys *k,
                       const char *schema, const struct ee_envelope *e,
                       const struct ee_portable_key **out,
                       struct ee_error *err) EE_CHECKED;

/* The one text of every cryptographic failure of an import (FORMAT R19). */
int ee_portable_fail_auth(struct ee_error *err);

/* ---- between the files ---- */

/* The oldest place, emptied, with its record's memory; NULL when out of
 * memory. Not found by a search until it has a KEK. */
struct ee_portable_key *ee_portable_take(struct ee_portable *p);

#endif
