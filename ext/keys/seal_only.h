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
 * Whoever writes the database can plant such rows, and knows their "secret":
 * zeros. So nothing here is taken for a key of another kind, and the other way
 * round (ee_keys_is_version()).
 *
 * files: seal_only.c (to open), seal_only_own.c (the name's own key, whose
 * state stands above), seal_only_find.c and seal_only_make.c (to seal),
 * seal_only_change.c (states, end), seal_only_config.c (the settings),
 * seal_only_share.c (for other connections), seal_only_store.c (SQL). What they
 * tell each other is in seal_only_parts.h.
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

/* The setting seal_only_time, likewise. Another time than before forgets what
 * was made. */
int ee_seal_only_set_time(struct ee_keys *k, const char *value,
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

#endif
