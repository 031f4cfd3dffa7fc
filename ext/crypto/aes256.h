/* SPDX-License-Identifier: MIT
 *
 * aes256.h: the raw AES-256 block, for XAES's key derivation and for the
 * commitment of suite 01. Nothing else may use it.
 *
 * The key schedule is the caller's memory, so it can live in the arena:
 * OpenSSL's own contexts are heap memory, and libsodium has no block call.
 * With AES instructions the rounds are theirs; without, every call goes
 * through OpenSSL, which gives the same bytes.
 */
#ifndef EE_CRYPTO_AES256_H
#define EE_CRYPTO_AES256_H

#include "crypto/ossl.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#define EE_AES_BLOCK 16

/* Secret: the owner wipes it. */
struct ee_aes256 {
    alignas(16) uint8_t round_keys[15 * EE_AES_BLOCK];
};

/* True when this CPU has the instructions that libsodium's AES-256-GCM and
 * the rounds here need. */
bool ee_aes_instructions(void);

void ee_aes256_init(struct ee_aes256 *aes, const uint8_t *key);

/* Encrypts two blocks. in and out may be the same. 0, or -1 when OpenSSL
 * fails (never with AES instructions). */
int ee_aes256_two_blocks(struct ee_ossl *ossl, const struct ee_aes256 *aes,
                         uint8_t *out, const uint8_t *in);

#endif
