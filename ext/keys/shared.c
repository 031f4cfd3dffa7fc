/* SPDX-License-Identifier: MIT
 *
 * shared.c: the keys that connections of this process share.
 *
 * All under one lock, which fork() takes too; in the child the cells are zero,
 * and a cell of zeros holds no key.
 */
#include "keys/shared.h"

#include "base/secret.h"
#include "crypto/kdf.h"
#include "crypto/pool.h"
#include "provider/credentials.h"
#include "provider/provider.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

/* Secret: an arena cell. */
struct shared_key {
    bool live;
    uint8_t mac[EE_MAC_BYTES];
    uint8_t key_id[EE_KEY_ID_BYTES];
    uint8_t payload[EE_PAYLOAD_BYTES];
    int64_t loaded;
};

struct mac_key {
    bool live;
    uint8_t bytes[EE_KEY_BYTES];
};

_Static_assert(sizeof(struct shared_key) <= EE_CELL_BYTES, "a key is a cell");
_Static_assert(sizeof(((struct ee_shared_place *)0)->mac) == EE_MAC_BYTES,
               "a MAC fits");

static struct {
    pthread_mutex_t lock;
    unsigned users;
    struct mac_key *mac_key; /* of this process; a cell */
    struct shared_key *keys[EE_SHARED_MAX];
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void lock(void)
{
    (void)pthread_mutex_lock(&shared.lock);
}

static void unlock(void)
{
    (void)pthread_mutex_unlock(&shared.lock);
}

/* Wipes. Lock held. */
static void drop(int i)
{
    ee_cell_free(shared.keys[i]);
    shared.keys[i] = NULL;
}

static void register_atfork(void)
{
    /* the arena registers first, so that fork() takes its lock after ours */
    ee_cell_free(ee_cell_new());
    (void)pthread_atfork(lock, unlock, unlock);
}

void ee_shared_lock(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, register_atfork);
    lock();
}

void ee_shared_unlock(void)
{
    unlock();
}

void ee_shared_join(void)
{
    ee_shared_lock();
    shared.users++;
    unlock();
}

void ee_shared_leave(void)
{
    lock();
    if (--shared.users == 0) {
        for (int i = 0; i < EE_SHARED_MAX; i++) {
            drop(i);
        }
        ee_cell_free(shared.mac_key);
        shared.mac_key = NULL;
    }
    unlock();
}

/* Copies the MAC key of this process, made when there is none. Lock held. */
static bool copy_mac_key(uint8_t *out)
{
    if (shared.mac_key == NULL) {
        shared.mac_key = ee_cell_new();
    }
    if (shared.mac_key == NULL) {
        return false;
    }
    if (!shared.mac_key->live) {
        ee_random(shared.mac_key->bytes, EE_KEY_BYTES);
        shared.mac_key->live = true;
    }
    memcpy(out, shared.mac_key->bytes, EE_KEY_BYTES);
    return true;
}

/* The MAC goes on over one more part. */
static void add(uint8_t *mac, const uint8_t *key, const void *p, size_t n)
{
    uint8_t next[EE_MAC_BYTES];

    ee_hmac_two(next, key, ee_bytes(mac, EE_MAC_BYTES), ee_bytes(p, n));
    memcpy(mac, next, sizeof next);
}

bool ee_shared_place(struct ee_shared_place *out, const char *file,
                     const uint8_t *fingerprint, const char *cmk)
{
    uint8_t key[EE_KEY_BYTES]; /* secret: wiped below */
    uint64_t where[2];
    struct stat st;
    bool good = false;

    if (file == NULL || file[0] == '\0' || stat(file, &st) != 0) {
        return false;
    }
    where[0] = (uint64_t)st.st_dev;
    where[1] = (uint64_t)st.st_ino;
    lock();
    good = copy_mac_key(key);
    unlock();
    good = good && ee_credentials_digest(out->mac, key);
    if (good) {
        out->fingerprint = fingerprint;
        add(out->mac, key, where, sizeof where);
        /* a relative URI starts there: a hard link may lie elsewhere */
        add(out->mac, key, file, strlen(file));
        add(out->mac, key, fingerprint, EE_MAC_BYTES);
        add(out->mac, key, cmk, strlen(cmk));
    }
    ee_wipe(key, sizeof key);
    return good;
}

/* Lock held. */
static struct shared_key *find(const struct ee_shared_place *place)
{
    for (int i = 0; i < EE_SHARED_MAX; i++) {
        struct shared_key *k = shared.keys[i];

        if (k != NULL && k->live &&
            ee_equal(k->mac, place->mac, EE_MAC_BYTES)) {
            return k;
        }
    }
    return NULL;
}

bool ee_shared_get(const struct ee_shared_place *place, int64_t oldest,
                   uint8_t *payload, int64_t *loaded)
{
    const struct shared_key *k = NULL;
    bool good = false;

    lock();
    k = find(place);
    good = k != NULL && k->loaded >= oldest;
    if (good) {
        memcpy(payload, k->payload, EE_PAYLOAD_BYTES);
        *loaded = k->loaded;
    }
    unlock();
    return good;
}

/* An empty place, or the oldest key's; NULL: no memory. Lock held. */
static struct shared_key *take(void)
{
    struct shared_key *oldest = NULL;

    for (int i = 0; i < EE_SHARED_MAX; i++) {
        if (shared.keys[i] == NULL) {
            shared.keys[i] = ee_cell_new();
            return shared.keys[i] != NULL ? shared.keys[i] : oldest;
        }
        if (!shared.keys[i]->live) {
            return shared.keys[i];
        }
        if (oldest == NULL || shared.keys[i]->loaded < oldest->loaded) {
            oldest = shared.keys[i];
        }
    }
    return oldest;
}

void ee_shared_put(const struct ee_shared_place *place, const uint8_t *kek,
                   const uint8_t *name_secret, int64_t loaded)
{
    struct shared_key *k = NULL;

    lock();
    k = shared.users > 0 ? find(place) : NULL;
    if (k == NULL && shared.users > 0) {
        k = take();
    }
    if (k != NULL) {
        k->live = true;
        k->loaded = loaded;
        memcpy(k->mac, place->mac, sizeof k->mac);
        memcpy(k->key_id, place->fingerprint, sizeof k->key_id);
        memcpy(k->payload, kek, EE_KEY_BYTES);
        memcpy(k->payload + EE_KEY_BYTES, name_secret, EE_KEY_BYTES);
    }
    unlock();
}

void ee_shared_sweep(int64_t oldest)
{
    lock();
    for (int i = 0; i < EE_SHARED_MAX; i++) {
        const struct shared_key *k = shared.keys[i];

        if (k != NULL && k->loaded < oldest) {
            drop(i);
        }
    }
    unlock();
}

void ee_shared_forget(const uint8_t *key_id)
{
    lock();
    for (int i = 0; i < EE_SHARED_MAX; i++) {
        const struct shared_key *k = shared.keys[i];

        if (k != NULL && ee_equal(k->key_id, key_id, sizeof k->key_id)) {
            drop(i);
        }
    }
    unlock();
}
