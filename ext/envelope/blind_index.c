/* SPDX-License-Identifier: MIT
 *
 * blind_index.c: FORMAT section 7, R25.
 */
#include "envelope/blind_index.h"

#include "base/secret.h"
#include "crypto/kdf.h"

#include <string.h>

static bool is_kept(const struct ee_kek *kek, struct ee_bytes scope)
{
    return kek->index.n == scope.n && scope.n <= EE_SCOPE_CACHED_MAX &&
           ee_equal(kek->index.scope, scope.p, scope.n);
}

/* key: EE_KEY_BYTES, secret, the caller wipes it. */
static void scope_key(uint8_t *key, struct ee_kek *kek, struct ee_bytes scope)
{
    if (is_kept(kek, scope)) {
        memcpy(key, kek->index.key, EE_KEY_BYTES);
        return;
    }
    ee_kdf(key, kek->name_secret, "name-index", scope);
    if (scope.n <= EE_SCOPE_CACHED_MAX) {
        memcpy(kek->index.scope, scope.p, scope.n);
        memcpy(kek->index.key, key, EE_KEY_BYTES);
        kek->index.n = scope.n;
    }
}

void ee_blind_index(uint8_t *out, struct ee_kek *kek,
                    struct ee_bytes scope_part, const struct ee_value *value)
{
    struct ee_value v = ee_value_for_index(value); /* secret: wiped below */
    uint8_t key[EE_KEY_BYTES];                     /* secret: wiped below */
    uint8_t mac[EE_MAC_BYTES];

    scope_key(key, kek, scope_part);
    ee_hmac_two(mac, key, ee_bytes(&v.type, 1), ee_value_body(&v));
    memcpy(out, mac, EE_INDEX_BYTES);
    ee_wipe(key, sizeof key);
    ee_value_wipe(&v);
}
