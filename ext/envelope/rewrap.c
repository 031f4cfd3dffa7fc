/* SPDX-License-Identifier: MIT
 *
 * rewrap.c: moves a DEK to another KEK: rewrap, FORMAT section 7 (R22 to R24),
 * and export, section 11 (R36).
 */
#include "base/secret.h"
#include "base/wire.h"
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

/* FORMAT R21: W depends on the KEK, C and the key id alone. w:
 * EE_WRAPPED_BYTES. */
static int wrap_dek(struct ee_engine *engine, const struct ee_kek *to,
                    uint8_t *w, const struct ee_envelope *e, const uint8_t *dek)
{
    uint8_t wa[EE_WA_MAX];
    size_t wa_len =
        ee_envelope_wrap_aad(wa, e->suite, e->flags, to->key_id, e->index);

    return to->suite->wrap(&engine->ossl, &to->wrap, w, e->data.p,
                           ee_bytes(wa, wa_len),
                           ee_bytes(dek, EE_KEY_BYTES)) == 0
               ? EE_OK
               : EE_INTERNAL;
}

/* The new W under `to`, once the old one and the commitment are verified. w is
 * written only when `to` is another KEK. */
static int move_dek(struct ee_engine *engine, const struct ee_kek *from,
                    const struct ee_kek *to, uint8_t *w,
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
        rc = wrap_dek(engine, to, w, e, dek);
    } /* else FORMAT R24: unchanged */
out:
    ee_wipe(dek, sizeof dek);
    return rc;
}

int ee_rewrap(struct ee_engine *engine, const struct ee_kek *from,
              const struct ee_kek *to, uint8_t *out,
              const struct ee_envelope *e)
{
    const size_t offset = (size_t)(e->wrapped - e->key_id) + EE_PREFIX_BYTES;
    uint8_t w[EE_WRAPPED_BYTES];
    int rc = move_dek(engine, from, to, w, e);

    if (rc == EE_OK && to != from) {
        memcpy(out + EE_PREFIX_BYTES, to->key_id, EE_KEY_ID_BYTES);
        memcpy(out + offset, w, sizeof w);
    }
    return rc;
}

size_t ee_export_size(const struct ee_envelope *e, struct ee_bytes record)
{
    return ee_envelope_size(e->flags, e->data.n - EE_TAG_BYTES) + 2 + record.n;
}

int ee_export(struct ee_engine *engine, const struct ee_kek *from,
              const struct ee_kek *to, struct ee_bytes record, uint8_t *out,
              const struct ee_envelope *e)
{
    const uint8_t flags = (uint8_t)(e->flags | EE_FLAG_RECORD);
    const uint8_t prefix[EE_PREFIX_BYTES] = {EE_MAGIC_0, EE_MAGIC_1, EE_VERSION,
                                             e->suite, flags};
    struct ee_writer writer = ee_writer(out, ee_export_size(e, record));
    uint8_t w[EE_WRAPPED_BYTES];
    int rc = move_dek(engine, from, to, w, e);

    if (rc != EE_OK) {
        return rc;
    }
    ee_write_bytes(&writer, ee_bytes(prefix, sizeof prefix));
    ee_write_bytes(&writer, ee_bytes(to->key_id, EE_KEY_ID_BYTES));
    if (e->index != NULL) {
        ee_write_bytes(&writer, ee_bytes(e->index, EE_INDEX_BYTES));
    }
    ee_write_u16(&writer, (uint16_t)record.n);
    ee_write_bytes(&writer, record);
    ee_write_bytes(&writer, ee_bytes(w, sizeof w));
    ee_write_bytes(&writer, e->data);
    return writer.bad ? EE_INTERNAL : EE_OK;
}
