/* SPDX-License-Identifier: MIT
 *
 * seal_only_parts.h: what the files of seal_only.h, and those that change keys,
 * ask of each other.
 */
#ifndef EE_KEYS_SEAL_ONLY_PARTS_H
#define EE_KEYS_SEAL_ONLY_PARTS_H

#include "crypto/hash.h"
#include "keys/keys.h"
#include "keys/seal_only_store.h"

struct ee_seal_only_cmk {
    char schema[EE_SCHEMA_MAX]; /* empty: main to seal, any to open */
    char name[EE_NAME_MAX];
    char *uri; /* in the list's words */
    uint8_t pin[EE_MAC_BYTES];
    /* to open: the name's own key is not tried before, in this schema */
    int64_t retry;
    char retry_at[EE_SCHEMA_MAX];
    /* to seal: the version that this connection made, and where */
    bool made;
    char at[EE_SCHEMA_MAX];
    uint8_t key_id[EE_KEY_ID_BYTES];
    uint8_t wrap[EE_HASH_BYTES]; /* of its wrap: what was written */
    int64_t made_at;             /* ee_coarse_ms() */
    uint64_t checked;            /* moment when it last might seal */
};

/* Does the name stand for main's key where it names no schema? Then the schema
 * is filled in. */
struct ee_seal_only_cmk *ee_seal_only_find(struct ee_keys *k, const char *name,
                                           size_t n);

/* EE_KEY_STATE when the name's own key in the schema, if there is one, is not
 * in a state for it (FORMAT R46); EE_DENIED when there is none, and a pin.
 * opener: the session's word that it opens; NULL to seal. *there: the own key;
 * where there is none, the name and the suite to take. It is verified where the
 * name is pinned, where it is loaded, and, to open, where it can be; else it
 * can only refuse. */
int ee_seal_only_check_own(struct ee_keys *k, const char *schema,
                           const char *name, struct ee_seal_only_cmk *opener,
                           struct ee_key_record *there,
                           struct ee_error *err) EE_CHECKED;

/* EE_KEY_UNKNOWN, without a message: there is none to go on with. *there: the
 * name's own key; where it has none, the name and the suite to take. */
int ee_seal_only_find_made(struct ee_keys *k, struct ee_seal_only_cmk *c,
                           uint64_t moment, struct ee_key_entry **out,
                           struct ee_key_record *there,
                           struct ee_error *err) EE_CHECKED;
/* c goes on with this entry. wrap: the hash of what its row must have. */
void ee_seal_only_set_made(struct ee_keys *k, struct ee_seal_only_cmk *c,
                           struct ee_key_entry *e, int64_t made_at,
                           const uint8_t *wrap);

/* An entry of a payload; EE_TAMPERED when it is not the record's. */
int ee_seal_only_keep(struct ee_keys *k, const char *schema,
                      const struct ee_key_record *r, const uint8_t *payload,
                      struct ee_key_entry **out,
                      struct ee_error *err) EE_CHECKED;

/* What the connections of a process share of a version. */
struct ee_seal_only_shared {
    struct ee_key_record record;
    uint8_t wrap[EE_HASH_BYTES];
    int64_t made_at;
    uint8_t *payload; /* a cell of the caller's */
};

/* A version of another connection, not too old. Whether its row is there is not
 * known: it may be rolled back. */
bool ee_seal_only_take(struct ee_keys *k, const struct ee_seal_only_cmk *c,
                       uint8_t suite, struct ee_seal_only_shared *out);
/* Lets the others have the one that c made; where it cannot, they make their
 * own. */
void ee_seal_only_share(struct ee_keys *k, const struct ee_seal_only_cmk *c,
                        const struct ee_key_record *r, const uint8_t *payload);
/* Wipes what the others would take: in all databases. */
void ee_seal_only_unshare(const struct ee_seal_only_which *which);
void ee_seal_only_sweep(void);

/* ---- states and end: seal_only_change.c ---- */

struct ee_seal_only_row {
    char schema[EE_SCHEMA_MAX];
    uint8_t key_id[EE_KEY_ID_BYTES];
};

/* *yes: the text is the 16 hex digits of a seal-only version that is here. */
int ee_seal_only_meant(struct ee_keys *k, const char *text, size_t n, bool *yes,
                       struct ee_seal_only_row *out,
                       struct ee_error *err) EE_CHECKED;
/* As their like in keys.h. Destroyed, its row is gone. */
int ee_seal_only_set_state(struct ee_keys *k,
                           const struct ee_seal_only_row *row, uint8_t state,
                           struct ee_error *err) EE_CHECKED;
int ee_seal_only_destroy(struct ee_keys *k, const struct ee_seal_only_row *row,
                         enum ee_leftover *left,
                         struct ee_error *err) EE_CHECKED;
/* All of a name, inside the write that destroys the name's own key. Their wraps
 * are put before *wraps. */
int ee_seal_only_destroy_all(struct ee_keys *k, const char *schema,
                             const char *name, struct ee_wrap **wraps,
                             struct ee_error *err) EE_CHECKED;
/* EE_KEY_UNKNOWN for a name that has no key of its own, with the message that
 * is there or, where the name has seal-only versions, a better one. */
int ee_seal_only_refuse_name(struct ee_keys *k, const char *name, size_t n,
                             struct ee_error *err);

#endif
