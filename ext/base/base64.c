/* SPDX-License-Identifier: MIT
 *
 * base64.c: by libsodium.
 */
#include "base/base64.h"

#include "base/secret.h"

#include <sodium.h>

void ee_write_base64(struct ee_writer *w, struct ee_bytes in)
{
    const size_t size =
        sodium_base64_encoded_len(in.n, sodium_base64_VARIANT_ORIGINAL);
    uint8_t *out = ee_write_room(w, size);

    if (out != NULL) {
        (void)sodium_bin2base64((char *)out, size, in.p, in.n,
                                sodium_base64_VARIANT_ORIGINAL);
        /* its NUL */
        w->p--;
        w->left++;
        w->used--;
    }
}

bool ee_unbase64(uint8_t *out, size_t size, size_t *n, struct ee_bytes text)
{
    uint8_t any = 0;

    *n = 0;
    /* libsodium takes some bytes from 0x80 on for letters, too */
    for (size_t i = 0; i < text.n; i++) {
        any |= text.p[i];
    }
    if (any >= 0x80 ||
        sodium_base642bin(out, size, (const char *)text.p, text.n, NULL, n,
                          NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
        ee_wipe(out, size);
        *n = 0;
        return false;
    }
    return true;
}
