/* SPDX-License-Identifier: MIT
 *
 * gcm.c: chooses the library for AES-256-GCM.
 */
#include "crypto/gcm.h"

#include "base/secret.h"
#include "crypto/aes256.h"

#include <sodium.h>

/* What libsodium 1.0.18 leaves on the stack, depending on the compiler it was
 * made with (Debian 12's and 13's differ): round keys, two of which are the
 * key, and the key stream of a last block that is not whole.
 * tests/unit/crypto_memory.c finds them. */
#define SPILL_BYTES 1536

static void clear_spill(void)
{
    sodium_stackzero(SPILL_BYTES);
}

bool ee_gcm_is_long(size_t n)
{
    return n >= EE_GCM_LONG || !ee_aes_instructions();
}

int ee_gcm_seal(struct ee_ossl *ossl, uint8_t *out, const uint8_t *key,
                const uint8_t *nonce, struct ee_bytes aad, struct ee_bytes m)
{
    int rc = 0;

    if (ee_gcm_is_long(m.n)) {
        return ee_ossl_gcm_seal(ossl, out, out + m.n, key, nonce, aad, m);
    }
    rc = crypto_aead_aes256gcm_encrypt(out, NULL, m.p, m.n, aad.p, aad.n, NULL,
                                       nonce, key);
    clear_spill();
    return rc;
}

int ee_gcm_open(struct ee_ossl *ossl, uint8_t *out, const uint8_t *key,
                const uint8_t *nonce, struct ee_bytes aad, struct ee_bytes in)
{
    const size_t n = in.n - EE_TAG_BYTES;
    int rc = 0;

    if (ee_gcm_is_long(n)) {
        return ee_ossl_gcm_open(ossl, out, key, nonce, aad, ee_bytes(in.p, n),
                                in.p + n);
    }
    rc = crypto_aead_aes256gcm_decrypt(out, NULL, NULL, in.p, in.n, aad.p,
                                       aad.n, nonce, key);
    clear_spill();
    if (rc != 0) {
        ee_wipe(out, n);
    }
    return rc;
}
