/* SPDX-License-Identifier: MIT
 *
 * cache.c: loaded keys by id and by name.
 */
#include "keys/cache.h"

#include "base/secret.h"

#include <string.h>

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

static void remove_entry(struct ee_cache *c, struct ee_key_entry *entry)
{
    struct ee_key_entry **link = bucket_of(c, entry->record.fingerprint);

    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    c->count--;
    for (int i = 0; i < EE_NAME_SLOTS; i++) {
        if (c->names[i].entry == entry) {
            c->names[i].entry = NULL;
        }
    }
    entry->removed = true;
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
        remove_entry(c, e);
        return NULL;
    }
    if (e != NULL) {
        e->used = ++c->uses;
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
        remove_entry(c, e);
    }
}

static void evict_oldest(struct ee_cache *c)
{
    struct ee_key_entry *oldest = NULL;

    for (int i = 0; i < EE_CACHE_BUCKETS; i++) {
        for (struct ee_key_entry *e = c->buckets[i]; e; e = e->next) {
            if (e->pins == 0 && (oldest == NULL || e->used < oldest->used)) {
                oldest = e;
            }
        }
    }
    if (oldest != NULL) {
        remove_entry(c, oldest);
    }
}

struct ee_key_entry *ee_cache_add(struct ee_cache *c, const char *schema,
                                  struct ee_kek *kek)
{
    struct ee_key_entry **bucket = bucket_of(c, kek->key_id);
    struct ee_key_entry *e = sqlite3_malloc64(sizeof *e);

    if (e == NULL) {
        ee_kek_free(kek);
        return NULL;
    }
    if (c->count >= EE_CACHE_MAX) {
        evict_oldest(c);
    }
    memset(e, 0, sizeof *e);
    e->kek = kek;
    e->used = ++c->uses;
    (void)sqlite3_snprintf(sizeof e->schema, e->schema, "%s", schema);
    memcpy(e->record.fingerprint, kek->fingerprint, sizeof kek->fingerprint);
    e->next = *bucket;
    *bucket = e;
    c->count++;
    return e;
}

void ee_cache_clear(struct ee_cache *c)
{
    for (int i = 0; i < EE_CACHE_BUCKETS; i++) {
        while (c->buckets[i] != NULL) {
            remove_entry(c, c->buckets[i]);
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

void ee_cache_set_name(struct ee_cache *c, const char *name, size_t n,
                       uint64_t checked, struct ee_key_entry *entry)
{
    struct ee_name_slot *slot = slot_of(c, name, n);

    if (n > sizeof slot->name) {
        return;
    }
    memcpy(slot->name, name, n);
    slot->n = n;
    slot->checked = checked;
    slot->entry = entry;
}
