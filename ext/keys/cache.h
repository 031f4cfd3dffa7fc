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
 *
 * A loaded key may have an age and a number of uses after which its CMK is
 * asked again (cache_age.c). They are looked at when a statement execution
 * first uses the key, and never in the middle: what has begun to read goes on
 * to its end. When no statement runs that began before, an old key is wiped.
 * A key that no CMK gave, but this connection drew (seal_only.h), has a time of
 * its own instead, and is not evicted: it would be drawn anew.
 */
#ifndef EE_KEYS_CACHE_H
#define EE_KEYS_CACHE_H

#include "base/secret.h"
#include "db/statements.h"
#include "envelope/kek.h"
#include "keys/record.h"
#include "keys/subject_record.h"

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
    int64_t loaded;    /* when its CMK was asked, of a subject its parent's */
    int64_t retry;     /* not renewed ahead of time before */
    int64_t until;     /* drawn here: expired then; 0: loaded by a CMK */
    uint64_t uses;     /* since then */
    unsigned names;    /* name slots that lead to it */
    unsigned pins;     /* in use by a change of keys: not to be freed */
    bool removed;      /* out of the cache, freed with the last pin */
    bool made_here;    /* and may not be committed yet */
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

/* All but `bytes` 0: no limit. Times in ms. */
struct ee_cache_limits {
    int64_t ttl;     /* age at which a key's CMK is asked again */
    int64_t refresh; /* so long before, it is tried */
    uint64_t uses;   /* by rows */
    size_t bytes;    /* for all entries */
};

/* What one entry takes, with its arena cell. */
#define EE_CACHE_ENTRY_BYTES (sizeof(struct ee_key_entry) + EE_CELL_BYTES)
#define EE_CACHE_LEAST       16 /* entries */
#define EE_CACHE_DEFAULT     256
#define EE_CACHE_MOST        4096

/* Since the connection was opened; the process's fork does not reset them. */
struct ee_cache_counts {
    uint64_t hits;    /* uses of a key, but for the first after a load */
    uint64_t misses;  /* a key had to be unwrapped */
    uint64_t evicted; /* made room for another */
    uint64_t expired; /* by age or uses */
    uint64_t renewed; /* ahead of time */
    uint64_t shared;  /* taken from another connection */
};

struct ee_cache {
    struct ee_key_entry *buckets[EE_CACHE_BUCKETS];
    struct ee_key_entry *newest;
    struct ee_key_entry *oldest;
    size_t count;
    uint64_t serial; /* the newest slot's */
    struct ee_name_slot names[EE_NAME_SLOTS];
    struct ee_cache_limits limits;
    struct ee_cache_counts counts;
    int64_t now;         /* of the newest moment */
    int64_t next_expiry; /* no key is expired before */
    bool timed;          /* some key has a time of its own */
};

void ee_cache_init(struct ee_cache *c);
size_t ee_cache_room(const struct ee_cache *c); /* entries */

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
/* Wipes all seal-only ones, drawn here or loaded. */
void ee_cache_forget_seal_only(struct ee_cache *c);

/* Keeps an entry while other keys are loaded; NULL-safe. */
void ee_cache_pin(struct ee_key_entry *entry);
void ee_cache_unpin(struct ee_key_entry *entry);

void ee_cache_clear(struct ee_cache *c);

/* One row's use of a key. */
static inline void ee_cache_count_use(struct ee_cache *c,
                                      struct ee_key_entry *e)
{
    c->counts.hits += e->uses > 0 ? 1 : 0;
    if (++e->uses == c->limits.uses) {
        c->next_expiry = 0; /* the next sweep finds it */
    }
}

/* ---- limits: cache_age.c ---- */

/* Takes effect at once; evicts what has no room any more. */
void ee_cache_set_limits(struct ee_cache *c, struct ee_cache_limits limits);

/* The time of a key that was drawn here: until then (ee_coarse_ms()), or
 * INT64_MAX. */
void ee_cache_set_until(struct ee_cache *c, struct ee_key_entry *e,
                        int64_t until);

/* A new moment: what time is it? */
void ee_cache_tick(struct ee_cache *c);

/* Must a statement that has not used the key yet have it unwrapped again? */
bool ee_cache_is_expired(const struct ee_cache *c,
                         const struct ee_key_entry *e);
/* Is it time to try that, although the key may still be used? */
bool ee_cache_is_due(const struct ee_cache *c, const struct ee_key_entry *e);
/* What was loaded before then is expired, or due. Without a limit: at any time.
 */
int64_t ee_cache_expired_since(const struct ee_cache *c);
int64_t ee_cache_due_since(const struct ee_cache *c);
void ee_cache_not_renewed(const struct ee_cache *c, struct ee_key_entry *e);

/* The same key, unwrapped again; takes kek. loaded: when. */
void ee_cache_renew(struct ee_cache *c, struct ee_key_entry *e,
                    struct ee_kek *kek, int64_t loaded);

/* Wipes what is expired. Call it where nothing is borrowed. True: one of them
 * was drawn here. */
bool ee_cache_sweep(struct ee_cache *c);

/* Takes an entry out, and wipes it once nobody uses it. */
void ee_cache_remove(struct ee_cache *c, struct ee_key_entry *entry);

/* Removes the least recently used until there are at most `entries`. */
void ee_cache_make_room(struct ee_cache *c, size_t entries);

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
