/* SPDX-License-Identifier: MIT
 *
 * subject_store.h: reads and writes envelope_subject of one schema. SQL only:
 * what is read is not yet believed (keys/subject.h does that).
 *
 * "Not there" is EE_KEY_UNKNOWN with no message, as in keys/store.h. All but
 * ee_subjects_exist() want the table to be there.
 */
#ifndef EE_KEYS_SUBJECT_STORE_H
#define EE_KEYS_SUBJECT_STORE_H

#include "db/statements.h"
#include "keys/subject_record.h"

/* Has the schema our table of subjects? */
int ee_subjects_exist(struct ee_statements *s, const char *schema, bool *yes,
                      struct ee_error *err) EE_CHECKED;
int ee_subjects_create_table(sqlite3 *db, const char *schema,
                             struct ee_error *err) EE_CHECKED;

int ee_subjects_by_name(struct ee_statements *s, const char *schema,
                        const char *name, size_t n, struct ee_subject *out,
                        struct ee_error *err) EE_CHECKED;
int ee_subjects_by_id(struct ee_statements *s, const char *schema,
                      const uint8_t *key_id, struct ee_subject *out,
                      struct ee_error *err) EE_CHECKED;

/* Is the key id in use in the schema, by a key or a subject (FORMAT R10)? */
int ee_subjects_id_taken(struct ee_statements *s, const char *schema,
                         const uint8_t *key_id, bool *yes,
                         struct ee_error *err) EE_CHECKED;

/* How many rows a version of a key wraps the subjects of, the destroyed ones
 * left out. Reads all of the table. */
int ee_subjects_under(struct ee_statements *s, const char *schema,
                      const uint8_t *parent, int64_t *count,
                      struct ee_error *err) EE_CHECKED;

/* Appends a row. Keeps the application's last_insert_rowid(). */
int ee_subjects_insert(struct ee_statements *s, const char *schema,
                       const struct ee_subject *subject,
                       struct ee_error *err) EE_CHECKED;

/* Overwrites the record of a row in its place. */
int ee_subjects_update(struct ee_statements *s, const char *schema,
                       const struct ee_subject *subject,
                       struct ee_error *err) EE_CHECKED;

#endif
