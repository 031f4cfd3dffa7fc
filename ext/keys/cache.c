/* SPDX-License-Identifier: MIT
 *
 * cache.c: loaded keys by id and by name.
 */
#include "keys/cache.h"

#include <string.h>

void ee_cache_init(struct ee_cache *c)
{
    c->limits.bytes = EE_CACHE_DEFAULT * EE_CACHE_ENTRY_BYTES;
}

size_t ee_cache_room(const struct ee_cache *c)
{
    return c->limits.bytes / EE_CACHE_ENTRY_BYTES;
}

/* Key ids derive from random keys: their first byte is hash enough. */
static struct ee_key_entry **bucket_of(struct ee_cache *c,
                                       const uint8_t *key_id)
{
    return &c->buckets[key_id[0] % EE_CACHE_BUCKETS];
}

static void entry_free(struct ee_key_entry *e)
{
    ee_kek_free(e->kek);
    sqlite3_free(e);
}

/* Out of the list by use. */
static void unlink_entry(struct ee_cache *c, struct ee_key_entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
}

static void link_newest(struct ee_cache *c, struct ee_key_entry *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest != NULL ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

/* Out of the cache, and not freed. */
static void take_out(struct ee_cache *c, struct ee_key_entry *entry)
{
    struct ee_key_entry **link = bucket_of(c, entry->record.fingerprint);

    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    unlink_entry(c, entry);
    c->count--;
    for (int i = 0; entry->names > 0 && i < EE_NAME_SLOTS; i++) {
        if (c->names[i].entry == entry) {
            c->names[i].entry = NULL;
            entry->names--;
        }
    }
    entry->removed = true;
}

void ee_cache_remove(struct ee_cache *c, struct ee_key_entry *entry)
{
    take_out(c, entry);
    if (entry->pins == 0) {
        entry_free(entry);
    }
}

void ee_cache_pin(struct ee_key_entry *entry)
{
    entry->pins++;
}

void ee_cache_unpin(struct ee_key_entry *entry)
{
    if (entry != NULL && --entry->pins == 0 && entry->removed) {
        entry_free(entry);
    }
}

static bool is_of(const struct ee_key_entry *e, const uint8_t *key_id)
{
    return memcmp(e->record.fingerprint, key_id, EE_KEY_ID_BYTES) == 0;
    /* lint: memcmp on public bytes */
}

/* A forked child sees wiped keys. */
static struct ee_key_entry *use(struct ee_cache *c, struct ee_key_entry *e)
{
    if (e != NULL && !ee_kek_usable(e->kek)) {
        ee_cache_remove(c, e);
        return NULL;
    }
    if (e != NULL && c->newest != e) {
        unlink_entry(c, e);
        link_newest(c, e);
    }
    return e;
}

struct ee_key_entry *ee_cache_by_id(struct ee_cache *c, const uint8_t *key_id)
{
    struct ee_key_entry *best = NULL;

    for (struct ee_key_entry *e = *bucket_of(c, key_id); e; e = e->next) {
        if (is_of(e, key_id) && (best == NULL || e->checked > best->checked)) {
            best = e;
        }
    }
    return use(c, best);
}

struct ee_key_entry *ee_cache_find(struct ee_cache *c, const char *schema,
                                   const uint8_t *key_id)
{
    struct ee_key_entry *e = *bucket_of(c, key_id);

    while (e != NULL && !(is_of(e, key_id) && strcmp(e->schema, schema) == 0)) {
        e = e->next;
    }
    return use(c, e);
}

void ee_cache_forget(struct ee_cache *c, const char *schema,
                     const uint8_t *key_id)
{
    struct ee_key_entry *e = ee_cache_find(c, schema, key_id);

    if (e != NULL) {
        ee_cache_remove(c, e);
    }
}

static void forget_all(struct ee_cache *c,
                       bool (*is_meant)(const struct ee_key_entry *e))
{
    struct ee_key_entry *e = c->newest;

    while (e != NULL) {
        struct ee_key_entry *older = e->older;

        if (is_meant(e)) {
            ee_cache_remove(c, e);
        }
        e = older;
    }
}

static bool is_subject(const struct ee_key_entry *e)
{
    return e->is_subject;
}

void ee_cache_forget_subjects(struct ee_cache *c)
{
    forget_all(c, is_subject);
}

static bool is_seal_only(const struct ee_key_entry *e)
{
    return e->record.origin == EE_ORIGIN_SEAL_ONLY;
}

void ee_cache_forget_seal_only(struct ee_cache *c)
{
    forget_all(c, is_seal_only);
}

/* Its memory, for the next one: an allocation for each row would cost. */
static struct ee_key_entry *evict_oldest(struct ee_cache *c)
{
    struct ee_key_entry *e = c->oldest;

    /* few are pinned, for as long as a call; of the others there is one for a
     * name of the setting seal_only. Beside many of these the newest may be the
     * only one to go, and is borrowed still. */
    while (e != NULL && (e->pins > 0 || e->until != 0)) {
        e = e->newer;
    }
    if (e != NULL && e != c->newest) {
        take_out(c, e);
        ee_kek_free(e->kek);
        c->counts.evicted++;
        return e;
    }
    return NULL;
}

void ee_cache_make_room(struct ee_cache *c, size_t entries)
{
    struct ee_key_entry *e = NULL;

    while (c->count > entries && (e = evict_oldest(c)) != NULL) {
        sqlite3_free(e);
    }
}

struct ee_key_entry *ee_cache_add(struct ee_cache *c, const char *schema,
                                  struct ee_kek *kek)
{
    struct ee_key_entry **bucket = bucket_of(c, kek->key_id);
    struct ee_key_entry *e =
        c->count >= ee_cache_room(c) ? evict_oldest(c) : NULL;

    if (e == NULL) {
        e = sqlite3_malloc64(sizeof *e);
    }
    if (e == NULL) {
        ee_kek_free(kek);
        return NULL;
    }
    memset(e, 0, sizeof *e);
    e->kek = kek;
    e->loaded = c->now;
    memcpy(e->schema, schema, strnlen(schema, sizeof e->schema - 1));
    memcpy(e->record.fingerprint, kek->fingerprint, sizeof kek->fingerprint);
    e->next = *bucket;
    *bucket = e;
    link_newest(c, e);
    c->count++;
    return e;
}

void ee_cache_clear(struct ee_cache *c)
{
    for (int i = 0; i < EE_CACHE_BUCKETS; i++) {
        while (c->buckets[i] != NULL) {
            ee_cache_remove(c, c->buckets[i]);
        }
    }
}

/* FNV-1a: names are few and not secret. */
static struct ee_name_slot *slot_of(struct ee_cache *c, const char *name,
                                    size_t n)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < n; i++) {
        h = (h ^ (unsigned char)name[i]) * 16777619u;
    }
    return &c->names[h % EE_NAME_SLOTS];
}

