/* SPDX-License-Identifier: MIT
 *
 * keyring_change.h: makes a keyring, and changes one.
 *
 * Every change is one write transaction that first reads the keyring again
 * and verifies it, so two processes at once build on each other's work, and
 * ends with a new MAC over what the file then holds.
 */
#ifndef EE_PROVIDER_KEYRING_CHANGE_H
#define EE_PROVIDER_KEYRING_CHANGE_H

#include "provider/keyring_crypto.h"
#include "provider/keyring_file.h"
#include "provider/keyring_store.h"

/* An open, unlocked keyring. */
struct ee_keyring {
    struct ee_file_path path;
    struct ee_keyring_store store;
    struct ee_wait wait; /* the store's */
    struct ee_ossl ossl;
    struct ee_keyring_keys *keys; /* secret: an arena cell */
};

/* Makes the file with version 1 of one CMK in it, unless another process is
 * faster. k->keys are derived for *salt (EE_KEYRING_SALT_BYTES), which the
 * caller compares with the keyring's that is there afterwards. */
int ee_keyring_make(struct ee_keyring *k, const struct ee_secret *secret,
                    const char *name, uint8_t *salt,
                    struct ee_error *err) EE_CHECKED;

/* Reads the keyring and verifies it. On failure *image is empty. */
int ee_keyring_read(struct ee_keyring *k, struct ee_keyring_image *image,
                    struct ee_error *err) EE_CHECKED;

/* Adds a version to a CMK, or makes it. With only_first an existing CMK is
 * left as it is. *version is the current one. */
int ee_keyring_add(struct ee_keyring *k, const char *name, bool only_first,
                   uint32_t *version, struct ee_error *err) EE_CHECKED;

/* Overwrites one version, not the current one. May be called again when the
 * file could not be rewritten afterwards. */
int ee_keyring_destroy(struct ee_keyring *k, const char *name, uint32_t version,
                       struct ee_error *err) EE_CHECKED;

#endif
