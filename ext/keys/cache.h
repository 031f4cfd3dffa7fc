/* SPDX-License-Identifier: MIT
 *
 * cache.h: the keys a connection has loaded, by key id and by name.
 *
 * What is cached can never be wrong: a KEK belongs to its key id because the
 * id derives from it. Whether it may still be used (state, rotation, rollback)
 * is asked again once in every statement execution; entries carry the moment
 * of their last check. Bounded: the least recently used entry goes.
 */
#ifndef EE_KEYS_CACHE_H
#define EE_KEYS_CACHE_H

#include "db/statements.h"
#include "envelope/kek.h"
#include "keys/record.h"

#define EE_CACHE_MAX     256 /* entries, one arena cell each */
#define EE_CACHE_BUCKETS 256
#define EE_NAME_SLOTS    64

struct ee_key_entry {
    struct ee_key_entry *next; /* in its bucket */
    struct ee_kek *kek;
    char schema[EE_SCHEMA_MAX];
    char qualified[EE_SCHEMA_MAX + EE_NAME_MAX]; /* schema:name */
    struct ee_key_record record;                 /* as last verified */
    struct ee_key_manifest manifest;             /* as last verified */
    uint64_t checked;                            /* moment of the last check */
    uint64_t used;
};

/* What a key name meant at a moment; the name as the caller typed it. */
struct ee_name_slot {
    char name[EE_SCHEMA_MAX + EE_NAME_MAX];
    size_t n;
    uint64_t checked;
    struct ee_key_entry *entry;
};

struct ee_cache {
    struct ee_key_entry *buckets[EE_CACHE_BUCKETS];
    size_t count;
    uint64_t uses;
    struct ee_name_slot names[EE_NAME_SLOTS];
};

/* NULL when absent, or when a fork wiped its key. Borrowed until the next
 * ee_cache_add() but one. */
struct ee_key_entry *ee_cache_find(struct ee_cache *c, const uint8_t *key_id);

/* Takes kek, also on failure (NULL: out of memory). */
struct ee_key_entry *ee_cache_add(struct ee_cache *c, struct ee_kek *kek);

void ee_cache_remove(struct ee_cache *c, struct ee_key_entry *entry);
void ee_cache_clear(struct ee_cache *c);

/* The entry that name meant at or after the moment `since`, or NULL. */
struct ee_key_entry *ee_cache_name(struct ee_cache *c, const char *name,
                                   size_t n, uint64_t since);
void ee_cache_set_name(struct ee_cache *c, const char *name, size_t n,
                       uint64_t checked, struct ee_key_entry *entry);

#endif
