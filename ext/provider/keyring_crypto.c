/* SPDX-License-Identifier: MIT
 *
 * keyring_crypto.c: Argon2id, the keyring's MAC, and the two layers of wraps.
 */
#include "provider/keyring_crypto.h"

#include "base/secret.h"
#include "base/wire.h"
#include "crypto/kdf.h"
#include "crypto/pool.h"
#include "db/sql.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define PAYLOAD_BYTES 64

_Static_assert(EE_KEYRING_SALT_BYTES == crypto_pwhash_SALTBYTES, "salt");
_Static_assert(offsetof(struct ee_keyring_keys, mac) == EE_KEY_BYTES,
               "Argon2id's output is written over both keys");

/* One CMK while it works. Secret: an arena cell, freed at out. */
struct work {
    struct ee_wrap_key wrap_key;
    uint8_t cmk[EE_KEY_BYTES];
    uint8_t derived[EE_KEY_BYTES];
};

_Static_assert(sizeof(struct work) <= EE_CELL_BYTES, "fits in a cell");

static int check_bounds(const struct ee_keyring_image *image,
                        const char *keyring, struct ee_error *err)
{
    uint32_t m = image->memory_kib;
    uint32_t t = image->passes;
    bool ok = m >= EE_ARGON2_MEMORY_KIB_MIN && m <= EE_ARGON2_MEMORY_KIB_MAX &&
              t >= EE_ARGON2_PASSES_MIN && t <= EE_ARGON2_PASSES_MAX &&
              m <= EE_ARGON2_WORK_MAX / t;

    if (image->kind == EE_SECRET_KEYFILE) {
        ok = m == 0 && t == 0;
    }
    if (!ok) {
        return ee_fail(err, EE_TAMPERED,
                       "keyring %s was altered: memory_kib %u, passes %u is "
                       "outside what a keyring may ask for",
                       keyring, (unsigned)m, (unsigned)t);
    }
    return EE_OK;
}

int ee_keyring_derive(struct ee_keyring_keys *keys,
                      const struct ee_keyring_image *image,
                      const struct ee_secret *secret, const char *keyring,
                      struct ee_error *err)
{
    struct ee_bytes salt = ee_bytes(image->salt, sizeof image->salt);
    int rc = check_bounds(image, keyring, err);

    if (rc != EE_OK) {
        return rc;
    }
    if (sodium_init() < 0 || secret->kind != image->kind) {
        return ee_fail(err, EE_INTERNAL, "cannot derive the keyring's keys");
    }
    if (image->kind == EE_SECRET_KEYFILE) {
        ee_kdf(keys->encrypt, secret->bytes, "keyring-enc", salt);
        ee_kdf(keys->mac, secret->bytes, "keyring-mac", salt);
    } else if (crypto_pwhash(keys->encrypt, 2 * EE_KEY_BYTES,
                             (const char *)secret->bytes, secret->n,
                             image->salt, image->passes,
                             (size_t)image->memory_kib * 1024,
                             crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return ee_fail(err, EE_NOMEM,
                       "out of memory: keyring %s needs %u MiB to derive its "
                       "keys",
                       keyring, (unsigned)(image->memory_kib / 1024));
    }
    keys->live = true;
    return EE_OK;
}

static void mac_bytes(crypto_auth_hmacsha256_state *state, struct ee_bytes b)
{
    (void)crypto_auth_hmacsha256_update(state, b.p, b.n);
}

/* A version's fields in KEYRING.md's order; all of fixed length but the name,
 * which carries its own. */
static void mac_cmk(crypto_auth_hmacsha256_state *state,
                    const struct ee_cmk *cmk)
{
    uint8_t fields[1 + EE_CMK_NAME_MAX + 4 + 1 + 8];
    struct ee_writer w = ee_writer(fields, sizeof fields);
    size_t n = strnlen(cmk->name, EE_CMK_NAME_MAX - 1);

    ee_write_u8(&w, (uint8_t)n);
    ee_write_bytes(&w, ee_bytes(cmk->name, n));
    ee_write_u32(&w, cmk->version);
    ee_write_u8(&w, cmk->state);
    ee_write_u64(&w, cmk->created);
    mac_bytes(state, ee_bytes(fields, w.used));
    mac_bytes(state, ee_bytes(cmk->nonce, sizeof cmk->nonce));
    mac_bytes(state, ee_bytes(cmk->box, sizeof cmk->box));
}

void ee_keyring_mac(uint8_t *mac, const struct ee_keyring_keys *keys,
                    const struct ee_keyring_image *image)
{
    static const char label[] = "sqlite-envelope/v1/keyring";
    uint8_t head[1 + EE_KEYRING_SALT_BYTES + 4 + 4 + 8];
    struct ee_writer w = ee_writer(head, sizeof head);
    crypto_auth_hmacsha256_state state; /* secret: wiped below */

    ee_write_bytes(&w, ee_bytes(image->salt, sizeof image->salt));
    ee_write_u8(&w, image->kind);
    ee_write_u32(&w, image->memory_kib);
    ee_write_u32(&w, image->passes);
    ee_write_u64(&w, image->count);

    (void)crypto_auth_hmacsha256_init(&state, keys->mac, EE_KEY_BYTES);
    mac_bytes(&state, ee_bytes(label, sizeof label)); /* with its NUL */
    mac_bytes(&state, ee_bytes(head, w.used));
    for (size_t i = 0; i < image->count; i++) {
        mac_cmk(&state, &image->cmks[i]);
    }
    (void)crypto_auth_hmacsha256_final(&state, mac);
    ee_wipe(&state, sizeof state);
}

int ee_keyring_verify(const struct ee_keyring_keys *keys,
                      const struct ee_keyring_image *image, const char *keyring,
                      struct ee_error *err)
{
    uint8_t mac[EE_MAC_BYTES]; /* of an altered keyring: wiped below */
    bool same = false;

