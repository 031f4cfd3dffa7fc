/* SPDX-License-Identifier: MIT
 *
 * seal.c: seals one value, FORMAT sections 6 and 7.
 */
#include "base/secret.h"
#include "envelope/envelope.h"
#include "envelope/padding.h"

#include <string.h>

/* Bytes of P: commitment, type, body and padding. */
static size_t plain_size(const struct ee_value *value, uint8_t flags)
{
    const size_t n = ee_value_body(value).n;

    return EE_COMMIT_BYTES +
           ((flags & EE_FLAG_PADDED) != 0 ? ee_padded_size(n) : 1 + n);
}

size_t ee_seal_size(const struct ee_value *value, uint8_t flags)
{
    return ee_envelope_size(flags, plain_size(value, flags));
}

static uint8_t *write_header(uint8_t *out, const struct ee_kek *kek,
                             uint8_t flags, const uint8_t *index)
{
    const uint8_t prefix[EE_PREFIX_BYTES] = {EE_MAGIC_0, EE_MAGIC_1, EE_VERSION,
                                             kek->suite->id, flags};

    memcpy(out, prefix, sizeof prefix);
    memcpy(out + sizeof prefix, kek->key_id, EE_KEY_ID_BYTES);
    out += EE_HEADER_BYTES;
    if (index != NULL) {
        memcpy(out, index, EE_INDEX_BYTES);
        out += EE_INDEX_BYTES;
    }
    return out;
}

#define BODY_AT (EE_COMMIT_BYTES + 1)

/* P but for the body, in the place where C will be. */
static void write_plain(uint8_t *p, size_t size, const struct ee_value *value,
                        uint8_t flags)
{
    memset(p, 0, EE_COMMIT_BYTES);
    p[EE_COMMIT_BYTES] = value->type;
    if ((flags & EE_FLAG_PADDED) != 0) {
        ee_pad(p, BODY_AT + ee_value_body(value).n, size);
    }
}

/* FORMAT R17: fresh from the pool, and hedged. */
static int draw_dek(struct ee_engine *engine, uint8_t *dek,
                    struct ee_context *context, struct ee_bytes aad,
                    const struct ee_value *value)
{
    struct ee_bytes input =
        ee_context_hedge_input(context, aad, ee_time_stamp(), value);
    int rc = 0;

    ee_pool_take(engine->pool, dek);
    rc = ee_hedge_mix(engine->hedge, &engine->ossl, dek, input);
    ee_context_forget(context, input, aad);
    return rc;
}

int ee_seal(struct ee_engine *engine, const struct ee_kek *kek, uint8_t *out,
            const struct ee_value *value, struct ee_context *context,
            uint8_t flags, const uint8_t *index)
{
    const struct ee_suite *suite = kek->suite;
    const struct ee_bytes aad =
        ee_context_aad(context, suite->id, flags, index);
    const size_t n = plain_size(value, flags);
    uint8_t *wrapped = write_header(out, kek, flags, index);
    uint8_t *c = wrapped + EE_WRAPPED_BYTES;
    uint8_t wa[EE_WA_MAX];
    uint8_t dek[EE_KEY_BYTES]; /* secret: wiped at out */
    size_t wa_len = 0;
    int rc = EE_INTERNAL;

    if (context->overflow) {
        return EE_INTERNAL;
    }
    if (draw_dek(engine, dek, context, aad, value) != 0) {
        goto out;
    }
    write_plain(c, n, value, flags);
    if (suite->seal(&engine->ossl, c, n, BODY_AT, ee_value_body(value), dek,
                    aad) != 0) {
        ee_wipe(c, n); /* it may still be plaintext */
        goto out;
    }
    wa_len = ee_envelope_wrap_aad(wa, suite->id, flags, kek->key_id, index);
    if (suite->wrap(&engine->ossl, &kek->wrap, wrapped, c, ee_bytes(wa, wa_len),
                    ee_bytes(dek, sizeof dek)) == 0) {
        rc = EE_OK;
    }
out:
    ee_wipe(dek, sizeof dek);
    return rc;
}
