/* SPDX-License-Identifier: MIT
 *
 * limit.c: seal, open and rewrap with nothing around the primitives.
 */
#include "limit.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#include <x86intrin.h>
#define AES_CODE __attribute__((target("aes,sse2")))
#endif

enum {
    KEY_ID = 5, /* FORMAT section 1, flags 00 */
    WRAPPED = 13,
    DATA = 61,
    COMMIT = 32,
    TAG = 16,
    KEY = 32,
    HEDGE_END = 128, /* the hedge hashes both ends of a value */
    AAD_MAX = 9 + 9 + 64 + 9 + 8,
    HEDGE_HEAD = 8 + 8 + 1
};

static const uint8_t prefix[] = {0xFE, 0x45, 1, 1, 0};
static const uint8_t zero_nonce[12];

/* --- AES-256 --------------------------------------------------------------*/

#if defined(__x86_64__)

AES_CODE static __m128i mix(__m128i key, __m128i assist)
{
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    return _mm_xor_si128(key, assist);
}

#define NEXT_TWO(i, rcon)                                                      \
    rk[i] = mix(                                                               \
        rk[(i)-2],                                                             \
        _mm_shuffle_epi32(_mm_aeskeygenassist_si128(rk[(i)-1], rcon), 0xff));  \
    rk[(i) + 1] =                                                              \
        mix(rk[(i)-1],                                                         \
            _mm_shuffle_epi32(_mm_aeskeygenassist_si128(rk[i], 0), 0xaa))

AES_CODE static void expand(uint8_t *schedule, const uint8_t *key)
{
    __m128i *rk = (__m128i *)schedule;

    rk[0] = _mm_loadu_si128((const __m128i *)key);
    rk[1] = _mm_loadu_si128((const __m128i *)(key + 16));
    NEXT_TWO(2, 0x01);
    NEXT_TWO(4, 0x02);
    NEXT_TWO(6, 0x04);
    NEXT_TWO(8, 0x08);
    NEXT_TWO(10, 0x10);
    NEXT_TWO(12, 0x20);
    rk[14] =
        mix(rk[12],
            _mm_shuffle_epi32(_mm_aeskeygenassist_si128(rk[13], 0x40), 0xff));
}

AES_CODE static void two_blocks(const uint8_t *schedule, uint8_t *out,
                                const uint8_t *in)
{
    const __m128i *rk = (const __m128i *)schedule;
    __m128i a = _mm_loadu_si128((const __m128i *)in);
    __m128i b = _mm_loadu_si128((const __m128i *)(in + 16));

    a = _mm_xor_si128(a, rk[0]);
    b = _mm_xor_si128(b, rk[0]);
    for (int i = 1; i < 14; i++) {
        a = _mm_aesenc_si128(a, rk[i]);
        b = _mm_aesenc_si128(b, rk[i]);
    }
    _mm_storeu_si128((__m128i *)out, _mm_aesenclast_si128(a, rk[14]));
    _mm_storeu_si128((__m128i *)(out + 16), _mm_aesenclast_si128(b, rk[14]));
}

static uint64_t time_stamp(void)
{
    return __rdtsc();
}

bool limit_available(void)
{
    return sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() == 1;
}

#else

static void expand(uint8_t *schedule, const uint8_t *key)
{
    memcpy(schedule, key, KEY);
}

static void two_blocks(const uint8_t *schedule, uint8_t *out, const uint8_t *in)
{
    (void)schedule;
    memmove(out, in, 32);
}

static uint64_t time_stamp(void)
{
    return 0;
}

bool limit_available(void)
{
    return false;
}

#endif

static void wipe(void *p, size_t n)
{
    memset(p, 0, n);
    __asm__ __volatile__("" : : "r"(p) : "memory");
}

/* --- keys -----------------------------------------------------------------*/

/* FORMAT section 3, for suite 01. */
static void kdf(uint8_t *out, const uint8_t *key, const char *label)
{
    uint8_t m[64] = {0, 0, 0, 1};
    size_t n = 4;

    memcpy(m + n, "sqlite-envelope/v1/", 19);
    n += 19;
    memcpy(m + n, label, strlen(label) + 1);
    n += strlen(label) + 1;
    memcpy(m + n, "\x01\x00\x00\x01\x00", 5); /* ctx, then 256 bits */
    n += 5;
    (void)crypto_auth_hmacsha256(out, m, n, key);
}

void limit_key_init(struct limit_key *k, const uint8_t *kek)
{
    uint8_t t[KEY] = {0};

    kdf(t, kek, "kek-id");
    memcpy(k->key_id, t, sizeof k->key_id);
    kdf(t, kek, "kek-wrap");
    expand(k->round_keys, t);
    memset(t, 0, sizeof t);
    two_blocks(k->round_keys, t, t);
    for (int i = 0; i < 15; i++) {
        k->k1[i] = (uint8_t)(t[i] << 1 | t[i + 1] >> 7);
    }
    k->k1[15] = (uint8_t)(t[15] << 1 ^ (0x87 & (0 - (t[0] >> 7))));
}

