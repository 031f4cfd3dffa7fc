/* SPDX-License-Identifier: MIT
 *
 * store.h: reads and writes the key tables of one schema. SQL only: what is
 * read here is not yet believed (keys/verify.h does that).
 *
 * "Not there" is EE_KEY_UNKNOWN with no message, because the caller knows
 * better what to say. Every other failure fills the error.
 */
#ifndef EE_KEYS_STORE_H
#define EE_KEYS_STORE_H

#include "db/statements.h"
#include "keys/record.h"

/* The answer, yes or no, of a statement without parameters and with one row. */
int ee_store_ask(struct ee_statements *s, const char *format,
                 const char *schema, bool *yes,
                 struct ee_error *err) EE_CHECKED;

/* Are some of the three key tables there, and not all? */
int ee_store_is_partial(struct ee_statements *s, const char *schema, bool *yes,
                        struct ee_error *err) EE_CHECKED;

/* Has the schema our key tables? */
int ee_store_exists(struct ee_statements *s, const char *schema, bool *yes,
                    struct ee_error *err) EE_CHECKED;

/* Has a key table a trigger, of the schema or a TEMP one, or an index that is
 * not ours? */
int ee_store_has_foreign(struct ee_statements *s, const char *schema, bool *yes,
                         struct ee_error *err) EE_CHECKED;

/* The record of a key id, and its name's manifest. */
int ee_store_by_id(struct ee_statements *s, const char *schema,
                   const uint8_t *key_id, struct ee_key_record *r,
                   struct ee_key_manifest *m, struct ee_error *err) EE_CHECKED;

/* The same, but leaves the statement open in *held: until the caller gives it
 * back with ee_statement_put(), also on failure, what else is read of the
 * schema is of the same moment. key_id must outlive it. */
int ee_store_hold(struct ee_statements *s, const char *schema,
                  const uint8_t *key_id, struct ee_key_record *r,
                  struct ee_key_manifest *m, sqlite3_stmt **held,
                  struct ee_error *err) EE_CHECKED;

/* The record of a name's current version, and the name's manifest. */
int ee_store_current(struct ee_statements *s, const char *schema,
                     const char *name, struct ee_key_record *r,
                     struct ee_key_manifest *m,
                     struct ee_error *err) EE_CHECKED;

/* Calls visit for every version of a name, ascending, until it fails. */
int ee_store_versions(struct ee_statements *s, const char *schema,
                      const char *name,
                      int (*visit)(void *arg, const struct ee_key_record *r,
                                   struct ee_error *err),
                      void *arg, struct ee_error *err) EE_CHECKED;

/* The same for every key of the schema, in no order. */
int ee_store_all(struct ee_statements *s, const char *schema,
                 int (*visit)(void *arg, const struct ee_key_record *r,
                              struct ee_error *err),
                 void *arg, struct ee_error *err) EE_CHECKED;

/* tag2 of every version, ascending, n bytes in all. *tags is the caller's,
 * also on failure: sqlite3_free(). */
int ee_store_tags(struct ee_statements *s, const char *schema, const char *name,
                  uint8_t **tags, size_t *n, struct ee_error *err) EE_CHECKED;

/* One wrap of a key: its payload under one CMK. */
struct ee_wrap {
    struct ee_wrap *next;
    char *cmk; /* URI; what the database says, not yet trusted */
    struct ee_bytes wrapped;
};

/* The wraps of a key in position order, copied so that no statement stays
 * open while a provider works. Free with ee_wraps_free(). */
int ee_store_wraps(struct ee_statements *s, const char *schema,
                   const uint8_t *key_id, struct ee_wrap **out,
                   struct ee_error *err) EE_CHECKED;
void ee_wraps_free(struct ee_wrap *list); /* NULL-safe */
/* Has the key a wrap? In doubt yes: this asks whether the last one is gone. */
int ee_store_has_wrap(struct ee_statements *s, const char *schema,
                      const uint8_t *key_id, bool *yes,
                      struct ee_error *err) EE_CHECKED;
/* A copy of both, or NULL when out of memory. */
struct ee_wrap *ee_wrap_new(const char *cmk, struct ee_bytes wrapped);

/* Runs a script of sql/ in a schema: every `main.` in it becomes that one. */
int ee_store_run_script(sqlite3 *db, const char *schema, const char *script,
                        const char *doing_what,
                        struct ee_error *err) EE_CHECKED;

/* The key tables, when they are not there yet. */
int ee_store_create_tables(sqlite3 *db, const char *schema,
                           struct ee_error *err) EE_CHECKED;

int ee_store_insert(struct ee_statements *s, const char *schema,
                    const struct ee_key_record *r,
                    struct ee_error *err) EE_CHECKED;
int ee_store_insert_wrap(struct ee_statements *s, const char *schema,
                         const uint8_t *key_id, int position, const char *cmk,
                         struct ee_bytes wrapped,
                         struct ee_error *err) EE_CHECKED;
/* All wraps of a key. */
int ee_store_delete_wraps(struct ee_statements *s, const char *schema,
                          const uint8_t *key_id,
                          struct ee_error *err) EE_CHECKED;
/* Takes the write lock of the schema without changing anything. */
int ee_store_lock(struct ee_statements *s, const char *schema,
                  struct ee_error *err) EE_CHECKED;
/* state, generation and tag2 of one version. */
int ee_store_update(struct ee_statements *s, const char *schema,
                    const struct ee_key_record *r,
                    struct ee_error *err) EE_CHECKED;
/* seal_store.c: the counts of keys with rotate_seals. EE_KEY_UNKNOWN: no row.
 */
int ee_store_seals(struct ee_statements *s, const char *schema,
                   const uint8_t *key_id, struct ee_seal_count *out,
                   struct ee_error *err) EE_CHECKED;
/* Writes it, whatever is there. */
int ee_store_put_seals(struct ee_statements *s, const char *schema,
                       const uint8_t *key_id, const struct ee_seal_count *c,
                       struct ee_error *err) EE_CHECKED;
/* In the place of the row with this tag, by one statement. */
int ee_store_change_seals(struct ee_statements *s, const char *schema,
                          const uint8_t *key_id, const struct ee_seal_count *c,
                          const uint8_t *tag, struct ee_error *err) EE_CHECKED;
int ee_store_drop_seals(struct ee_statements *s, const char *schema,
                        const uint8_t *key_id, struct ee_error *err) EE_CHECKED;
/* policy_store.c. Without a table or a row there is no policy. */
int ee_store_has_policies(struct ee_statements *s, const char *schema,
                          bool *yes, struct ee_error *err) EE_CHECKED;
int ee_store_policy(struct ee_statements *s, const char *schema,
                    const char *name, struct ee_key_policy *out,
                    struct ee_error *err) EE_CHECKED;
/* Makes the table when it is not there. */
int ee_store_put_policy(struct ee_statements *s, const char *schema,
                        const char *name, const struct ee_key_policy *policy,
                        struct ee_error *err) EE_CHECKED;
int ee_store_put_manifest(struct ee_statements *s, const char *schema,
                          const char *name, const struct ee_key_manifest *m,
                          struct ee_error *err) EE_CHECKED;

#endif
