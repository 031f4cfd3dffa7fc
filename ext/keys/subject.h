/* SPDX-License-Identifier: MIT
 *
 * subject.h: the keys of data subjects, 'pii/42', FORMAT section 12.
 *
 * A subject's KEK is wrapped by the KEK of its parent key, in the same
 * database, by an AEAD that authenticates its whole record. So a key that is
 * not in the cache costs one look-up, one unwrap and one derivation: there may
 * be one for each row. Names are those of keys.h, `aux:pii/42`; slash is where
 * the '/' stands in them.
 *
 * files: subject.c (to seal, to open), subject_row.c (a row and its key),
 * subject_create.c, subject_change.c (states, new wraps, destruction).
 */
#ifndef EE_KEYS_SUBJECT_H
#define EE_KEYS_SUBJECT_H

#include "keys/keys.h"
#include "keys/subject_store.h"

/* As ee_keys_for_seal(). Makes the key when the parent's subjects are allowed
 * to make themselves, inside a write transaction. */
int ee_subject_for_seal(struct ee_keys *k, const char *name, size_t n,
                        size_t slash, uint64_t moment,
                        struct ee_key_entry **out,
                        struct ee_error *err) EE_CHECKED;

/* As ee_keys_for_search(). */
int ee_subject_for_search(struct ee_keys *k, const char *name, size_t n,
                          size_t slash, uint64_t moment,
                          struct ee_key_entry **out,
                          struct ee_error *err) EE_CHECKED;

/* As ee_keys_for_open(), in the cache (cached: what it has for the key id, or
 * NULL) and in the first schema that has subjects. EE_KEY_UNKNOWN, without a
 * message, for what is not found so. */
int ee_subject_for_open(struct ee_keys *k, const uint8_t *key_id,
                        uint64_t moment, struct ee_key_entry *cached,
                        struct ee_key_entry **out,
                        struct ee_error *err) EE_CHECKED;

/* The key of a row that was read, in a state that may open. */
int ee_subject_load(struct ee_keys *k, const char *schema,
                    const struct ee_subject *s, uint64_t moment,
                    struct ee_key_entry **out, struct ee_error *err) EE_CHECKED;

/* The same for an envelope, which chose the key: first the setting open_keys.
 */
int ee_subject_open_row(struct ee_keys *k, const char *schema,
                        const struct ee_subject *s, uint64_t moment,
                        struct ee_key_entry **out,
                        struct ee_error *err) EE_CHECKED;

/* As their like in keys.h. */
int ee_subject_create(struct ee_keys *k, const char *name, size_t n,
                      size_t slash, uint8_t *key_id,
                      struct ee_error *err) EE_CHECKED;
int ee_subject_set_state(struct ee_keys *k, const char *name, size_t n,
                         size_t slash, uint8_t state,
                         struct ee_error *err) EE_CHECKED;
int ee_subject_destroy(struct ee_keys *k, const char *name, size_t n,
                       size_t slash, enum ee_leftover *left,
                       struct ee_error *err) EE_CHECKED;
/* Under the parent's current version, verified before it is written. */
int ee_subject_rewrap(struct ee_keys *k, const char *name, size_t n,
                      size_t slash, struct ee_error *err) EE_CHECKED;

/* ---- between the files of subjects ---- */

/* Does a name, or the 16 hex digits of a key id, mean a subject? Then *name is
 * its name, perhaps in buffer, of EE_SCHEMA_MAX + EE_NAME_MAX bytes. */
bool ee_subject_meant(struct ee_keys *k, char *buffer, const char **name,
                      size_t *n, size_t *slash);

/* What the table is at this moment, from memory if it was asked. */
int ee_subject_table(struct ee_keys *k, const char *schema, uint64_t moment,
                     struct ee_error *err) EE_CHECKED;

/* The version of the parent that wraps s, in any state but destroyed. */
int ee_subject_wrapper(struct ee_keys *k, const char *schema,
                       const struct ee_subject *s, uint64_t moment,
                       struct ee_key_entry **out,
                       struct ee_error *err) EE_CHECKED;

/* Unwraps s: a new KEK. EE_TAMPERED when its record is not authentic. */
int ee_subject_unwrap_row(struct ee_keys *k, const char *schema,
                          const struct ee_subject *s,
                          struct ee_key_entry *wrapper, struct ee_kek **out,
                          struct ee_error *err) EE_CHECKED;

/* Wraps kek into s under a version of the parent, with a new nonce. state and
 * created are set; the parent's key id becomes the wrapper's. */
int ee_subject_wrap_row(struct ee_keys *k, struct ee_subject *s, uint8_t state,
                        struct ee_key_entry *wrapper, const uint8_t *kek,
                        struct ee_error *err) EE_CHECKED;

/* Notes in the audit log that e was refused; hands rc on. */
int ee_subject_denied(struct ee_keys *k, uint64_t moment, const char *operation,
                      const struct ee_key_entry *e, int rc,
                      struct ee_error *err) EE_CHECKED;

/* Makes the key of name, which is not there, inside the application's write
 * transaction, when that is allowed. parent: current version, may seal. */
int ee_subject_make(struct ee_keys *k, struct ee_key_entry *parent,
                    const char *name, size_t n, uint64_t moment,
                    struct ee_subject *out, struct ee_error *err) EE_CHECKED;

#endif