void limit_init(struct limit *l, bool openssl)
{
    uint8_t key[KEY];

    memset(l, 0, sizeof *l);
    if (openssl) {
        l->gcm = EVP_CIPHER_CTX_new();
        (void)EVP_EncryptInit_ex2(l->gcm, EVP_aes_256_gcm(), NULL, NULL, NULL);
    }
    randombytes_buf(key, sizeof key);
    expand(l->hedge_schedule, key);
    randombytes_buf(l->hedge_key, sizeof l->hedge_key);
    randombytes_buf(l->pool, KEY);
}

void limit_clear(struct limit *l)
{
    EVP_CIPHER_CTX_free(l->gcm);
    wipe(l, sizeof *l);
}

/* --- the primitives -------------------------------------------------------*/

static void random_key(struct limit *l, uint8_t *out)
{
    uint8_t key[KEY];
    uint8_t *p = NULL;

    if (l->left == 0) {
        memcpy(key, l->pool, KEY);
        (void)crypto_stream_chacha20_ietf(l->pool, sizeof l->pool, zero_nonce,
                                          key);
        l->left = LIMIT_POOL;
    }
    l->left -= KEY;
    p = l->pool + KEY + l->left;
    memcpy(out, p, KEY);
    wipe(p, KEY);
}

/* dek ^= AES(h), AES(h ^ 1) with h = SipHash-2-4-128(input) */
static void hedge(const struct limit *l, uint8_t *dek, const uint8_t *in,
                  size_t n)
{
    uint8_t h[32];

    (void)crypto_shorthash_siphashx24(h, in, n, l->hedge_key);
    memcpy(h + 16, h, 16);
    h[16] ^= 1;
    two_blocks(l->hedge_schedule, h, h);
    for (int i = 0; i < KEY; i++) {
        dek[i] ^= h[i];
    }
    wipe(h, sizeof h);
}

static void xaes_key(const struct limit_key *k, uint8_t *kx, const uint8_t *n)
{
    uint8_t m[32] = {0, 1, 0x58, 0};

    memcpy(m + 4, n, 12);
    memcpy(m + 16, m, 16);
    m[17] = 2;
    for (int i = 0; i < 16; i++) {
        m[i] ^= k->k1[i];
        m[16 + i] ^= k->k1[i];
    }
    two_blocks(k->round_keys, kx, m);
}

/* W from the header and C that already stand in blob. */
static void wrap(const struct limit_key *k, uint8_t *blob, const uint8_t *dek)
{
    uint8_t kx[KEY];

    memcpy(blob + KEY_ID, k->key_id, 8);
    xaes_key(k, kx, blob + DATA);
    (void)crypto_aead_aes256gcm_encrypt(blob + WRAPPED, NULL, dek, KEY, blob,
                                        WRAPPED, NULL, blob + DATA + 12, kx);
    wipe(kx, sizeof kx);
}

static bool unwrap(const struct limit_key *k, uint8_t *dek, const uint8_t *blob)
{
    uint8_t kx[KEY];
    int rc = 0;

    xaes_key(k, kx, blob + DATA);
    rc = crypto_aead_aes256gcm_decrypt(dek, NULL, NULL, blob + WRAPPED,
                                       KEY + TAG, blob, WRAPPED,
                                       blob + DATA + 12, kx);
    wipe(kx, sizeof kx);
    return rc == 0;
}

static uint8_t *put_u64(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
    return p + 8;
}

/* A of FORMAT section 5. Returns its length. */
static size_t associated_data(uint8_t *a, const char *scope, size_t scope_n,
                              int64_t id)
{
    uint8_t *p = a;

    memcpy(p, "\xFE\x45\x01\x01\x00\x00\x00\x00\x02\x03", 10);
    p = put_u64(p + 10, scope_n);
    memcpy(p, scope, scope_n);
    p += scope_n;
    *p = 1;
    p = put_u64(p + 1, 8);
    p = put_u64(p, (uint64_t)id);
    return (size_t)(p - a);
}

/* What a nonce of zeros and a key used once make of P; without a copy. */
static void openssl_seal(const struct limit *l, uint8_t *c,
                         const uint8_t *value, size_t n, const uint8_t *aad,
                         size_t aad_n, const uint8_t *dek)
{
    const uint8_t head[COMMIT + 1] = {[COMMIT] = 3};
    int len = 0;

    (void)EVP_EncryptInit_ex2(l->gcm, NULL, dek, zero_nonce, NULL);
    (void)EVP_EncryptUpdate(l->gcm, NULL, &len, aad, (int)aad_n);
    (void)EVP_EncryptUpdate(l->gcm, c, &len, head, sizeof head);
    (void)EVP_EncryptUpdate(l->gcm, c + sizeof head, &len, value, (int)n);
    (void)EVP_EncryptFinal_ex(l->gcm, c, &len);
    (void)EVP_CIPHER_CTX_ctrl(l->gcm, EVP_CTRL_AEAD_GET_TAG, TAG,
                              c + sizeof head + n);
}

