/* SPDX-License-Identifier: MIT
 *
 * pubkey.h: seals a short message to a public key, and opens it again.
 *
 *   RSA      RSAES-OAEP with SHA-256 (RFC 8017); the label is OAEP's
 *   X25519   libsodium's sealed box over SHA-256(label) ‖ message
 *
 * Whoever has the public key can seal: what opens was meant for this key and
 * this label, and says nothing about who sealed it.
 */
#ifndef EE_CRYPTO_PUBKEY_H
#define EE_CRYPTO_PUBKEY_H

#include "crypto/key_der.h"

#define EE_PUBKEY_ID_BYTES    32
#define EE_PUBKEY_MESSAGE_MAX 64
#define EE_PUBKEY_SEALED_MAX  2048
#define EE_X25519_BYTES       32

struct evp_pkey_st;

struct ee_pubkey {
    int algorithm; /* enum ee_pubkey_algorithm; 0: empty */
    bool has_private;
    uint8_t id[EE_PUBKEY_ID_BYTES]; /* SHA-256 of SubjectPublicKeyInfo */
    size_t rsa_bytes;               /* of n */
    struct evp_pkey_st *rsa;        /* wiped by OpenSSL when freed */
    uint8_t point[EE_X25519_BYTES];
    struct ee_pubkey_secret *secret; /* an arena cell; zero after fork() */
};

/* Takes a key from a PEM block, of any label but EE_PEM_ENCRYPTED. der is
 * secret, scrambled, and the caller's to wipe. file names it in messages.
 * EE_CONFIG: not a key, of another kind, or too short. On failure *k is
 * empty. */
int ee_pubkey_load(struct ee_pubkey *k, int label, uint8_t *der, size_t n,
                   const char *file, struct ee_error *err) EE_CHECKED;

void ee_pubkey_clear(struct ee_pubkey *k); /* wipes; may be called twice */

/* False in a forked child: its secrets are gone. */
bool ee_pubkey_is_live(const struct ee_pubkey *k);

/* How long a message of n bytes is when sealed. */
size_t ee_pubkey_sealed_bytes(const struct ee_pubkey *k, size_t n);

/* message: at most EE_PUBKEY_MESSAGE_MAX bytes; out: ee_pubkey_sealed_bytes()
 * of it. 0 or -1. */
int ee_pubkey_seal(const struct ee_pubkey *k, uint8_t *out,
                   struct ee_bytes label, struct ee_bytes message);

/* out: n bytes, the length that the message must have; zero unless 0 is
 * returned. 1 when not authentic, or without the private key; -1 when OpenSSL
 * is out of memory. */
int ee_pubkey_open(const struct ee_pubkey *k, uint8_t *out, size_t n,
                   struct ee_bytes label, struct ee_bytes sealed);

#endif
