/* SPDX-License-Identifier: MIT
 *
 * kdf.c: HMAC-SHA-256 and the labelled key derivation, FORMAT section 3.
 *
 * SHA-256 is OpenSSL's, which uses the CPU's SHA instructions; libsodium's does
 * not and takes several times as long, and a key of a data subject costs one
 * derivation for a row. The calls are the old ones, deprecated but there,
 * because their state is a struct on our stack, which we wipe: an EVP context
 * is heap memory, and would keep the key.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init() and so on */
#include "crypto/kdf.h"

#include "base/secret.h"

#include <openssl/sha.h>
#include <string.h>

#define BLOCK_BYTES 64
#define INNER_PAD   0x36
#define OUTER_PAD   0x5c

/* RFC 2104. Secret: hmac_final() wipes it. */
struct hmac {
    SHA256_CTX sha;
    uint8_t block[BLOCK_BYTES]; /* the key, padded */
};

static void hmac_init(struct hmac *h, const uint8_t *key)
{
    memset(h->block, INNER_PAD, sizeof h->block);
    for (int i = 0; i < EE_KEY_BYTES; i++) {
        h->block[i] ^= key[i];
    }
    (void)SHA256_Init(&h->sha);
    (void)SHA256_Update(&h->sha, h->block, sizeof h->block);
}

static void hmac_update(struct hmac *h, const void *p, size_t n)
{
    (void)SHA256_Update(&h->sha, p, n);
}

static void hmac_final(struct hmac *h, uint8_t *out)
{
    uint8_t inner[EE_MAC_BYTES]; /* secret: wiped below */

    (void)SHA256_Final(inner, &h->sha);
    for (int i = 0; i < BLOCK_BYTES; i++) {
        h->block[i] ^= INNER_PAD ^ OUTER_PAD;
    }
    (void)SHA256_Init(&h->sha);
    (void)SHA256_Update(&h->sha, h->block, sizeof h->block);
    (void)SHA256_Update(&h->sha, inner, sizeof inner);
    (void)SHA256_Final(out, &h->sha);
    ee_wipe(inner, sizeof inner);
    ee_wipe(h, sizeof *h);
}

void ee_hmac_two(uint8_t *out, const uint8_t *key, struct ee_bytes first,
                 struct ee_bytes second)
{
    struct hmac h; /* secret: wiped by hmac_final() */

    hmac_init(&h, key);
    hmac_update(&h, first.p, first.n);
    hmac_update(&h, second.p, second.n);
    hmac_final(&h, out);
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
    struct hmac h; /* secret: wiped by hmac_final() */

    hmac_init(&h, key);
    hmac_update(&h, counter, sizeof counter);
    hmac_update(&h, prefix, sizeof prefix - 1);
    /* the label's own NUL is the separator 00 */
    hmac_update(&h, label, strlen(label) + 1);
    hmac_update(&h, context.p, context.n);
    hmac_update(&h, bits, sizeof bits);
    hmac_final(&h, out);
}
