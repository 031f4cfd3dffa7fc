/* SPDX-License-Identifier: MIT
 *
 * suite_chacha.c: suite 02. Data by ChaCha20-Poly1305 (RFC 8439), wraps by
 * XChaCha20-Poly1305, FORMAT section 2. All of it is libsodium's.
 */
#include "base/secret.h"
#include "crypto/suite.h"

#include <sodium.h>
#include <string.h>

static const uint8_t zero_nonce[12];

static int wrap_init(struct ee_ossl *o, struct ee_wrap_key *k,
                     const uint8_t *kw)
{
    (void)o;
    memcpy(k->key, kw, EE_KEY_BYTES);
    return 0;
}

static int wrap(struct ee_ossl *o, const struct ee_wrap_key *k, uint8_t *out,
                const uint8_t *nonce, struct ee_bytes aad, struct ee_bytes msg)
{
    (void)o;
    return crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, NULL, msg.p, msg.n, aad.p, aad.n, NULL, nonce, k->key);
}

static int unwrap(struct ee_ossl *o, const struct ee_wrap_key *k, uint8_t *out,
                  const uint8_t *nonce, struct ee_bytes aad, struct ee_bytes in)
{
    (void)o;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            out, NULL, NULL, in.p, in.n, aad.p, aad.n, nonce, k->key) != 0) {
        ee_wipe(out, in.n - EE_TAG_BYTES);
        return -1;
    }
    return 0;
}

static int seal(struct ee_ossl *o, uint8_t *buf, size_t n, size_t at,
                struct ee_bytes value, const uint8_t *dek, struct ee_bytes aad)
{
    (void)o;
    if (value.n > 0) {
        memcpy(buf + at, value.p, value.n);
    }
    return crypto_aead_chacha20poly1305_ietf_encrypt(
        buf, NULL, buf, n, aad.p, aad.n, NULL, zero_nonce, dek);
}

static int open_(struct ee_ossl *o, uint8_t *out, struct ee_bytes in,
                 const uint8_t *dek, struct ee_bytes aad)
{
    (void)o;
    if (crypto_aead_chacha20poly1305_ietf_decrypt(
            out, NULL, NULL, in.p, in.n, aad.p, aad.n, zero_nonce, dek) != 0) {
        ee_wipe(out, in.n - EE_TAG_BYTES);
        return -1;
    }
    return 0;
}

/* FORMAT R22: the data's key stream starts at block counter 1. */
static int commitment(struct ee_ossl *o, uint8_t *out, const uint8_t *dek)
{
    static const uint8_t zeros[EE_KEY_BYTES];

    (void)o;
    return crypto_stream_chacha20_ietf_xor_ic(out, zeros, sizeof zeros,
                                              zero_nonce, 1, dek);
}

const struct ee_suite ee_suite_chacha = {
    .id = 2,
    .name = "chacha20-poly1305",
    .wrap_init = wrap_init,
    .wrap = wrap,
    .unwrap = unwrap,
    .seal = seal,
    .open = open_,
    .commitment = commitment,
};
