/* SPDX-License-Identifier: MIT
 *
 * rewrap.c: moves a DEK to another KEK, FORMAT section 7 (R22 to R24).
 */
#include "base/secret.h"
#include "envelope/unwrap.h"

#include <string.h>

/* FORMAT R22: is C[0..32) what this DEK makes of 32 zero bytes? */
static bool commits_to(struct ee_engine *engine, const struct ee_envelope *e,
                       const struct ee_suite *suite, const uint8_t *dek)
{
    uint8_t expect[EE_COMMIT_BYTES]; /* public: equal to C when right */

    return suite->commitment(&engine->ossl, expect, dek) == 0 &&
           ee_equal(expect, e->data.p, sizeof expect);
}

/* FORMAT R21: W depends on the KEK, C and the key id alone. */
static int write_wrap(struct ee_engine *engine, const struct ee_kek *to,
                      uint8_t *out, const struct ee_envelope *e,
                      const uint8_t *dek)
{
    uint8_t w[EE_WRAPPED_BYTES];
    uint8_t wa[EE_WA_MAX];
    size_t wa_len =
        ee_envelope_wrap_aad(wa, e->suite, e->flags, to->key_id, e->index);
    const size_t offset = (size_t)(e->wrapped - e->key_id) + EE_PREFIX_BYTES;

    if (to->suite->wrap(&engine->ossl, &to->wrap, w, e->data.p,
                        ee_bytes(wa, wa_len),
                        ee_bytes(dek, EE_KEY_BYTES)) != 0) {
        return EE_INTERNAL;
    }
    memcpy(out + EE_PREFIX_BYTES, to->key_id, EE_KEY_ID_BYTES);
    memcpy(out + offset, w, sizeof w);
    return EE_OK;
}

int ee_rewrap(struct ee_engine *engine, const struct ee_kek *from,
              const struct ee_kek *to, uint8_t *out,
              const struct ee_envelope *e)
{
    uint8_t dek[EE_KEY_BYTES]; /* secret: wiped at out */
    int rc = ee_unwrap_dek(engine, from, dek, e);

    if (rc != EE_OK) {
        goto out;
    }
    if (!commits_to(engine, e, from->suite, dek)) {
        rc = EE_AUTH;
    } else if (to->suite != from->suite) {
        rc = EE_MISUSE; /* FORMAT R23 */
    } else if (to != from) {
        rc = write_wrap(engine, to, out, e, dek);
    } /* else FORMAT R24: unchanged */
out:
    ee_wipe(dek, sizeof dek);
    return rc;
}
