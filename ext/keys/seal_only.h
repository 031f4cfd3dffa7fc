/* SPDX-License-Identifier: MIT
 *
 * seal_only.h: key versions of sessions that have a public key only, FORMAT
 * section 13.
 *
 * Such a session cannot load the key of a name. It draws a KEK of its own,
 * wraps it under the public key, and seals under it until it is closed or a
 * time is over. Which public key stands for which name is this session's to say
 * (the settings seal_only, to seal, and open_seal_only, to open), by its
 * SHA-256. What opens was sealed *for* us, and nobody knows by whom.
 *
 * files: seal_only.c (to open), seal_only_make.c (to seal), seal_only_config.c
 * (the settings), seal_only_share.c (for other connections), seal_only_store.c
 * (SQL).
 */
#ifndef EE_KEYS_SEAL_ONLY_H
#define EE_KEYS_SEAL_ONLY_H

#include "keys/store.h"

#include <stdbool.h>

struct ee_keys;
struct ee_key_entry;
struct ee_seal_only_cmk;

/* One setting: its text, one space between the words, or NULL; and what it
 * means. */
struct ee_seal_only_list {
    char *text;
    char *words; /* the same, a NUL behind each */
    struct ee_seal_only_cmk *items;
    size_t count;
};

struct ee_seal_only {
    struct ee_seal_only_list seal;
    struct ee_seal_only_list open;
    int64_t seconds; /* how long a version seals; 0: until its connection, which
                        shares it with no other, is closed */
    char time[8];    /* the same, as set */
};

#define EE_SEAL_ONLY_SECONDS     3600
#define EE_SEAL_ONLY_SECONDS_MAX 86400

void ee_seal_only_init(struct ee_seal_only *s);
void ee_seal_only_clear(struct ee_seal_only *s);

/* Set from a list of words, 'pii=pem:FILE#sha256-HEX'. An empty one takes the
 * setting away. On failure nothing has changed, and err goes on after the
 * setting's name. */
int ee_seal_only_set(struct ee_keys *k, struct ee_seal_only_list *list,
                     const char *value, struct ee_error *err) EE_CHECKED;

/* The setting seal_only_time, likewise. */
int ee_seal_only_set_time(struct ee_seal_only *s, const char *value,
                          struct ee_error *err) EE_CHECKED;

/* Does this session seal under a public key for this name? */
bool ee_seal_only_seals(struct ee_keys *k, const char *name, size_t n);

/* The version of this connection, for such a name; inside a write transaction
 * it is made when there is none. As ee_keys_for_seal(). */
int ee_seal_only_for_seal(struct ee_keys *k, const char *name, size_t n,
                          uint64_t moment, struct ee_key_entry **out,
                          struct ee_error *err) EE_CHECKED;

/* The same, for envelope_key_open(): makes the table and the version. */
int ee_seal_only_warm(struct ee_keys *k, const char *name, size_t n,
                      uint64_t moment, struct ee_key_entry **out,
                      struct ee_error *err) EE_CHECKED;

/* A verified entry for the row of a key id that was found in a schema. The
 * caller has asked open_keys. */
int ee_seal_only_load(struct ee_keys *k, const char *schema,
                      const uint8_t *key_id, uint64_t moment,
                      struct ee_key_entry **out,
                      struct ee_error *err) EE_CHECKED;

/* ---- between these files ---- */

struct ee_seal_only_cmk {
    char schema[EE_SCHEMA_MAX]; /* empty: main to seal, any to open */
    char name[EE_NAME_MAX];
    char *uri; /* in the list's words */
    uint8_t pin[EE_MAC_BYTES];
    /* to seal: the version that this connection made, and where */
    bool made;
    char at[EE_SCHEMA_MAX];
    uint8_t key_id[EE_KEY_ID_BYTES];
    int64_t made_at;  /* monotonic, milliseconds */
    uint64_t checked; /* moment when it last might seal */
};

/* Does the name stand for main's key where it names no schema? Then the schema
 * is filled in. */
struct ee_seal_only_cmk *ee_seal_only_find(struct ee_keys *k, const char *name,
                                           size_t n);

/* EE_KEY_STATE when the name's own key in the schema, if there is one, is not
 * in a state for it. It is not verified here: it can only refuse. */
int ee_seal_only_check_state(struct ee_keys *k, const char *schema,
                             const char *name, bool to_seal,
                             struct ee_key_record *there,
                             struct ee_error *err) EE_CHECKED;

/* An entry of a payload; EE_TAMPERED when it is not the record's. */
int ee_seal_only_keep(struct ee_keys *k, const char *schema,
                      const struct ee_key_record *r, const uint8_t *payload,
                      struct ee_key_entry **out,
                      struct ee_error *err) EE_CHECKED;

/* A version of another connection of this process, not too old: its record and
 * its payload, a cell of the caller's. Whether its row is there is not known.
 */
bool ee_seal_only_take(struct ee_keys *k, const struct ee_seal_only_cmk *c,
                       uint8_t suite, struct ee_key_record *r, uint8_t *payload,
                       int64_t *made_at);
/* Lets the others have one; where it cannot, they make their own. */
void ee_seal_only_share(struct ee_keys *k, const struct ee_seal_only_cmk *c,
                        const struct ee_key_record *r, const uint8_t *payload);
void ee_seal_only_sweep(void);

/* ---- the table; all but the first two expect it there ---- */

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
/* The wraps of all versions of a name, put before *list. */
int ee_seal_only_wraps(struct ee_statements *s, const char *schema,
                       const char *name, struct ee_wrap **list,
                       struct ee_error *err) EE_CHECKED;
int ee_seal_only_delete(struct ee_statements *s, const char *schema,
                        const char *name, struct ee_error *err) EE_CHECKED;

#endif