const struct ee_name_slot *ee_cache_name(struct ee_cache *c, const char *name,
                                         size_t n)
{
    const struct ee_name_slot *slot = slot_of(c, name, n);

    if (slot->entry == NULL || slot->n != n ||
        memcmp(slot->name, name, n) != 0) { /* lint: memcmp on public bytes */
        return NULL;
    }
    return use(c, slot->entry) != NULL ? slot : NULL;
}

struct ee_name_hint ee_cache_hint(struct ee_cache *c, const char *name,
                                  size_t n)
{
    const struct ee_name_slot *slot = ee_cache_name(c, name, n);

    return slot != NULL ? (struct ee_name_hint){slot, slot->serial}
                        : (struct ee_name_hint){NULL, 0};
}

const struct ee_name_slot *ee_cache_hinted(struct ee_cache *c,
                                           const struct ee_name_hint *hint)
{
    const struct ee_name_slot *slot = hint->slot;

    return slot != NULL && slot->serial == hint->serial &&
                   use(c, slot->entry) != NULL
               ? slot
               : NULL;
}

void ee_cache_set_name(struct ee_cache *c, const char *name, size_t n,
                       uint64_t checked, struct ee_key_entry *entry)
{
    struct ee_name_slot *slot = slot_of(c, name, n);

    if (n > sizeof slot->name) {
        return;
    }
    if (slot->entry != NULL) {
        slot->entry->names--;
    }
    entry->names++;
    memcpy(slot->name, name, n);
    slot->n = n;
    slot->serial = ++c->serial;
    slot->checked = checked;
    slot->entry = entry;
}
