/* SPDX-License-Identifier: MIT
 *
 * selftest.c: known answers at start-up.
 *
 * The vector is C2SP XAES-256-GCM's first, with the key Kx that it derives:
 * it runs AES-256 and AES-256-GCM inside, so each library can be asked for
 * its part of the same answer.
 */
#include "crypto/selftest.h"

#include "base/secret.h"
#include "crypto/gcm.h"
#include "crypto/suite.h"

#include <pthread.h>
#include <sodium.h>

static const uint8_t xaes_key[EE_KEY_BYTES] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                               1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                               1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const uint8_t xaes_nonce[] = "ABCDEFGHIJKLMNOPQRSTUVWX";
static const uint8_t xaes_plain[] = "XAES-256-GCM";
static const uint8_t xaes_kx[EE_KEY_BYTES] = {
    0xc8, 0x61, 0x2c, 0x9e, 0xd5, 0x3f, 0xe4, 0x3e, 0x8e, 0x00, 0x5b,
    0x82, 0x8a, 0x16, 0x31, 0xa0, 0xbb, 0xcb, 0x6a, 0xb2, 0xf4, 0x65,
    0x14, 0xec, 0x4f, 0x43, 0x9f, 0xcf, 0xd0, 0xfa, 0x96, 0x9b};
static const uint8_t xaes_sealed[] = {0xce, 0x54, 0x6e, 0xf6, 0x3c, 0x9c, 0xc6,
                                      0x07, 0x65, 0x92, 0x36, 0x09, 0xb3, 0x3a,
                                      0x9a, 0x19, 0x74, 0xe9, 0x6e, 0x52, 0xda,
                                      0xf2, 0xfc, 0xf7, 0x07, 0x5e, 0x22, 0x71};

#define PLAIN_BYTES (sizeof xaes_plain - 1)

static bool xaes_is_right(struct ee_ossl *ossl)
{
    const struct ee_suite *s = &ee_suite_aes;
    uint8_t out[sizeof xaes_sealed];
    uint8_t back[PLAIN_BYTES];
    struct ee_wrap_key k;

    return s->wrap_init(ossl, &k, xaes_key) == 0 &&
           s->wrap(ossl, &k, out, xaes_nonce, ee_bytes(NULL, 0),
                   ee_bytes(xaes_plain, PLAIN_BYTES)) == 0 &&
           ee_equal(out, xaes_sealed, sizeof out) &&
           s->unwrap(ossl, &k, back, xaes_nonce, ee_bytes(NULL, 0),
                     ee_bytes(out, sizeof out)) == 0 &&
           ee_equal(back, xaes_plain, sizeof back);
}

/* The vector's inner AES-256-GCM call, through OpenSSL alone. */
static bool openssl_gcm_is_right(struct ee_ossl *ossl)
{
    uint8_t out[sizeof xaes_sealed];

    return ee_ossl_gcm_seal(ossl, out, out + PLAIN_BYTES, xaes_kx,
                            xaes_nonce + 12, ee_bytes(NULL, 0),
                            ee_bytes(xaes_plain, PLAIN_BYTES)) == 0 &&
           ee_equal(out, xaes_sealed, sizeof out);
}

/* The same through libsodium alone, where it can. */
static bool sodium_gcm_is_right(void)
{
    uint8_t out[sizeof xaes_sealed];

    if (!ee_aes_instructions()) {
        return true;
    }
    return crypto_aead_aes256gcm_encrypt(out, NULL, xaes_plain, PLAIN_BYTES,
                                         NULL, 0, NULL, xaes_nonce + 12,
                                         xaes_kx) == 0 &&
           ee_equal(out, xaes_sealed, sizeof out);
}

/* Our AES rounds against OpenSSL's. */
static bool aes_is_right(struct ee_ossl *ossl)
{
    uint8_t ours[2 * EE_AES_BLOCK];
    uint8_t theirs[2 * EE_AES_BLOCK];
    struct ee_aes256 aes;

    ee_aes256_init(&aes, xaes_kx);
    return ee_aes256_two_blocks(ossl, &aes, ours, xaes_key) == 0 &&
           ee_ossl_aes_blocks(ossl, theirs, xaes_kx, xaes_key, 2) == 0 &&
           ee_equal(ours, theirs, sizeof ours);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum { NOT_RUN, PASSED, FAILED } outcome;
static const char *failed_check;

static const char *first_failure(struct ee_ossl *ossl)
{
    if (sodium_init() < 0) {
        return "libsodium";
    }
    if (!aes_is_right(ossl)) {
        return "AES-256";
    }
    if (!openssl_gcm_is_right(ossl)) {
        return "OpenSSL AES-256-GCM";
    }
    if (!sodium_gcm_is_right()) {
        return "libsodium AES-256-GCM";
    }
    if (!xaes_is_right(ossl)) {
        return "XAES-256-GCM";
    }
    return NULL;
}

int ee_selftest(struct ee_ossl *ossl, struct ee_error *err)
{
    const char *failure = NULL;

    (void)pthread_mutex_lock(&lock);
    if (outcome == NOT_RUN) {
        failed_check = first_failure(ossl);
        outcome = failed_check == NULL ? PASSED : FAILED;
    }
    failure = failed_check;
    (void)pthread_mutex_unlock(&lock);
    if (failure != NULL) {
        return ee_fail(err, EE_INTERNAL,
                       "self-test failed: %s gives wrong bytes on this "
                       "machine, so no key is used",
                       failure);
    }
    return EE_OK;
}
