/* SPDX-License-Identifier: MIT
 *
 * suite_aes.c: suite 01. Data by AES-256-GCM, wraps by XAES-256-GCM (C2SP),
 * FORMAT section 2.
 */
#include "base/secret.h"
#include "crypto/gcm.h"
#include "crypto/suite.h"

#include <string.h>

static const uint8_t zero_nonce[12];

/* XAES's K1: L = AES(K, 0), shifted left by one bit with reduction. */
static int wrap_init(struct ee_ossl *o, struct ee_wrap_key *k,
                     const uint8_t *kw)
{
    uint8_t l[2 * EE_AES_BLOCK] = {0}; /* secret: wiped at out */
    int rc = -1;

    ee_aes256_init(&k->aes, kw);
    if (ee_aes256_two_blocks(o, &k->aes, l, l) != 0) {
        goto out;
    }
    for (int i = 0; i < EE_AES_BLOCK - 1; i++) {
        k->k1[i] = (uint8_t)(l[i] << 1 | l[i + 1] >> 7);
    }
    /* no branch on the secret top bit: 0 - bit is all ones or all zeros */
    k->k1[15] = (uint8_t)(l[15] << 1 ^ (0x87 & (0 - (l[0] >> 7))));
    rc = 0;
out:
    ee_wipe(l, sizeof l);
    return rc;
}

/* Kx = AES(K, K1 ^ (00 01 58 00 | N[0..12))) | AES(K, K1 ^ (00 02 …)). Inline:
 * what gcc judges by itself changes with the size of the whole extension. */
static inline int derive(struct ee_ossl *o, const struct ee_wrap_key *k,
                         uint8_t *kx, const uint8_t *nonce)
{
    uint8_t m[2 * EE_AES_BLOCK] = {
        [1] = 1, [2] = 0x58, [EE_AES_BLOCK + 1] = 2, [EE_AES_BLOCK + 2] = 0x58};

    memcpy(m + 4, nonce, 12);
    memcpy(m + EE_AES_BLOCK + 4, nonce, 12);
    for (int i = 0; i < EE_AES_BLOCK; i++) {
        m[i] ^= k->k1[i];
        m[EE_AES_BLOCK + i] ^= k->k1[i];
    }
    return ee_aes256_two_blocks(o, &k->aes, kx, m);
}

static int wrap(struct ee_ossl *o, const struct ee_wrap_key *k, uint8_t *out,
                const uint8_t *nonce, struct ee_bytes aad, struct ee_bytes msg)
{
    uint8_t kx[EE_KEY_BYTES]; /* secret: wiped at the end */
    int rc = derive(o, k, kx, nonce);

    if (rc == 0) {
        rc = ee_gcm_seal(o, out, kx, nonce + 12, aad, msg);
    }
    ee_wipe(kx, sizeof kx);
    return rc;
}

static int unwrap(struct ee_ossl *o, const struct ee_wrap_key *k, uint8_t *out,
                  const uint8_t *nonce, struct ee_bytes aad, struct ee_bytes in)
{
    uint8_t kx[EE_KEY_BYTES]; /* secret: wiped at the end */
    int rc = derive(o, k, kx, nonce);

    if (rc == 0) {
        rc = ee_gcm_open(o, out, kx, nonce + 12, aad, in);
    }
    ee_wipe(kx, sizeof kx);
    return rc;
}

/* The value's own bytes are read where they are, but for those that fill up a
 * block: OpenSSL does the rest of a broken one byte by byte. */
static int seal_long(struct ee_ossl *o, uint8_t *buf, size_t n, size_t at,
                     struct ee_bytes value, const uint8_t *dek,
                     struct ee_bytes aad)
{
    const size_t gap = (EE_AES_BLOCK - at % EE_AES_BLOCK) % EE_AES_BLOCK;
    const size_t copied = gap < value.n ? gap : value.n;
    struct ee_bytes parts[] = {ee_bytes(buf, at + copied), value,
                               ee_bytes(buf + at + value.n, n - at - value.n)};

    if (copied > 0) {
        memcpy(buf + at, value.p, copied);
        parts[1] = ee_bytes(value.p + copied, value.n - copied);
    }
    return ee_ossl_gcm_seal_parts(o, buf, buf + n, dek, zero_nonce, aad, parts,
                                  sizeof parts / sizeof parts[0]);
}

static int seal(struct ee_ossl *o, uint8_t *buf, size_t n, size_t at,
                struct ee_bytes value, const uint8_t *dek, struct ee_bytes aad)
{
    if (ee_gcm_is_long(n)) {
        return seal_long(o, buf, n, at, value, dek, aad);
    }
    if (value.n > 0) {
        memcpy(buf + at, value.p, value.n);
    }
    return ee_gcm_seal(o, buf, dek, zero_nonce, aad, ee_bytes(buf, n));
}

static int open_(struct ee_ossl *o, uint8_t *out, struct ee_bytes in,
                 const uint8_t *dek, struct ee_bytes aad)
{
    return ee_gcm_open(o, out, dek, zero_nonce, aad, in);
}

/* FORMAT R22: GCM's key stream for a zero nonce starts at counter 2. */
static int commitment(struct ee_ossl *o, uint8_t *out, const uint8_t *dek)
{
    uint8_t counters[2 * EE_AES_BLOCK] = {0};
    struct ee_aes256 aes; /* secret: wiped at the end */
    int rc = -1;

    counters[EE_AES_BLOCK - 1] = 2;
    counters[2 * EE_AES_BLOCK - 1] = 3;
    ee_aes256_init(&aes, dek);
    rc = ee_aes256_two_blocks(o, &aes, out, counters);
    ee_wipe(&aes, sizeof aes);
    return rc;
}

const struct ee_suite ee_suite_aes = {
    .id = 1,
    .name = "aes-256-gcm",
    .wrap_init = wrap_init,
    .wrap = wrap,
    .unwrap = unwrap,
    .seal = seal,
    .open = open_,
    .commitment = commitment,
};
