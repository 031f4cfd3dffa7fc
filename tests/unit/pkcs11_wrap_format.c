/* SPDX-License-Identifier: MIT
 *
 * pkcs11_wrap_format.c: PKCS11.md section 3, byte by byte.
 */
#include "pkcs11/wrap_format.h"
#include "tap.h"

#include <string.h>

static const uint8_t id[] = {0xA1, 0xA2, 0xA3};
static uint8_t bytes[2048];

/* A wrap with this many bytes after its head. */
static struct ee_bytes wrap(int mechanism, size_t body)
{
    const size_t head =
        ee_p11_wrap_head(bytes, mechanism, ee_bytes(id, sizeof id));

    for (size_t i = 0; i < body; i++) {
        bytes[head + i] = (uint8_t)i;
    }
    return ee_bytes(bytes, head + body);
}

static void lengths(int mechanism, size_t least, size_t most)
{
    struct ee_p11_wrap w;
    int right = 1;

    for (size_t n = 0; n <= 1300; n++) {
        const bool good = ee_p11_wrap_read(&w, wrap(mechanism, n));

        right &= good == (n >= least && n <= most);
        right &= good || w.sealed.p == NULL;
    }
    ok(right, "mechanism %d: from %zu to %zu bytes after the head, no other",
       mechanism, least, most);
}

static void fields(void)
{
    const struct ee_bytes gcm = wrap(EE_P11_AES_GCM, 92);
    struct ee_p11_wrap w;

    ok(ee_p11_wrap_read(&w, gcm) && w.mechanism == EE_P11_AES_GCM &&
           w.id.n == 3 && memcmp(w.id.p, id, 3) == 0 && w.head.n == 6 &&
           w.head.p == bytes && w.iv.p == bytes + 6 && w.iv.n == 12 &&
           w.carried.n == 0 && w.sealed.p == bytes + 18 && w.sealed.n == 80,
       "AES-GCM: head, iv, sealed");
    ok(ee_p11_wrap_read(&w, wrap(EE_P11_AES_KEY_WRAP, 120)) && w.iv.n == 0 &&
           w.carried.p == bytes + 6 && w.carried.n == 40 &&
           w.sealed.p == bytes + 46 && w.sealed.n == 80,
       "key wrap: head, local key, sealed");
    ok(ee_p11_wrap_read(&w, wrap(EE_P11_RSA_OAEP_SHA256, 384 + 80)) &&
           w.carried.n == 384 && w.sealed.p == bytes + 6 + 384,
       "OAEP: head, a block of the modulus, sealed");
}

static void other_values(void)
{
    struct ee_p11_wrap w;
    int refused = 1;

    for (int v = 0; v < 256; v++) {
        (void)wrap(EE_P11_AES_GCM, 92);
        bytes[0] = (uint8_t)v;
        refused &= ee_p11_wrap_read(&w, ee_bytes(bytes, 98)) == (v == 1);
        bytes[0] = 1;
        bytes[1] = (uint8_t)v;
        refused &= ee_p11_wrap_read(&w, ee_bytes(bytes, 98)) == (v == 1);
        bytes[1] = 1;
        bytes[2] = (uint8_t)v;
        refused &= ee_p11_wrap_read(&w, ee_bytes(bytes, 98)) == (v == 3);
    }
    ok(refused, "another version, mechanism or length of the id is refused");
    memset(bytes, 0, sizeof bytes);
    bytes[0] = 1;
    bytes[1] = 1;
    bytes[2] = 65;
    ok(!ee_p11_wrap_read(&w, ee_bytes(bytes, 3 + 65 + 92)),
       "an id of 65 bytes is refused");
}

static void associated_data(void)
{
    static const uint8_t expected[] =
        "sqlite-envelope/v1/pkcs11\0\x01\x01\x03\xA1\xA2\xA3"
        "abc";
    static uint8_t longest[ENVELOPE_CONTEXT_MAX + 1];
    uint8_t aad[EE_P11_AAD_MAX];
    struct ee_p11_wrap w;
    size_t n = 0;

    (void)ee_p11_wrap_read(&w, wrap(EE_P11_AES_GCM, 92));
    n = ee_p11_wrap_aad(aad, w.head, ee_bytes("abc", 3));
    ok(n == sizeof expected - 1 && memcmp(aad, expected, n) == 0,
       "associated data: a name, 00, the head, the context");
    memset(bytes, 0, EE_P11_HEAD_MAX);
    ok(ee_p11_wrap_aad(aad, ee_bytes(bytes, EE_P11_HEAD_MAX),
                       ee_bytes(longest, ENVELOPE_CONTEXT_MAX)) ==
           EE_P11_AAD_MAX,
       "the longest head and context fit");
    ok(ee_p11_wrap_aad(aad, ee_bytes(bytes, EE_P11_HEAD_MAX),
                       ee_bytes(longest, ENVELOPE_CONTEXT_MAX + 1)) == 0,
       "a longer one does not");
}

int main(void)
{
    fields();
    lengths(EE_P11_AES_GCM, 92, 92);
    lengths(EE_P11_AES_KEY_WRAP, 120, 120);
    lengths(EE_P11_RSA_OAEP_SHA256, 256 + 80, 1024 + 80);
    lengths(EE_P11_RSA_OAEP_SHA1, 256 + 80, 1024 + 80);
    other_values();
    associated_data();
    return done();
}
