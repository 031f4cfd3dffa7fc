/* SPDX-License-Identifier: MIT
 *
 * keyring_change.c: new keyrings, new versions, and destroyed ones.
 */
#include "provider/keyring_change.h"

#include "crypto/pool.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int ee_keyring_read(struct ee_keyring *k, struct ee_keyring_image *image,
                    struct ee_error *err)
{
    int rc = EE_OK;

    memset(image, 0, sizeof *image);
    if (!k->keys->live) {
        return ee_fail(err, EE_MISUSE,
                       "keyring %s was opened before a fork: open it again",
                       k->path.shown);
    }
    rc = ee_keyring_store_load(&k->store, image, err);
    if (rc == EE_OK) {
        rc = ee_keyring_verify(k->keys, image, k->path.shown, err);
    }
    if (rc != EE_OK) {
        ee_keyring_image_clear(image);
    }
    return rc;
}

/* Inside a write transaction: draws a CMK and writes it. */
static int insert_new(struct ee_keyring *k,
                      const struct ee_keyring_image *image, const char *name,
                      uint32_t version, struct ee_error *err)
{
    struct ee_cmk cmk = {.version = version, .state = EE_CMK_ENABLED};
    int rc = EE_OK;

    (void)snprintf(cmk.name, sizeof cmk.name, "%s", name);
    cmk.created = (uint64_t)time(NULL);
    rc = ee_cmk_generate(&k->ossl, k->keys, image, &cmk, err);
    if (rc == EE_OK) {
        rc = ee_keyring_store_insert(&k->store, &cmk, err);
    }
    return rc;
}

/* Ends a write transaction: a MAC over the rows as they are, and COMMIT. */
static int seal(struct ee_keyring *k, struct ee_error *err)
{
    struct ee_keyring_image image;
    uint8_t mac[EE_MAC_BYTES];
    int rc = ee_keyring_store_load(&k->store, &image, err);

    if (rc == EE_OK) {
        ee_keyring_mac(mac, k->keys, &image);
        rc = ee_keyring_store_set_mac(&k->store, mac, err);
    }
    if (rc == EE_OK) {
        rc = ee_keyring_store_commit(&k->store, err);
    }
    ee_keyring_image_clear(&image);
    return rc;
}

/* Fills a temporary file with a complete keyring. */
static int fill(struct ee_keyring *k, const char *temp, const char *name,
                const struct ee_keyring_image *image, struct ee_error *err)
{
    int rc =
        ee_keyring_store_create(&k->store, temp, k->path.shown, image, err);

    if (rc == EE_OK) {
        rc = insert_new(k, image, name, 1, err);
    }
    if (rc == EE_OK) {
        rc = seal(k, err);
    }
    ee_keyring_store_close(&k->store);
    return rc;
}

int ee_keyring_make(struct ee_keyring *k, const struct ee_secret *secret,
                    const char *name, uint8_t *salt, struct ee_error *err)
{
    struct ee_keyring_image image = {.kind = secret->kind};
    char temp[EE_FILE_PATH_MAX] = "";
    int rc = EE_OK;

    if (image.kind == EE_SECRET_PASSPHRASE) {
        image.memory_kib = EE_ARGON2_MEMORY_KIB;
        image.passes = EE_ARGON2_PASSES;
    }
    ee_random(image.salt, sizeof image.salt);
    memcpy(salt, image.salt, sizeof image.salt);
    rc = ee_keyring_derive(k->keys, &image, secret, k->path.shown, err);
    if (rc == EE_OK) {
        rc = ee_keyring_temp_make(&k->path, temp, err);
    }
    if (rc == EE_OK) {
        rc = fill(k, temp, name, &image, err);
    }
    if (rc == EE_OK) {
        rc = ee_keyring_temp_publish(&k->path, temp, err);
    }
    if (rc != EE_OK) {
        ee_keyring_temp_remove(temp);
    }
    return rc;
}

int ee_keyring_add(struct ee_keyring *k, const char *name, bool only_first,
                   uint32_t *version, struct ee_error *err)
{
    struct ee_keyring_image image = {.cmks = NULL};
    const struct ee_cmk *current = NULL;
    int rc = ee_keyring_store_begin(&k->store, err);

    if (rc == EE_OK) {
        rc = ee_keyring_read(k, &image, err);
    }
    if (rc != EE_OK) {
        goto out;
    }
    current = ee_keyring_current(&image, name);
    *version = current != NULL ? current->version : 0;
    if (current != NULL && only_first) {
        goto out; /* another process made it meanwhile */
    }
    if (*version == UINT32_MAX) {
        rc = ee_fail(err, EE_CONFIG, "CMK %s has no version number left", name);
        goto out;
    }
    ++*version;
    rc = insert_new(k, &image, name, *version, err);
    if (rc == EE_OK) {
        rc = seal(k, err);
    }
out:
    ee_keyring_store_rollback(&k->store);
    ee_keyring_image_clear(&image);
    return rc;
}

static int check_destroyable(struct ee_keyring *k,
                             const struct ee_keyring_image *image,
                             const char *name, uint32_t version,
                             struct ee_error *err)
{
    const struct ee_cmk *current = ee_keyring_current(image, name);

    if (ee_keyring_find(image, name, version) == NULL) {
        return ee_fail(err, EE_KEY_UNKNOWN,
                       "keyring %s holds no version %u of CMK %s",
                       k->path.shown, (unsigned)version, name);
    }
    if (current->version == version) {
        return ee_fail(err, EE_KEY_STATE,
                       "version %u of CMK %s is the current one: rotate the "
                       "CMK, then the keys under it, and rewrap their rows, "
                       "before you destroy it",
                       (unsigned)version, name);
    }
    return EE_OK;
}

static int erase(struct ee_keyring *k, const char *name, uint32_t version,
                 struct ee_error *err)
{
    struct ee_keyring_image image = {.cmks = NULL};
    const struct ee_cmk *cmk = NULL;
    int rc = ee_keyring_store_begin(&k->store, err);

    if (rc == EE_OK) {
        rc = ee_keyring_read(k, &image, err);
    }
    if (rc == EE_OK) {
        rc = check_destroyable(k, &image, name, version, err);
    }
    if (rc != EE_OK) {
        goto out;
    }
    cmk = ee_keyring_find(&image, name, version);
    if (cmk->state == EE_CMK_DESTROYED) {
        goto out;
    }
    rc = ee_keyring_store_destroy(&k->store, name, version, err);
    if (rc == EE_OK) {
        rc = seal(k, err);
    }
out:
    ee_keyring_store_rollback(&k->store);
    ee_keyring_image_clear(&image);
    return rc;
}

int ee_keyring_destroy(struct ee_keyring *k, const char *name, uint32_t version,
                       struct ee_error *err)
{
    struct ee_error why;
    int rc = erase(k, name, version, err);

    if (rc != EE_OK) {
        return rc;
    }
    /* secure_delete zeroed the row's bytes; a page that was split or merged
     * may still hold an older copy of them */
    rc = ee_keyring_store_vacuum(&k->store, &why);
    if (rc != EE_OK) {
        return ee_fail(err, rc,
                       "version %u of CMK %s is destroyed, but traces may "
                       "remain in the file until this is repeated (%.120s)",
                       (unsigned)version, name, why.msg);
    }
    return EE_OK;
}
