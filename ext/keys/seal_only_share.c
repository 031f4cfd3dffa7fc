/* SPDX-License-Identifier: MIT
 *
 * seal_only_share.c: seal-only versions that the connections of this process go
 * on with, for the time of the setting seal_only_time. An application that
 * opens a connection for each request would make a version for each.
 *
 * The payload is in the arena, so a forked child has none. One that is over is
 * wiped when a connection next takes one, makes one, or closes.
 */
#include "keys/seal_only.h"

#include "base/clock.h"
#include "base/secret.h"
#include "keys/keys.h"

#include <pthread.h>
#include <string.h>

#define SHARED_MAX 32
#define FILE_MAX   512 /* of a path; longer ones are not shared */

struct shared {
    uint8_t *payload; /* a cell; NULL: the slot is free */
    char file[FILE_MAX];
    struct ee_key_record record;
    uint8_t pin[EE_MAC_BYTES];
    int64_t made_at;
    int64_t seconds; /* of the connection that made it */
};

static struct {
    pthread_mutex_t lock;
    struct shared slots[SHARED_MAX];
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A child must not inherit the lock taken by another thread. */
static void before_fork(void)
{
    (void)pthread_mutex_lock(&all.lock);
}

static void after_fork(void)
{
    (void)pthread_mutex_unlock(&all.lock);
}

static void register_atfork(void)
{
    (void)pthread_atfork(before_fork, after_fork, after_fork);
}

static void lock(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, register_atfork);
    (void)pthread_mutex_lock(&all.lock);
}

/* Cells that came free. The arena has a lock of its own, and is asked for none
 * and given none while ours is held: a fork takes both, in an order that is not
 * ours to say. */
struct freed {
    uint8_t *cells[SHARED_MAX + 1];
    int n;
};

static void unlock(struct freed *f)
{
    (void)pthread_mutex_unlock(&all.lock);
    while (f->n > 0) {
        ee_cell_free(f->cells[--f->n]);
    }
}

static void drop(struct shared *s, struct freed *f)
{
    if (s->payload != NULL) {
        f->cells[f->n++] = s->payload;
        s->payload = NULL;
    }
}

/* Wipes what is over, or was wiped by a fork. */
static void sweep(struct freed *f)
{
    const int64_t now = ee_monotonic_ms();

    for (int i = 0; i < SHARED_MAX; i++) {
        struct shared *s = &all.slots[i];

        if (s->payload != NULL && (now - s->made_at >= s->seconds * 1000 ||
                                   ee_is_zero(s->payload, EE_KEY_BYTES))) {
            drop(s, f);
        }
    }
}

void ee_seal_only_sweep(void)
{
    struct freed f = {.n = 0};

    lock();
    sweep(&f);
    unlock(&f);
}

/* NULL: no file, or too long a name. */
static const char *file_of(struct ee_keys *k, const struct ee_seal_only_cmk *c)
{
    const char *file = sqlite3_db_filename(k->db, c->at);

    return file != NULL && file[0] != '\0' && strlen(file) < FILE_MAX ? file
                                                                      : NULL;
}

static struct shared *find(const char *file, const struct ee_seal_only_cmk *c,
                           uint8_t suite)
{
    for (int i = 0; i < SHARED_MAX; i++) {
        struct shared *s = &all.slots[i];

        if (s->payload != NULL && s->record.suite == suite &&
            strcmp(s->record.name, c->name) == 0 &&
            strcmp(s->file, file) == 0 &&
            ee_equal(s->pin, c->pin, sizeof s->pin)) {
            return s;
        }
    }
    return NULL;
}

bool ee_seal_only_take(struct ee_keys *k, const struct ee_seal_only_cmk *c,
                       uint8_t suite, struct ee_key_record *r, uint8_t *payload,
                       int64_t *made_at)
{
    const char *file = file_of(k, c);
    const int64_t wanted = k->seal_only.seconds * 1000;
    const struct shared *s = NULL;
    struct freed f = {.n = 0};
    bool found = false;

    if (file == NULL || wanted == 0) {
        return false;
    }
    lock();
    sweep(&f);
    s = find(file, c, suite);
    found = s != NULL && ee_monotonic_ms() - s->made_at < wanted;
    if (found) {
        *r = s->record;
        *made_at = s->made_at;
        memcpy(payload, s->payload, 2 * EE_KEY_BYTES);
    }
    unlock(&f);
    return found;
}

/* In the place of the one before, in a free slot, or in none. Takes payload, a
 * cell. */
static void put(const char *file, const struct ee_seal_only_cmk *c,
                const struct ee_key_record *r, uint8_t *payload,
                int64_t seconds, struct freed *f)
{
    struct shared *s = find(file, c, r->suite);

    for (int i = 0; s == NULL && i < SHARED_MAX; i++) {
        s = all.slots[i].payload == NULL ? &all.slots[i] : NULL;
    }
    if (s == NULL) {
        f->cells[f->n++] = payload;
        return;
    }
    drop(s, f);
    s->payload = payload;
    memcpy(s->file, file, strlen(file) + 1);
    memcpy(s->pin, c->pin, sizeof s->pin);
    s->record = *r;
    s->made_at = c->made_at;
    s->seconds = seconds;
}

void ee_seal_only_share(struct ee_keys *k, const struct ee_seal_only_cmk *c,
                        const struct ee_key_record *r, const uint8_t *payload)
{
    const char *file = file_of(k, c);
    struct freed f = {.n = 0};
    uint8_t *cell = NULL; /* secret: the slot's */

    if (file == NULL || k->seal_only.seconds == 0) {
        return;
    }
    cell = ee_cell_new();
    if (cell != NULL) {
        memcpy(cell, payload, 2 * EE_KEY_BYTES);
        lock();
        sweep(&f);
        put(file, c, r, cell, k->seal_only.seconds, &f);
        unlock(&f);
    }
}
