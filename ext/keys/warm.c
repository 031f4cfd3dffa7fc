/* SPDX-License-Identifier: MIT
 *
 * warm.c: loads all versions of a key before a transaction needs them.
 */
#include "keys/find.h"

#include <string.h>

/* The key ids of the versions that may open, gathered first: no statement
 * stays open while a provider works. */
struct id_list {
    uint8_t (*ids)[EE_KEY_ID_BYTES]; /* sqlite3_free() */
    size_t n;
    size_t room;
    uint32_t min_version; /* of the name's policy */
};

static int gather(void *arg, const struct ee_key_record *r,
                  struct ee_error *err)
{
    struct id_list *list = arg;
    void *bigger = NULL;

    if ((r->state != EE_STATE_ACTIVE && r->state != EE_STATE_DECRYPT_ONLY) ||
        r->version < list->min_version ||
        list->n >= list->room) { /* more would push each other out */
        return EE_OK;
    }
    bigger = sqlite3_realloc64(list->ids, (list->n + 1) * sizeof *list->ids);
    if (bigger == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    list->ids = bigger;
    memcpy(list->ids[list->n++], r->fingerprint, EE_KEY_ID_BYTES);
    return EE_OK;
}

/* This name is no value in the wrong place: the message may repeat it. */
static int tell_unknown(struct ee_keys *k, const char *name, size_t n,
                        struct ee_key_entry **out, struct ee_error *err)
{
    size_t slash = 0;

    return ee_subject_name(name, n, &slash) /* it is told already */
               ? err->code
               : ee_find_key_name(k, name, n, true, out, err);
}

int ee_keys_warm(struct ee_keys *k, const char *name, size_t n, uint64_t moment,
                 struct ee_key_entry **out, struct ee_error *err)
{
    struct id_list list = {.room = ee_cache_room(&k->cache) - 1};
    struct ee_key_entry *e = NULL;
    int rc = EE_OK;

    if (ee_seal_only_seals(k, name, n)) {
        return ee_seal_only_warm(k, name, n, moment, out, err);
    }
    rc = ee_keys_for_search(k, name, n, moment, out, err);
    if (rc == EE_KEY_UNKNOWN) {
        rc = tell_unknown(k, name, n, out, err);
    }
    if (rc == EE_OK && (*out)->openable) {
        list.min_version = (*out)->manifest.policy.min_version;
        rc = ee_store_versions(&k->statements, (*out)->schema,
                               (*out)->record.name, gather, &list, err);
    }
    for (size_t i = 0; rc == EE_OK && i < list.n; i++) {
        rc = ee_keys_for_open(k, list.ids[i], moment, &e, err);
    }
    sqlite3_free(list.ids);
    /* the others' loading may have moved the entry out of the cache */
    return rc == EE_OK ? ee_keys_for_search(k, name, n, moment, out, err) : rc;
}
