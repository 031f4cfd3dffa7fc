/* SPDX-License-Identifier: MIT
 *
 * keyring_crypto.h: the cryptography of a keyring, KEYRING.md sections 2 to 5.
 *
 * From the secret come two keys; one authenticates the whole keyring, the
 * other encrypts the CMKs in it. A CMK exists in the clear only inside the
 * calls below.
 */
#ifndef EE_PROVIDER_KEYRING_CRYPTO_H
#define EE_PROVIDER_KEYRING_CRYPTO_H

#include "base/secret_source.h"
#include "base/status.h"
#include "crypto/suite.h"
#include "provider/keyring_image.h"

#include <stdbool.h>

/* What new keyrings get, and what is accepted from a file. */
#define EE_ARGON2_MEMORY_KIB     (64u * 1024)
#define EE_ARGON2_PASSES         3u
#define EE_ARGON2_MEMORY_KIB_MIN (19u * 1024)
#define EE_ARGON2_MEMORY_KIB_MAX (1024u * 1024)
#define EE_ARGON2_PASSES_MIN     2u
#define EE_ARGON2_PASSES_MAX     16u
#define EE_ARGON2_WORK_MAX       (2u * EE_ARGON2_MEMORY_KIB_MAX) /* product */

/* version u32, nonce, payload, tag */
#define EE_KEYRING_WRAPPED_BYTES (4 + EE_CMK_NONCE_BYTES + 64 + EE_TAG_BYTES)

/* Secret: an arena cell. */
struct ee_keyring_keys {
    uint8_t encrypt[EE_KEY_BYTES]; /* the first half of Argon2id's output */
    uint8_t mac[EE_KEY_BYTES];     /* the second */
    bool live;                     /* false in a forked child */
};

/* Derives the keys of image->kind, salt and parameters, after their bounds
 * were checked. keyring names the file in messages. */
int ee_keyring_derive(struct ee_keyring_keys *keys,
                      const struct ee_keyring_image *image,
                      const struct ee_secret *secret, const char *keyring,
                      struct ee_error *err) EE_CHECKED;

/* mac: EE_MAC_BYTES, over everything in the image but its own mac. */
void ee_keyring_mac(uint8_t *mac, const struct ee_keyring_keys *keys,
                    const struct ee_keyring_image *image);

/* EE_DENIED with one text for a wrong secret and an altered keyring. */
int ee_keyring_verify(const struct ee_keyring_keys *keys,
                      const struct ee_keyring_image *image, const char *keyring,
                      struct ee_error *err) EE_CHECKED;

/* Draws a CMK; fills cmk->nonce and cmk->box. name and version are set. */
int ee_cmk_generate(struct ee_ossl *ossl, const struct ee_keyring_keys *keys,
                    const struct ee_keyring_image *image, struct ee_cmk *cmk,
                    struct ee_error *err) EE_CHECKED;

/* wrapped: EE_KEYRING_WRAPPED_BYTES. payload: 64 bytes. */
int ee_cmk_wrap(struct ee_ossl *ossl, const struct ee_keyring_keys *keys,
                const struct ee_keyring_image *image, const struct ee_cmk *cmk,
                uint8_t *wrapped, const uint8_t *payload,
                struct ee_bytes context, struct ee_error *err) EE_CHECKED;

/* The reverse. wrapped.n is EE_KEYRING_WRAPPED_BYTES and its version cmk's. */
int ee_cmk_unwrap(struct ee_ossl *ossl, const struct ee_keyring_keys *keys,
                  const struct ee_keyring_image *image,
                  const struct ee_cmk *cmk, uint8_t *payload,
                  struct ee_bytes wrapped, struct ee_bytes context,
                  struct ee_error *err) EE_CHECKED;

#endif
