/* SPDX-License-Identifier: MIT
 *
 * draft.h: a key version in the making, for create and rotate: drawn, tagged,
 * wrapped under each CMK (no transaction open), then inserted (inside one). For
 * key_rewrap: a version that exists, with new wraps.
 */
#ifndef EE_KEYS_DRAFT_H
#define EE_KEYS_DRAFT_H

#include "keys/keys.h"
#include "provider/provider.h"

#define EE_DRAFT_TRIES 5 /* when other connections change the same key */

struct ee_draft {
    struct ee_key_record record; /* name, version and suite set by the caller */
    uint64_t generation;         /* of the manifest after the change */
    struct ee_key_policy policy; /* of the name */
    uint8_t *payload;            /* a cell: KEK, then S; secret */
    struct ee_wrap *wraps;
    struct ee_wrap *seen;  /* those that the CMKs were taken from, if any */
    struct ee_wrap **made; /* for each of these: what their CMK made of it, or
                              NULL (rewrap_batch.h) */
    bool alone;            /* one CMK only: going on without it is no way out */
    char why[sizeof((struct ee_error *)NULL)->msg]; /* the last one pending */
};

int ee_draft_new(struct ee_draft **out, struct ee_error *err) EE_CHECKED;
void ee_draft_free(struct ee_draft *d); /* NULL-safe; wipes */

/* Where the caller puts S before ee_draft_draw(). */
uint8_t *ee_draft_name_secret(struct ee_draft *d);

/* Draws a KEK whose key id is free in every attached database, and fills the
 * rest of the record (FORMAT R10, section 8). */
int ee_draft_draw(struct ee_keys *k, struct ee_draft *d,
                  struct ee_error *err) EE_CHECKED;

/* Takes record and payload of a key that is loaded. */
void ee_draft_copy(struct ee_draft *d, const struct ee_key_entry *e);

/* Remembers the wraps that the version key_id has now. */
int ee_draft_see(struct ee_keys *k, const char *schema, struct ee_draft *d,
                 const uint8_t *key_id, struct ee_error *err) EE_CHECKED;

/* Wraps the payload under each CMK that wraps the version key_id now, and
 * remembers those wraps. Where they have been seen, takes what was made of
 * them. */
int ee_draft_wrap_again(struct ee_keys *k, const char *schema,
                        struct ee_draft *d, const uint8_t *key_id,
                        struct ee_error *err) EE_CHECKED;
/* Behind the lock: EE_BUSY and *stale when another connection has put other
 * wraps in their place meanwhile. */
int ee_draft_check_seen(struct ee_keys *k, const char *schema,
                        const struct ee_draft *d, const uint8_t *key_id,
                        bool *stale, struct ee_error *err) EE_CHECKED;

/* Wraps the payload under one more CMK, as of ee_keys_wrap(). With the setting
 * allow_partial a CMK that cannot wrap now is noted as pending instead: an
 * empty wrap. Not where this session has mistyped it. */
int ee_draft_wrap(struct ee_keys *k, const char *schema, struct ee_draft *d,
                  const char *cmk, bool named, struct ee_error *err) EE_CHECKED;
/* After the last: EE_UNAVAILABLE when all of them are pending. */
int ee_draft_check_wraps(const struct ee_draft *d,
                         struct ee_error *err) EE_CHECKED;

/* Inside the savepoint: the record and its wraps. */
int ee_draft_insert(struct ee_keys *k, const char *schema,
                    const struct ee_draft *d, struct ee_error *err) EE_CHECKED;

/* Inside the savepoint: the wraps alone, and the look whether they are there.
 */
int ee_draft_insert_wraps(struct ee_keys *k, const char *schema,
                          const struct ee_draft *d,
                          struct ee_error *err) EE_CHECKED;
int ee_draft_read_back_wraps(struct ee_keys *k, const char *schema,
                             const struct ee_draft *d,
                             struct ee_error *err) EE_CHECKED;

/* Inside the savepoint, last: the manifest naming this version current, and a
 * look whether all of it is there. changed: records written, this one too. */
int ee_draft_manifest(struct ee_keys *k, const char *schema,
                      const struct ee_draft *d, size_t changed,
                      struct ee_error *err) EE_CHECKED;

/* Puts the new KEK into the cache, so that the first seal asks no provider. */
int ee_draft_keep(struct ee_keys *k, const char *schema,
                  const struct ee_draft *d, struct ee_error *err) EE_CHECKED;

#endif
