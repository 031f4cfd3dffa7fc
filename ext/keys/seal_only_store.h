/* SPDX-License-Identifier: MIT
 *
 * seal_only_store.h: the table envelope_seal_only of one schema. SQL only, as
 * in store.h: what is read is not yet believed. All but the first two expect
 * the table there.
 */
#ifndef EE_KEYS_SEAL_ONLY_STORE_H
#define EE_KEYS_SEAL_ONLY_STORE_H

#include "keys/store.h"

int ee_seal_only_exists(struct ee_statements *s, const char *schema, bool *yes,
                        struct ee_error *err) EE_CHECKED;
int ee_seal_only_create_table(sqlite3 *db, const char *schema,
                              struct ee_error *err) EE_CHECKED;
/* EE_KEY_UNKNOWN without a message. wrap: NULL, or the caller's to free by
 * ee_wraps_free(). */
int ee_seal_only_by_id(struct ee_statements *s, const char *schema,
                       const uint8_t *key_id, struct ee_key_record *out,
                       struct ee_wrap **wrap, struct ee_error *err) EE_CHECKED;
int ee_seal_only_insert(struct ee_statements *s, const char *schema,
                        const struct ee_key_record *r, const char *cmk,
                        struct ee_bytes wrapped,
                        struct ee_error *err) EE_CHECKED;
/* Takes the write lock without changing anything. */
int ee_seal_only_lock(struct ee_statements *s, const char *schema,
                      struct ee_error *err) EE_CHECKED;
int ee_seal_only_update(struct ee_statements *s, const char *schema,
                        const uint8_t *key_id, uint8_t state,
                        struct ee_error *err) EE_CHECKED;
/* One version or, where key_id is NULL, all of a name. */
struct ee_seal_only_which {
    const uint8_t *key_id;
    const char *name;
};
/* Their wraps, put before *list. */
int ee_seal_only_wraps(struct ee_statements *s, const char *schema,
                       const struct ee_seal_only_which *which,
                       struct ee_wrap **list, struct ee_error *err) EE_CHECKED;
/* Are there any? In doubt yes: this asks whether the last one is gone. */
int ee_seal_only_has(struct ee_statements *s, const char *schema,
                     const struct ee_seal_only_which *which, bool *yes,
                     struct ee_error *err) EE_CHECKED;
int ee_seal_only_delete(struct ee_statements *s, const char *schema,
                        const struct ee_seal_only_which *which,
                        struct ee_error *err) EE_CHECKED;

#endif
