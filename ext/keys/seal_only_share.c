/* SPDX-License-Identifier: MIT
 *
 * seal_only_share.c: seal-only versions that the connections of this process go
 * on with, for the time of the setting seal_only_time. An application that
 * opens a connection for each request would make a version for each.
 *
 * Apart from the keys of shared.h, under whose lock it is: these must outlive
 * the connection that made one, and are found by what they are for. The payload
 * is in the arena, so a forked child has none. One that is over is wiped when a
 * connection next takes one, makes one, wipes its own, or closes.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "keys/seal_only_parts.h"
#include "keys/shared.h"
#include "provider/provider.h"

#include <string.h>

#define SHARED_MAX 32
#define FILE_MAX   512 /* of a path; longer ones are not shared */

struct slot {
    struct ee_seal_only_shared version; /* payload NULL: the slot is free */
    char file[FILE_MAX];
    uint8_t pin[EE_MAC_BYTES];
    int64_t seconds; /* of the connection that made it */
};

static struct slot slots[SHARED_MAX]; /* under ee_shared_lock() */

/* Wipes. Lock held, as below. */
static void drop(struct slot *s)
{
    ee_cell_free(s->version.payload);
    s->version.payload = NULL;
}

/* Wipes what is over, or was wiped by a fork. */
static void sweep(void)
{
    const int64_t now = ee_coarse_ms();

    for (int i = 0; i < SHARED_MAX; i++) {
        const struct ee_seal_only_shared *v = &slots[i].version;

        if (v->payload != NULL &&
            (now - v->made_at >= slots[i].seconds * 1000 ||
             ee_is_zero(v->payload, EE_KEY_BYTES))) {
            drop(&slots[i]);
        }
    }
}

void ee_seal_only_sweep(void)
{
    ee_shared_lock();
    sweep();
    ee_shared_unlock();
}

static bool is_meant(const struct slot *s,
                     const struct ee_seal_only_which *which)
{
    const struct ee_key_record *r = &s->version.record;

    return s->version.payload != NULL &&
           (which->key_id != NULL
                ? ee_equal(r->fingerprint, which->key_id, EE_KEY_ID_BYTES)
                : strcmp(r->name, which->name) == 0);
}

void ee_seal_only_unshare(const struct ee_seal_only_which *which)
{
    ee_shared_lock();
    for (int i = 0; i < SHARED_MAX; i++) {
        if (is_meant(&slots[i], which)) {
            drop(&slots[i]);
        }
    }
    ee_shared_unlock();
}

/* NULL: no file, or too long a name. */
static const char *file_of(struct ee_keys *k, const struct ee_seal_only_cmk *c)
{
    const char *file = sqlite3_db_filename(k->db, c->at);

    return file != NULL && file[0] != '\0' && strlen(file) < FILE_MAX ? file
                                                                      : NULL;
}

static struct slot *find(const char *file, const struct ee_seal_only_cmk *c,
                         uint8_t suite)
{
    for (int i = 0; i < SHARED_MAX; i++) {
        struct slot *s = &slots[i];

        if (s->version.payload != NULL && s->version.record.suite == suite &&
            strcmp(s->version.record.name, c->name) == 0 &&
            strcmp(s->file, file) == 0 &&
            ee_equal(s->pin, c->pin, sizeof s->pin)) {
            return s;
        }
    }
    return NULL;
}

/* A connection that shares SQLite's cache with others can be told to read what
 * they may roll back. In doubt it does: then it takes no version of theirs. */
static bool sees_what_is_not_committed(struct ee_keys *k)
{
    struct ee_error ignored;
    bool yes = true;

    return ee_store_ask(&k->statements, "PRAGMA read_uncommitted", "", &yes,
                        &ignored) != EE_OK ||
           yes;
}

bool ee_seal_only_take(struct ee_keys *k, const struct ee_seal_only_cmk *c,
                       uint8_t suite, struct ee_seal_only_shared *out)
{
    const char *file = file_of(k, c);
    const int64_t wanted = k->seal_only.seconds * 1000;
    const struct slot *s = NULL;
    uint8_t *payload = out->payload;
    bool found = false;

    if (file == NULL || wanted == 0 || sees_what_is_not_committed(k)) {
        return false;
    }
    ee_shared_lock();
    sweep();
    s = find(file, c, suite);
    found = s != NULL && ee_coarse_ms() - s->version.made_at < wanted;
    if (found) {
        memcpy(payload, s->version.payload, EE_PAYLOAD_BYTES);
        *out = s->version;
        out->payload = payload;
    }
    ee_shared_unlock();
    return found;
}

/* In the place of the one before, in a free slot, or in none. */
static struct slot *place(const char *file, const struct ee_seal_only_cmk *c,
                          uint8_t suite)
{
    struct slot *s = find(file, c, suite);

    for (int i = 0; s == NULL && i < SHARED_MAX; i++) {
        s = slots[i].version.payload == NULL ? &slots[i] : NULL;
    }
    if (s != NULL && s->version.payload == NULL) {
        s->version.payload = ee_cell_new();
    }
    return s != NULL && s->version.payload != NULL ? s : NULL;
}

void ee_seal_only_share(struct ee_keys *k, const struct ee_seal_only_cmk *c,
                        const struct ee_key_record *r, const uint8_t *payload)
{
    const char *file = file_of(k, c);
    struct slot *s = NULL;

    if (file == NULL || k->seal_only.seconds == 0) {
        return;
    }
    ee_shared_lock();
    sweep();
    s = place(file, c, r->suite);
    if (s != NULL) {
        memcpy(s->version.payload, payload, EE_PAYLOAD_BYTES);
        s->version.record = *r;
        s->version.made_at = c->made_at;
        memcpy(s->version.wrap, c->wrap, sizeof s->version.wrap);
        memcpy(s->file, file, strlen(file) + 1);
        memcpy(s->pin, c->pin, sizeof s->pin);
        s->seconds = k->seal_only.seconds;
    }
    ee_shared_unlock();
}
