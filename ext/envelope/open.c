/* SPDX-License-Identifier: MIT
 *
 * open.c: opens one envelope, FORMAT sections 6 and 7.
 */
#include "base/secret.h"
#include "envelope/padding.h"
#include "envelope/unwrap.h"

int ee_unwrap_dek(struct ee_engine *engine, const struct ee_kek *kek,
                  uint8_t *dek, const struct ee_envelope *e)
{
    uint8_t wa[EE_WA_MAX];
    size_t wa_len = 0;

    if (e->suite != kek->suite->id) { /* FORMAT R8 */
        ee_wipe(dek, EE_KEY_BYTES);
        return EE_AUTH;
    }
    wa_len = ee_envelope_wrap_aad(wa, e->suite, e->flags, e->key_id, e->index);
    if (kek->suite->unwrap(&engine->ossl, &kek->wrap, dek, e->data.p,
                           ee_bytes(wa, wa_len),
                           ee_bytes(e->wrapped, EE_WRAPPED_BYTES)) != 0) {
        return EE_AUTH; /* FORMAT R20 */
    }
    return EE_OK;
}

size_t ee_open_size(const struct ee_envelope *e)
{
    return e->data.n - EE_TAG_BYTES;
}

/* P is authentic: is it what FORMAT section 6 says it must be? */
static bool decode_plain(struct ee_value *value, struct ee_bytes p,
                         uint8_t flags)
{
    struct ee_bytes body =
        ee_bytes(p.p + EE_COMMIT_BYTES + 1, p.n - EE_COMMIT_BYTES - 1);

    if (!ee_is_zero(p.p, EE_COMMIT_BYTES)) { /* FORMAT R18 */
        return false;
    }
    if ((flags & EE_FLAG_PADDED) != 0 && !ee_unpad(&body)) {
        return false;
    }
    return ee_value_decode(value, p.p[EE_COMMIT_BYTES], body);
}

int ee_open(struct ee_engine *engine, const struct ee_kek *kek,
            uint8_t *scratch, struct ee_value *value,
            const struct ee_envelope *e, struct ee_context *context)
{
    const struct ee_bytes aad =
        ee_context_aad(context, e->suite, e->flags, e->index);
    const size_t n = ee_open_size(e);
    uint8_t dek[EE_KEY_BYTES]; /* secret: wiped at out */
    int rc = EE_AUTH;

    if (context->overflow || ee_unwrap_dek(engine, kek, dek, e) != EE_OK ||
        kek->suite->open(&engine->ossl, scratch, e->data, dek, aad) != 0) {
        goto out;
    }
    if (!decode_plain(value, ee_bytes(scratch, n), e->flags)) {
        ee_wipe(scratch, n);
        goto out;
    }
    rc = EE_OK;
out:
    ee_wipe(dek, sizeof dek);
    return rc;
}
