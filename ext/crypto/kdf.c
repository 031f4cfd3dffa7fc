/* SPDX-License-Identifier: MIT
 *
 * kdf.c: HMAC-SHA-256 and the labelled key derivation, FORMAT section 3.
 */
#include "crypto/kdf.h"

#include "base/secret.h"

#include <sodium.h>
#include <string.h>

void ee_hmac_two(uint8_t *out, const uint8_t *key, struct ee_bytes first,
                 struct ee_bytes second)
{
    crypto_auth_hmacsha256_state state; /* secret: wiped below */

    (void)crypto_auth_hmacsha256_init(&state, key, EE_KEY_BYTES);
    (void)crypto_auth_hmacsha256_update(&state, first.p, first.n);
    (void)crypto_auth_hmacsha256_update(&state, second.p, second.n);
    (void)crypto_auth_hmacsha256_final(&state, out);
    ee_wipe(&state, sizeof state);
}

void ee_hmac(uint8_t *out, const uint8_t *key, struct ee_bytes message)
{
    ee_hmac_two(out, key, message, ee_bytes(NULL, 0));
}

void ee_kdf(uint8_t *out, const uint8_t *key, const char *label,
            struct ee_bytes context)
{
    static const uint8_t counter[] = {0, 0, 0, 1};
    static const uint8_t bits[] = {0, 0, 1, 0};
    static const char prefix[] = "sqlite-envelope/v1/";
    crypto_auth_hmacsha256_state state; /* secret: wiped below */

    (void)crypto_auth_hmacsha256_init(&state, key, EE_KEY_BYTES);
    (void)crypto_auth_hmacsha256_update(&state, counter, sizeof counter);
    (void)crypto_auth_hmacsha256_update(&state, (const uint8_t *)prefix,
                                        sizeof prefix - 1);
    /* the label's own NUL is the separator 00 */
    (void)crypto_auth_hmacsha256_update(&state, (const uint8_t *)label,
                                        strlen(label) + 1);
    (void)crypto_auth_hmacsha256_update(&state, context.p, context.n);
    (void)crypto_auth_hmacsha256_update(&state, bits, sizeof bits);
    (void)crypto_auth_hmacsha256_final(&state, out);
    ee_wipe(&state, sizeof state);
}