    ee_keyring_mac(mac, keys, image);
    same = ee_equal(mac, image->mac, sizeof mac);
    ee_wipe(mac, sizeof mac);
    if (!same) {
        return ee_fail(
            err, EE_DENIED,
            "keyring %s: the %s is wrong or the keyring was altered", keyring,
            image->kind == EE_SECRET_KEYFILE ? "key file" : "passphrase");
    }
    return EE_OK;
}

static int fail_library(struct ee_error *err)
{
    return ee_fail(err, EE_INTERNAL, "the cryptographic library failed");
}

static struct work *work_new(struct ee_error *err)
{
    struct work *work = ee_cell_new(); /* secret: the caller frees it */

    if (work == NULL) {
        (void)ee_fail(err, EE_NOMEM, "out of memory for a CMK");
    }
    return work;
}

/* The associated data of a CMK's box: label, salt, name, version. */
struct box_aad {
    uint8_t bytes[128];
    size_t n;
};

static struct box_aad box_aad(const struct ee_keyring_image *image,
                              const struct ee_cmk *cmk)
{
    static const char label[] = "sqlite-envelope/v1/keyring-cmk";
    struct box_aad aad;
    struct ee_writer w = ee_writer(aad.bytes, sizeof aad.bytes);
    size_t n = strnlen(cmk->name, EE_CMK_NAME_MAX - 1);

    ee_write_bytes(&w, ee_bytes(label, sizeof label)); /* with its NUL */
    ee_write_bytes(&w, ee_bytes(image->salt, sizeof image->salt));
    ee_write_u8(&w, (uint8_t)n);
    ee_write_bytes(&w, ee_bytes(cmk->name, n));
    ee_write_u32(&w, cmk->version);
    aad.n = w.used;
    return aad;
}

_Static_assert(sizeof "sqlite-envelope/v1/keyring-cmk" + EE_KEYRING_SALT_BYTES +
                       1 + EE_CMK_NAME_MAX + 4 <=
                   sizeof(((struct box_aad *)NULL)->bytes),
               "the associated data fits");

int ee_cmk_generate(struct ee_ossl *ossl, const struct ee_keyring_keys *keys,
                    const struct ee_keyring_image *image, struct ee_cmk *cmk,
                    struct ee_error *err)
{
    const struct ee_suite *s = &ee_suite_aes;
    struct box_aad aad = box_aad(image, cmk);
    struct work *work = work_new(err); /* secret: freed below */
    int rc = EE_OK;

    if (work == NULL) {
        return EE_NOMEM;
    }
    ee_random(work->cmk, sizeof work->cmk);
    ee_random(cmk->nonce, sizeof cmk->nonce);
    if (s->wrap_init(ossl, &work->wrap_key, keys->encrypt) != 0 ||
        s->wrap(ossl, &work->wrap_key, cmk->box, cmk->nonce,
                ee_bytes(aad.bytes, aad.n),
                ee_bytes(work->cmk, sizeof work->cmk)) != 0) {
        rc = fail_library(err);
    }
    ee_cell_free(work);
    return rc;
}

/* Decrypts the CMK and leaves the key derived from it in work->wrap_key. */
static int ready(struct ee_ossl *ossl, const struct ee_keyring_keys *keys,
                 const struct ee_keyring_image *image, const struct ee_cmk *cmk,
                 struct work *work, struct ee_error *err)
{
    const struct ee_suite *s = &ee_suite_aes;
    struct box_aad aad = box_aad(image, cmk);

