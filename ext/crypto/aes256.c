/* SPDX-License-Identifier: MIT
 *
 * aes256.c: the raw AES-256 block, FIPS 197.
 *
 * With AES instructions the schedule follows FIPS 197 section 5.2 through
 * AESKEYGENASSIST; branches and addresses never depend on the key. Without
 * them the "schedule" is the key itself and OpenSSL does the work.
 */
#include "crypto/aes256.h"

#include <sodium.h>
#include <string.h>

#if defined(__x86_64__) && !defined(EE_PORTABLE)
#define HAVE_AESNI 1
#include <immintrin.h>
#else
#define HAVE_AESNI 0
#endif

/* Asked five times for each value, so the answer is kept. */
bool ee_aes_instructions(void)
{
    static int answer; /* 0: not asked yet; else 1 or -1 */
    int a = __atomic_load_n(&answer, __ATOMIC_RELAXED);

    if (a == 0) {
        a = HAVE_AESNI && sodium_init() >= 0 &&
                    crypto_aead_aes256gcm_is_available() == 1
                ? 1
                : -1;
        __atomic_store_n(&answer, a, __ATOMIC_RELAXED);
    }
    return a > 0;
}

#if HAVE_AESNI

__attribute__((target("aes,sse2"))) static __m128i mix(__m128i key,
                                                       __m128i assist)
{
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    return _mm_xor_si128(key, assist);
}

/* The round constant must be an immediate, hence a macro. */
#define EVEN_KEY(rcon)                                                         \
    mix(even, _mm_shuffle_epi32(_mm_aeskeygenassist_si128(odd, rcon), 0xff))
#define ODD_KEY()                                                              \
    mix(odd, _mm_shuffle_epi32(_mm_aeskeygenassist_si128(even, 0), 0xaa))

__attribute__((target("aes,sse2"))) static void
expand_aesni(struct ee_aes256 *aes, const uint8_t *key)
{
    __m128i *rk = (__m128i *)aes->round_keys;
    __m128i even = _mm_loadu_si128((const __m128i *)key);
    __m128i odd = _mm_loadu_si128((const __m128i *)(key + 16));

    rk[0] = even;
    rk[1] = odd;
    rk[2] = even = EVEN_KEY(0x01);
    rk[3] = odd = ODD_KEY();
    rk[4] = even = EVEN_KEY(0x02);
    rk[5] = odd = ODD_KEY();
    rk[6] = even = EVEN_KEY(0x04);
    rk[7] = odd = ODD_KEY();
    rk[8] = even = EVEN_KEY(0x08);
    rk[9] = odd = ODD_KEY();
    rk[10] = even = EVEN_KEY(0x10);
    rk[11] = odd = ODD_KEY();
    rk[12] = even = EVEN_KEY(0x20);
    rk[13] = odd = ODD_KEY();
    rk[14] = EVEN_KEY(0x40);
}

__attribute__((target("aes,sse2"))) static void
two_blocks_aesni(const struct ee_aes256 *aes, uint8_t *out, const uint8_t *in)
{
    const __m128i *rk = (const __m128i *)aes->round_keys;
    __m128i a = _mm_loadu_si128((const __m128i *)in);
    __m128i b = _mm_loadu_si128((const __m128i *)(in + 16));

    a = _mm_xor_si128(a, rk[0]);
    b = _mm_xor_si128(b, rk[0]);
    for (int round = 1; round < 14; round++) {
        a = _mm_aesenc_si128(a, rk[round]);
        b = _mm_aesenc_si128(b, rk[round]);
    }
    a = _mm_aesenclast_si128(a, rk[14]);
    b = _mm_aesenclast_si128(b, rk[14]);
    _mm_storeu_si128((__m128i *)out, a);
    _mm_storeu_si128((__m128i *)(out + 16), b);
}

#endif

void ee_aes256_init(struct ee_aes256 *aes, const uint8_t *key)
{
#if HAVE_AESNI
    if (ee_aes_instructions()) {
        expand_aesni(aes, key);
        return;
    }
#endif
    memcpy(aes->round_keys, key, EE_KEY_BYTES);
}

int ee_aes256_two_blocks(struct ee_ossl *ossl, const struct ee_aes256 *aes,
                         uint8_t *out, const uint8_t *in)
{
#if HAVE_AESNI
    if (ee_aes_instructions()) {
        two_blocks_aesni(aes, out, in);
        return 0;
    }
#endif
    return ee_ossl_aes_blocks(ossl, out, aes->round_keys, in, 2);
}
