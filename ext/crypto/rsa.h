/* SPDX-License-Identifier: MIT
 *
 * rsa.h: RSAES-OAEP with SHA-256 for hash and MGF1 (RFC 8017 section 7.1).
 *
 * OpenSSL does the arithmetic on numbers that we read, and frees them wiped.
 * The padding is done here: OpenSSL 3.0 leaves the padded message, from which
 * anybody reads the payload, in the heap when it has decrypted it.
 */
#ifndef EE_CRYPTO_RSA_H
#define EE_CRYPTO_RSA_H

#include "crypto/key_der.h"

#define EE_RSA_BITS_MIN  3072
#define EE_RSA_BITS_MAX  16384
#define EE_RSA_BYTES_MAX (EE_RSA_BITS_MAX / 8)

struct evp_pkey_st;

/* Of n: 0 for none. */
size_t ee_rsa_bits(struct ee_bytes n);

/* Takes the numbers of a key, two or all eight of them, in the machine's byte
 * order and not big-endian (ee_rsa_native). NULL when OpenSSL is out of
 * memory or refuses them. Free with ee_rsa_free(), which wipes. */
struct evp_pkey_st *ee_rsa_new(const struct ee_bytes *number,
                               bool has_private) EE_CHECKED;
void ee_rsa_free(struct evp_pkey_st *rsa); /* NULL-safe */

/* Turns a big-endian number round where that is not the machine's order. */
void ee_rsa_native(uint8_t *number, size_t n);

/* SHA-256 of its SubjectPublicKeyInfo: 32 bytes. 0 or -1. */
int ee_rsa_id(uint8_t *id, const struct evp_pkey_st *rsa);

/* out: as many bytes as n of the key, k. message: at most k - 66 bytes.
 * label is authenticated. 0 or -1. */
int ee_rsa_seal(struct evp_pkey_st *rsa, size_t k, uint8_t *out,
                struct ee_bytes label, struct ee_bytes message);

/* out: n bytes, the length that the message must have; wiped unless 0.
 * sealed: k bytes. 0, 1 when it is not authentic, or -1 when OpenSSL is out of
 * memory; in time that does not depend on the message. */
int ee_rsa_open(struct evp_pkey_st *rsa, size_t k, uint8_t *out, size_t n,
                struct ee_bytes label, const uint8_t *sealed);

#endif