    if (s->wrap_init(ossl, &work->wrap_key, keys->encrypt) != 0) {
        return fail_library(err);
    }
    if (s->unwrap(ossl, &work->wrap_key, work->cmk, cmk->nonce,
                  ee_bytes(aad.bytes, aad.n),
                  ee_bytes(cmk->box, sizeof cmk->box)) != 0) {
        return ee_fail(err, EE_TAMPERED,
                       "CMK %s version %u in the keyring was altered",
                       cmk->name, (unsigned)cmk->version);
    }
    ee_kdf(work->derived, work->cmk, "keyring-wrap", ee_bytes(NULL, 0));
    if (s->wrap_init(ossl, &work->wrap_key, work->derived) != 0) {
        return fail_library(err);
    }
    return EE_OK;
}

/* version ‖ context, on the heap: the context is as long as a key's name. */
static int payload_aad(struct ee_bytes *aad, uint8_t **heap, uint32_t version,
                       struct ee_bytes context, struct ee_error *err)
{
    struct ee_writer w;

    *heap = sqlite3_malloc64(4 + context.n);
    if (*heap == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for a key's context");
    }
    w = ee_writer(*heap, 4 + context.n);
    ee_write_u32(&w, version);
    ee_write_bytes(&w, context);
    *aad = ee_bytes(*heap, w.used);
    return EE_OK;
}

int ee_cmk_wrap(struct ee_ossl *ossl, const struct ee_keyring_keys *keys,
                const struct ee_keyring_image *image, const struct ee_cmk *cmk,
                uint8_t *wrapped, const uint8_t *payload,
                struct ee_bytes context, struct ee_error *err)
{
    struct work *work = work_new(err); /* secret: freed at out */
    struct ee_writer w = ee_writer(wrapped, EE_KEYRING_WRAPPED_BYTES);
    uint8_t nonce[EE_CMK_NONCE_BYTES];
    struct ee_bytes aad = {NULL, 0};
    uint8_t *heap = NULL;
    int rc = EE_NOMEM;

    if (work == NULL) {
        goto out;
    }
    rc = payload_aad(&aad, &heap, cmk->version, context, err);
    if (rc == EE_OK) {
        rc = ready(ossl, keys, image, cmk, work, err);
    }
    if (rc != EE_OK) {
        goto out;
    }
    ee_random(nonce, sizeof nonce);
    ee_write_u32(&w, cmk->version);
    ee_write_bytes(&w, ee_bytes(nonce, sizeof nonce));
    if (ee_suite_aes.wrap(ossl, &work->wrap_key, w.p, nonce, aad,
                          ee_bytes(payload, PAYLOAD_BYTES)) != 0) {
        rc = fail_library(err);
    }
out:
    sqlite3_free(heap);
    ee_cell_free(work);
    return rc;
}

int ee_cmk_unwrap(struct ee_ossl *ossl, const struct ee_keyring_keys *keys,
                  const struct ee_keyring_image *image,
                  const struct ee_cmk *cmk, uint8_t *payload,
                  struct ee_bytes wrapped, struct ee_bytes context,
                  struct ee_error *err)
{
    struct work *work = work_new(err); /* secret: freed at out */
    struct ee_reader r = ee_reader(wrapped);
    struct ee_bytes nonce;
    struct ee_bytes box;
    struct ee_bytes aad = {NULL, 0};
    uint8_t *heap = NULL;
    char what[128];
    int rc = EE_NOMEM;

    if (work == NULL) {
        goto out;
    }
    rc = payload_aad(&aad, &heap, cmk->version, context, err);
    if (rc == EE_OK) {
        rc = ready(ossl, keys, image, cmk, work, err);
    }
    if (rc != EE_OK) {
        goto out;
    }
    (void)ee_read_u32(&r);
    nonce = ee_read_bytes(&r, EE_CMK_NONCE_BYTES);
    box = ee_read_bytes(&r, PAYLOAD_BYTES + EE_TAG_BYTES);
    if (r.bad || r.left != 0 ||
        ee_suite_aes.unwrap(ossl, &work->wrap_key, payload, nonce.p, aad,
                            box) != 0) {
        (void)snprintf(what, sizeof what, "CMK %s version %u", cmk->name,
                       (unsigned)cmk->version);
        rc = ee_fail_auth(err, what);
    }
out:
    sqlite3_free(heap);
    ee_cell_free(work);
    return rc;
}
