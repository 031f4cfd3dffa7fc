/* SPDX-License-Identifier: MIT
 *
 * keyring_image.h: a keyring in memory: what KEYRING.md's two tables hold.
 *
 * Nothing in it is secret: the CMKs are encrypted. Nothing in it is to be
 * believed before ee_keyring_verify() has been.
 */
#ifndef EE_PROVIDER_KEYRING_IMAGE_H
#define EE_PROVIDER_KEYRING_IMAGE_H

#include "base/bytes.h"

#define EE_KEYRING_SALT_BYTES 16
#define EE_CMK_NAME_MAX       64 /* with its NUL */
#define EE_CMK_NONCE_BYTES    24
#define EE_CMK_BOX_BYTES      (EE_KEY_BYTES + EE_TAG_BYTES)

enum ee_cmk_state { EE_CMK_ENABLED = 1, EE_CMK_DESTROYED = 2 };

struct ee_cmk {
    char name[EE_CMK_NAME_MAX];
    uint32_t version;
    uint8_t state;
    uint64_t created;
    uint8_t nonce[EE_CMK_NONCE_BYTES]; /* zero when destroyed */
    uint8_t box[EE_CMK_BOX_BYTES];     /* the CMK and its tag; likewise */
};

struct ee_keyring_image {
    uint8_t kind; /* enum ee_secret_kind */
    uint8_t salt[EE_KEYRING_SALT_BYTES];
    uint32_t memory_kib; /* of Argon2id; zero with a key file */
    uint32_t passes;
    uint8_t mac[EE_MAC_BYTES];
    struct ee_cmk *cmks; /* by name, then version; SQLite's heap */
    size_t count;
};

/* The version that wraps, the highest; NULL when there is no such CMK. */
const struct ee_cmk *ee_keyring_current(const struct ee_keyring_image *image,
                                        const char *name);

/* One version, destroyed or not; NULL when there is none. */
const struct ee_cmk *ee_keyring_find(const struct ee_keyring_image *image,
                                     const char *name, uint32_t version);

void ee_keyring_image_clear(struct ee_keyring_image *image);

#endif
