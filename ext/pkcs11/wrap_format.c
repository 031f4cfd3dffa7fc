/* SPDX-License-Identifier: MIT
 *
 * wrap_format.c: version, mechanism, key id, and the body of the mechanism.
 */
#include "pkcs11/wrap_format.h"

#include "base/wire.h"

#include <string.h>

/* The body is of exactly the length that it must have. */
static bool read_body(struct ee_p11_wrap *w, struct ee_reader *r)
{
    size_t carried = 0;

    switch (w->mechanism) {
    case EE_P11_AES_GCM:
        w->iv = ee_read_bytes(r, EE_P11_IV_BYTES);
        break;
    case EE_P11_AES_KEY_WRAP:
        w->carried = ee_read_bytes(r, EE_P11_KW_BYTES);
        break;
    case EE_P11_RSA_OAEP_SHA256:
    case EE_P11_RSA_OAEP_SHA1:
        if (r->left < EE_P11_RSA_BYTES_MIN + EE_P11_SEALED_BYTES ||
            r->left > EE_P11_RSA_BYTES_MAX + EE_P11_SEALED_BYTES) {
            return false;
        }
        carried = r->left - EE_P11_SEALED_BYTES;
        w->carried = ee_read_bytes(r, carried);
        break;
    default:
        return false;
    }
    w->sealed = ee_read_bytes(r, EE_P11_SEALED_BYTES);
    return !r->bad && r->left == 0;
}

bool ee_p11_wrap_read(struct ee_p11_wrap *out, struct ee_bytes wrapped)
{
    struct ee_reader r = ee_reader(wrapped);
    const uint8_t version = ee_read_u8(&r);
    struct ee_p11_wrap w = {.mechanism = ee_read_u8(&r)};
    const uint8_t id_n = ee_read_u8(&r);

    memset(out, 0, sizeof *out);
    if (r.bad || version != EE_P11_WRAP_VERSION || id_n > EE_P11_ID_MAX) {
        return false;
    }
    w.id = ee_read_bytes(&r, id_n);
    w.head = ee_bytes(wrapped.p, 3 + (size_t)id_n);
    if (r.bad || !read_body(&w, &r)) {
        return false;
    }
    *out = w;
    return true;
}

size_t ee_p11_wrap_head(uint8_t *out, int mechanism, struct ee_bytes id)
{
    struct ee_writer w = ee_writer(out, EE_P11_HEAD_MAX);

    ee_write_u8(&w, EE_P11_WRAP_VERSION);
    ee_write_u8(&w, (uint8_t)mechanism);
    ee_write_u8(&w, (uint8_t)id.n);
    ee_write_bytes(&w, id);
    return w.used;
}

size_t ee_p11_wrap_aad(uint8_t *out, struct ee_bytes head,
                       struct ee_bytes context)
{
    struct ee_writer w = ee_writer(out, EE_P11_AAD_MAX);

    ee_write_bytes(&w, ee_bytes(EE_P11_AAD_PREFIX, sizeof EE_P11_AAD_PREFIX));
    ee_write_bytes(&w, head);
    ee_write_bytes(&w, context);
    return w.bad ? 0 : w.used;
}
