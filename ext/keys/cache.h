/* SPDX-License-Identifier: MIT
 *
 * cache.h: the keys a connection has loaded, by schema and key id, and by
 * name.
 *
 * What is cached can never be wrong: a KEK belongs to its key id because the
 * id derives from it. Whether it may still be used (state, rotation, rollback)
 * is asked again once in every statement execution; entries carry the moment
 * of their last check. The same key may stand in two databases, with two
 * states: those are two entries. Bounded: the least recently used entry goes,
 * in constant time, because with a key for each data subject one goes for each
 * row.
 */
#ifndef EE_KEYS_CACHE_H
#define EE_KEYS_CACHE_H

#include "db/statements.h"
#include "envelope/kek.h"
#include "keys/record.h"
#include "keys/subject_record.h"

#define EE_CACHE_MAX     256 /* entries, one arena cell each */
#define EE_CACHE_BUCKETS 256
#define EE_NAME_SLOTS    64

struct ee_name_slot;

/* Where a name was found, to find it again without its text. */
struct ee_name_hint {
    const struct ee_name_slot *slot;
    uint64_t serial;
};

/* Seals that were counted and not made yet (keys/seal_count.c). */
struct ee_seal_block {
    uint64_t left;
    uint64_t size;             /* what it was at first */
    uint64_t moment;           /* the statement it is for; 0: it is committed */
    uint8_t tag[EE_MAC_BYTES]; /* of the row that counts them */
};

struct ee_key_entry {
    struct ee_key_entry *next;  /* in its bucket */
    struct ee_key_entry *newer; /* used after it; NULL: none */
    struct ee_key_entry *older;
    struct ee_kek *kek;
    char schema[EE_SCHEMA_MAX];
    struct ee_key_record record;     /* as last verified */
    struct ee_key_manifest manifest; /* as last verified */
    bool is_subject;                 /* then also, as last verified: */
    uint8_t subject[EE_SUBJECT_RECORD_BYTES];
    struct ee_seal_block seals;
    struct ee_name_hint current; /* its name's current version */
    uint64_t checked;            /* moment when its key id last led to it */
    uint64_t implicit; /* moment when its subjects might make themselves */
    unsigned names;    /* name slots that lead to it */
    unsigned pins;     /* in use by a change of keys: not to be freed */
    bool removed;      /* out of the cache, freed with the last pin */
    bool openable;     /* by the setting open_keys, at the last check */
};

/* What a key name meant at a moment; the name as the caller typed it. */
struct ee_name_slot {
    char name[EE_SCHEMA_MAX + EE_NAME_MAX];
    size_t n;
    uint64_t serial; /* of the name in the slot: another one has another */
    uint64_t checked;
    struct ee_key_entry *entry;
};

struct ee_cache {
    struct ee_key_entry *buckets[EE_CACHE_BUCKETS];
    struct ee_key_entry *newest;
    struct ee_key_entry *oldest;
    size_t count;
    uint64_t serial; /* the newest slot's */
    struct ee_name_slot names[EE_NAME_SLOTS];
};

/* The entry that the key id led to last, or NULL: absent, or wiped by a fork.
 * Borrowed until the next ee_cache_add() but one. */
struct ee_key_entry *ee_cache_by_id(struct ee_cache *c, const uint8_t *key_id);
/* The entry of one schema, likewise. */
struct ee_key_entry *ee_cache_find(struct ee_cache *c, const char *schema,
                                   const uint8_t *key_id);

/* Takes kek, also on failure (NULL: out of memory). */
struct ee_key_entry *ee_cache_add(struct ee_cache *c, const char *schema,
                                  struct ee_kek *kek);

/* Wipes a key that must not be used again, once nobody uses it. */
void ee_cache_forget(struct ee_cache *c, const char *schema,
                     const uint8_t *key_id);

/* Wipes all keys of data subjects: their parent key is gone. */
void ee_cache_forget_subjects(struct ee_cache *c);

/* Keeps an entry while other keys are loaded; NULL-safe. */
void ee_cache_pin(struct ee_key_entry *entry);
void ee_cache_unpin(struct ee_key_entry *entry);

void ee_cache_clear(struct ee_cache *c);

/* What the name meant when it was last looked up, or NULL. */
const struct ee_name_slot *ee_cache_name(struct ee_cache *c, const char *name,
                                         size_t n);
/* The same by a hint: that of the name's slot, none where it has none. */
const struct ee_name_slot *ee_cache_hinted(struct ee_cache *c,
                                           const struct ee_name_hint *hint);
struct ee_name_hint ee_cache_hint(struct ee_cache *c, const char *name,
                                  size_t n);
void ee_cache_set_name(struct ee_cache *c, const char *name, size_t n,
                       uint64_t checked, struct ee_key_entry *entry);

#endif
