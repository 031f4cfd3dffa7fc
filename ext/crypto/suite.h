/* SPDX-License-Identifier: MIT
 *
 * suite.h: the two cipher suites of FORMAT section 2, one const table each.
 *
 * Every call returns 0, or -1 for a wrong tag or a failing library; -1 says
 * no more on purpose (FORMAT R19). Keys are EE_KEY_BYTES; tags follow their
 * ciphertext.
 */
#ifndef EE_CRYPTO_SUITE_H
#define EE_CRYPTO_SUITE_H

#include "crypto/aes256.h"

#define EE_WRAP_NONCE_BYTES 24

/* An expanded wrapping key Kw. Secret: lives in the arena or is wiped. */
struct ee_wrap_key {
    struct ee_aes256 aes;      /* suite 01: XAES's K, expanded */
    uint8_t k1[EE_AES_BLOCK];  /* suite 01: XAES's K1 */
    uint8_t key[EE_KEY_BYTES]; /* suite 02 */
};

struct ee_suite {
    uint8_t id;
    const char *name;

    int (*wrap_init)(struct ee_ossl *o, struct ee_wrap_key *k,
                     const uint8_t *kw);
    /* out: msg.n + 16 bytes, apart from msg */
    int (*wrap)(struct ee_ossl *o, const struct ee_wrap_key *k, uint8_t *out,
                const uint8_t *nonce, struct ee_bytes aad, struct ee_bytes msg);
    /* out: in.n - 16 bytes, apart from in; all zero on failure */
    int (*unwrap)(struct ee_ossl *o, const struct ee_wrap_key *k, uint8_t *out,
                  const uint8_t *nonce, struct ee_bytes aad,
                  struct ee_bytes in);

    /* Data under a DEK, nonce zero. buf holds n bytes, becomes n + 16. The
     * value's bytes are not in buf yet: value goes to buf + at, so that a long
     * one is not copied first. */
    int (*seal)(struct ee_ossl *o, uint8_t *buf, size_t n, size_t at,
                struct ee_bytes value, const uint8_t *dek, struct ee_bytes aad);
    /* out: in.n - 16 bytes, apart from in; wiped on failure */
    int (*open)(struct ee_ossl *o, uint8_t *out, struct ee_bytes in,
                const uint8_t *dek, struct ee_bytes aad);
    /* What the DEK makes of 32 zero bytes at the start of the data (R22). */
    int (*commitment)(struct ee_ossl *o, uint8_t *out, const uint8_t *dek);
};

extern const struct ee_suite ee_suite_aes;    /* 01 */
extern const struct ee_suite ee_suite_chacha; /* 02 */

/* NULL when there is no such suite. */
const struct ee_suite *ee_suite_by_id(uint8_t id);
const struct ee_suite *ee_suite_by_name(const char *name);

#endif
