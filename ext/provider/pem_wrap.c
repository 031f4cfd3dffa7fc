/* SPDX-License-Identifier: MIT
 *
 * pem_wrap.c: version, algorithm, key, ciphertext.
 */
#include "provider/pem_wrap.h"

#include "base/wire.h"

#include <string.h>

bool ee_pem_wrap_read(struct ee_pem_wrap *out, struct ee_bytes wrapped)
{
    struct ee_reader r = ee_reader(wrapped);
    const uint8_t version = ee_read_u8(&r);
    const uint8_t algorithm = ee_read_u8(&r);
    const struct ee_bytes id = ee_read_bytes(&r, EE_PUBKEY_ID_BYTES);
    const struct ee_bytes sealed = ee_read_bytes(&r, r.left);

    memset(out, 0, sizeof *out);
    if (r.bad || version != EE_PEM_WRAP_VERSION || sealed.n == 0 ||
        (algorithm != EE_PUBKEY_RSA && algorithm != EE_PUBKEY_X25519)) {
        return false;
    }
    out->algorithm = algorithm;
    out->id = id;
    out->sealed = sealed;
    return true;
}

void ee_pem_wrap_head(uint8_t *out, const struct ee_pubkey *key)
{
    struct ee_writer w = ee_writer(out, EE_PEM_WRAP_HEAD);

    ee_write_u8(&w, EE_PEM_WRAP_VERSION);
    ee_write_u8(&w, (uint8_t)key->algorithm);
    ee_write_bytes(&w, ee_bytes(key->id, sizeof key->id));
}