static void sodium_seal(uint8_t *c, const uint8_t *value, size_t n,
                        const uint8_t *aad, size_t aad_n, const uint8_t *dek)
{
    memset(c, 0, COMMIT);
    c[COMMIT] = 3;
    memcpy(c + COMMIT + 1, value, n);
    (void)crypto_aead_aes256gcm_encrypt(c, NULL, c, COMMIT + 1 + n, aad, aad_n,
                                        NULL, zero_nonce, dek);
}

static bool openssl_open(const struct limit *l, uint8_t *p, const uint8_t *data,
                         size_t n, const uint8_t *aad, size_t aad_n,
                         const uint8_t *dek)
{
    uint8_t tag[TAG];
    int len = 0;

    memcpy(tag, data + n - TAG, TAG);
    (void)EVP_DecryptInit_ex2(l->gcm, NULL, dek, zero_nonce, NULL);
    (void)EVP_DecryptUpdate(l->gcm, NULL, &len, aad, (int)aad_n);
    (void)EVP_DecryptUpdate(l->gcm, p, &len, data, (int)(n - TAG));
    (void)EVP_CIPHER_CTX_ctrl(l->gcm, EVP_CTRL_AEAD_SET_TAG, TAG, tag);
    return EVP_DecryptFinal_ex(l->gcm, tag, &len) == 1;
}

static bool data_open(const struct limit *l, uint8_t *p, const uint8_t *data,
                      size_t n, const uint8_t *aad, size_t aad_n,
                      const uint8_t *dek)
{
    if (l->gcm != NULL) {
        return openssl_open(l, p, data, n, aad, aad_n, dek);
    }
    return crypto_aead_aes256gcm_decrypt(p, NULL, NULL, data, n, aad, aad_n,
                                         zero_nonce, dek) == 0;
}

/* --- the operations -------------------------------------------------------*/

void limit_seal(struct limit *l, const struct limit_key *k, uint8_t *out,
                const uint8_t *value, size_t n, const char *scope,
                size_t scope_n, int64_t id)
{
    uint8_t in[HEDGE_HEAD + 2 * HEDGE_END + AAD_MAX];
    uint8_t dek[KEY];
    const size_t first = n < HEDGE_END ? n : HEDGE_END;
    const size_t last = n - first < HEDGE_END ? n - first : HEDGE_END;
    const size_t head = HEDGE_HEAD + first + last;
    const size_t aad_n = associated_data(in + head, scope, scope_n, id);
    const uint64_t stamp = time_stamp();

    memcpy(in, &stamp, 8);
    memcpy(in + 8, &n, 8);
    in[16] = 3;
    memcpy(in + HEDGE_HEAD, value, first);
    memcpy(in + HEDGE_HEAD + first, value + n - last, last);
    random_key(l, dek);
    hedge(l, dek, in, head + aad_n);
    wipe(in, head);

    memcpy(out, prefix, sizeof prefix);
    if (l->gcm != NULL) {
        openssl_seal(l, out + DATA, value, n, in + head, aad_n, dek);
    } else {
        sodium_seal(out + DATA, value, n, in + head, aad_n, dek);
    }
    wrap(k, out, dek);
    wipe(dek, sizeof dek);
}

bool limit_open(const struct limit *l, const struct limit_key *k, uint8_t *p,
                const uint8_t *blob, size_t blob_n, const char *scope,
                size_t scope_n, int64_t id)
{
    uint8_t aad[AAD_MAX];
    uint8_t dek[KEY];
    const size_t aad_n = associated_data(aad, scope, scope_n, id);
    bool ok = unwrap(k, dek, blob) &&
              data_open(l, p, blob + DATA, blob_n - DATA, aad, aad_n, dek) &&
              sodium_is_zero(p, COMMIT) == 1;

    wipe(dek, sizeof dek);
    return ok;
}

bool limit_rewrap(const struct limit_key *from, const struct limit_key *to,
                  uint8_t *blob)
{
    alignas(16) uint8_t schedule[15 * 16];
    uint8_t counters[32] = {[15] = 2, [31] = 3};
    uint8_t dek[KEY];
    bool ok = unwrap(from, dek, blob);

    if (ok) {
        expand(schedule, dek); /* FORMAT R22 */
        two_blocks(schedule, counters, counters);
        wipe(schedule, sizeof schedule);
        ok = sodium_memcmp(counters, blob + DATA, COMMIT) == 0;
    }
    if (ok) {
        wrap(to, blob, dek);
    }
    wipe(dek, sizeof dek);
    return ok;
}
