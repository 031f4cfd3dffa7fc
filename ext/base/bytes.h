/* SPDX-License-Identifier: MIT
 *
 * bytes.h: a borrowed run of bytes, and the fixed sizes that all layers share.
 */
#ifndef EE_BASE_BYTES_H
#define EE_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* Borrowed: whoever made it owns the memory and outlives the user. */
struct ee_bytes {
    const uint8_t *p;
    size_t n;
};

#define EE_KEY_BYTES     32 /* DEK, KEK, name secret S, CMK */
#define EE_TAG_BYTES     16 /* AEAD tags */
#define EE_MAC_BYTES     32 /* HMAC-SHA-256 */
#define EE_KEY_ID_BYTES  8
#define EE_INDEX_BYTES   16
#define EE_WRAPPED_BYTES (EE_KEY_BYTES + EE_TAG_BYTES)

static inline struct ee_bytes ee_bytes(const void *p, size_t n)
{
    return (struct ee_bytes){(const uint8_t *)p, n};
}

#endif
