/* SPDX-License-Identifier: MIT
 *
 * crypto_pubkey.c: DER, X25519 of RFC 7748, and OAEP against OpenSSL's.
 * Files are provider_pem.c's.
 */
#include "base/secret.h"
#include "base/text.h"
#include "crypto/der.h"
#include "crypto/pbes2.h"
#include "crypto/pubkey.h"
#include "crypto/rsa.h"
#include "tap.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static struct ee_error err;

static size_t unhex(uint8_t *out, const char *hex)
{
    const size_t n = strlen(hex) / 2;

    if (!ee_unhex(out, n, hex, strlen(hex))) {
        abort();
    }
    return n;
}

/* ---- DER ---- */

static const struct {
    const char *hex;
    const char *number; /* NULL: refused */
    const char *what;
} integers[] = {
    {"0200", NULL, "no byte"},
    {"020100", "", "0"},
    {"02017f", "7f", "127"},
    {"020180", NULL, "a negative number"},
    {"02020080", "80", "128"},
    {"0202007f", NULL, "a zero that is not needed"},
    {"02020100", "0100", "256"},
    {"0203000080", NULL, "two zeros"},
    {"030101", NULL, "another tag"},
    {"0202 01", NULL, "a length beyond the end"},
    {"02810101", NULL, "a long form that is not needed"},
    {"0282000101", NULL, "a longer one"},
    {"02830000010 1", NULL, "a length of three bytes"},
    {"02800100 00", NULL, "an indefinite length"},
    {"", NULL, "nothing"},
    {"02", NULL, "a tag alone"},
};

static void numbers(void)
{
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        uint8_t der[32];
        uint8_t number[32];
        char text[32];
        struct ee_reader r;
        struct ee_bytes got;
        size_t at = 0;
        bool right = false;

        for (const char *p = integers[i].hex; *p != '\0'; p++) {
            if (*p != ' ') {
                text[at++] = *p;
            }
        }
        text[at] = '\0';
        r = ee_reader(ee_bytes(der, unhex(der, text)));
        got = ee_der_number(&r);
        right = integers[i].number == NULL
                    ? !ee_der_done(&r)
                    : ee_der_done(&r) &&
                          got.n == unhex(number, integers[i].number) &&
                          (got.n == 0 || memcmp(got.p, number, got.n) == 0);
        ok(right, "%s %s", integers[i].number ? "reads" : "refuses",
           integers[i].what);
    }
}

static void small_numbers(void)
{
    uint8_t der[] = {2, 8, 1, 0, 0, 0, 0, 0, 0, 0};
    struct ee_reader r = ee_reader(ee_bytes(der, sizeof der));

    ok(ee_der_small(&r) == 0 && r.bad, "2^56 is not small");
    der[1] = 7;
    r = ee_reader(ee_bytes(der, sizeof der - 1));
    ok(ee_der_small(&r) == (uint64_t)1 << 48 && ee_der_done(&r), "2^48 is");
}

static void bit_lengths(void)
{
    static const uint8_t n[] = {0x01, 0xFF, 0x80};

    ok(ee_rsa_bits(ee_bytes(n, 2)) == 9 &&
           ee_rsa_bits(ee_bytes(n + 1, 2)) == 16 &&
           ee_rsa_bits(ee_bytes(n + 2, 1)) == 8 &&
           ee_rsa_bits(ee_bytes(n, 0)) == 0,
       "bits of a modulus");
}

/* ---- PBES2 ---- */

/* PBKDF2 with HMAC-SHA-1, AES-256-CBC, and an IV of 16 bytes or of 15. */
static void encrypted_keys(void)
{
    static const char *const right =
        "3046304106092a864886f70d01050d3034"
        "301306092a864886f70d01050c30060401aa020101"
        "301d060960864801650304012a041000112233445566778899aabbccddeeff"
        "0401bb";
    static const char *const short_iv =
        "3045304006092a864886f70d01050d3033"
        "301306092a864886f70d01050c30060401aa020101"
        "301c060960864801650304012a040f00112233445566778899aabbccddee"
        "0401bb";
    uint8_t der[128];
    struct ee_pbes2 p;
    size_t n = unhex(der, right);

    ok(ee_pbes2_parse(&p, ee_bytes(der, n)) && p.iterations == 1 &&
           p.salt.n == 1 && p.iv.n == 16 && p.iv.p[15] == 0xFF &&
           p.data.n == 1 && p.key_bytes == 32 &&
           strcmp(p.digest, "SHA1") == 0 &&
           strcmp(p.cipher, "AES-256-CBC") == 0,
       "reads an encrypted key's parameters");
    n = unhex(der, short_iv);
    ok(!ee_pbes2_parse(&p, ee_bytes(der, n)) && p.cipher == NULL,
       "refuses an IV of 15 bytes");
}

/* ---- X25519: RFC 7748 sections 5.2 and 6.1 ---- */

static const struct {
    const char *scalar;
    const char *point;
    const char *shared;
} x25519[] = {
    {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
     "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
     "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
    {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
     "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
     "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
    {"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
     "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
     "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
};

static void rfc7748(void)
{
    for (size_t i = 0; i < sizeof x25519 / sizeof *x25519; i++) {
        uint8_t scalar[32];
        uint8_t point[32];
        uint8_t expected[32];
        uint8_t shared[32];

        (void)unhex(scalar, x25519[i].scalar);
        (void)unhex(point, x25519[i].point);
        (void)unhex(expected, x25519[i].shared);
        ok(crypto_scalarmult(shared, scalar, point) == 0 &&
               memcmp(shared, expected, sizeof shared) == 0,
           "RFC 7748 sections 5.2 and 6.1, vector %zu", i + 1);
    }
}

/* The key pair of section 6.1, in the DER of RFC 8410. */
static void loads_x25519(void)
{
    uint8_t secret[64] = {0}; /* all of it is sealed below */
    uint8_t point[64];
    uint8_t expected[32];
    uint8_t sealed[144];
    uint8_t out[64];
    struct ee_pubkey a;
    struct ee_pubkey b;
    const size_t secret_n = unhex(secret, "302e020100300506032b656e04220420"
                                          "77076d0a7318a57d3c16c17251b26645"
                                          "df4c2f87ebc0992ab177fba51db92c2a");
    const size_t point_n = unhex(point, "302a300506032b656e032100"
                                        "8520f0098930a754748b7ddcb43ef75a"
                                        "0dbf3a0d26381af4eba4a98eaa9b4e6a");

    (void)EVP_Digest(point, point_n, expected, NULL, EVP_sha256(), NULL);
    ok(ee_pubkey_load(&a, EE_PEM_PRIVATE, secret, secret_n, "a", &err) ==
               EE_OK &&
           a.has_private && memcmp(a.point, point + 12, 32) == 0,
       "the public half of a private key");
    ok(ee_pubkey_load(&b, EE_PEM_PUBLIC, point, point_n, "b", &err) == EE_OK &&
           !b.has_private && memcmp(a.id, b.id, 32) == 0 &&
           memcmp(a.id, expected, 32) == 0,
       "both halves have one id, SHA-256 of the public one");
    ok(ee_pubkey_sealed_bytes(&b, 64) == sizeof sealed &&
           ee_pubkey_seal(&b, sealed, ee_bytes("x", 1), ee_bytes(secret, 64)) ==
               0 &&
           ee_pubkey_open(&a, out, 64, ee_bytes("x", 1),
                          ee_bytes(sealed, sizeof sealed)) == 0 &&
           memcmp(out, secret, 64) == 0,
       "what the public half seals, the private one opens");
    ok(ee_pubkey_open(&b, out, 64, ee_bytes("x", 1),
                      ee_bytes(sealed, sizeof sealed)) != 0 &&
           ee_is_zero(out, sizeof out),
       "and the public one does not");
    ee_pubkey_clear(&a);
    ee_pubkey_clear(&b);
    ee_pubkey_clear(&b);
    ok(!ee_pubkey_is_live(&b), "a key that was cleared is empty");
}

/* ---- RSA: what we seal OpenSSL opens, and the other way round ---- */

static EVP_PKEY_CTX *oaep(EVP_PKEY *key, bool decrypts, const char *label)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    const size_t n = strlen(label);

    if (ctx == NULL ||
        (decrypts ? EVP_PKEY_decrypt_init(ctx) : EVP_PKEY_encrypt_init(ctx)) !=
            1 ||
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, "SHA256", NULL) != 1 ||
        EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_memdup(label, n),
                                         (int)n) != 1) {
        abort();
    }
    return ctx;
}

/* RSA without padding, by OpenSSL. */
static void raw(EVP_PKEY *key, bool decrypts, uint8_t *out, const uint8_t *in,
                size_t n)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    size_t size = n;

    if (ctx == NULL ||
        (decrypts ? EVP_PKEY_decrypt_init(ctx) : EVP_PKEY_encrypt_init(ctx)) !=
            1 ||
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1 ||
        (decrypts ? EVP_PKEY_decrypt(ctx, out, &size, in, n)
                  : EVP_PKEY_encrypt(ctx, out, &size, in, n)) != 1) {
        abort();
    }
    EVP_PKEY_CTX_free(ctx);
}

/* A padded message whose first byte is 1 (Manger's oracle), and ciphertexts
 * that are no number below the modulus. */
static void first_byte(EVP_PKEY *theirs, const struct ee_pubkey *ours)
{
    const struct ee_bytes label = ee_bytes("a label", 7);
    const size_t k = ours->rsa_bytes;
    uint8_t sealed[EE_RSA_BYTES_MAX];
    uint8_t em[EE_RSA_BYTES_MAX];
    uint8_t out[4];

    if (ee_rsa_seal(ours->rsa, k, sealed, label, ee_bytes("text", 4)) != 0) {
        abort();
    }
    raw(theirs, true, em, sealed, k);
    raw(theirs, false, sealed, em, k);
    ok(ee_rsa_open(ours->rsa, k, out, 4, label, sealed) == 0,
       "a padded message that was sealed anew opens");
    em[0] = 1;
    raw(theirs, false, sealed, em, k);
    ok(ee_rsa_open(ours->rsa, k, out, 4, label, sealed) == 1 &&
           ee_is_zero(out, sizeof out),
       "but not when its first byte is 1");
    memset(sealed, 0xFF, k);
    ok(ee_rsa_open(ours->rsa, k, out, 4, label, sealed) == 1,
       "a ciphertext above the modulus is not authentic");
}

/* Of every length that there is room for, 0 too. */
static void agrees_with_openssl(void)
{
    enum { K = 384, MOST = K - 66 };
    static uint8_t message[MOST + 1];
    uint8_t sealed[K];
    uint8_t out[K];
    EVP_PKEY *theirs = EVP_RSA_gen(K * 8);
    struct ee_bytes label = ee_bytes("a label", 7);
    struct ee_pubkey ours;
    unsigned char *der = NULL;
    int n = i2d_PrivateKey(theirs, &der);
    size_t good[2] = {0, 0};
    size_t rounds = 0;

    if (ee_pubkey_load(&ours, EE_PEM_RSA_PRIVATE, der, (size_t)n, "it", &err) !=
        EE_OK) {
        abort();
    }
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] = (uint8_t)(i * 7);
    }
    for (size_t size = 0; size <= MOST; size += 53, rounds++) {
        EVP_PKEY_CTX *ctx = oaep(theirs, true, "a label");
        size_t length = sizeof out;

        good[0] += ee_rsa_seal(ours.rsa, K, sealed, label,
                               ee_bytes(message, size)) == 0 &&
                   EVP_PKEY_decrypt(ctx, out, &length, sealed, K) == 1 &&
                   length == size && memcmp(out, message, size) == 0;
        EVP_PKEY_CTX_free(ctx);
        ctx = oaep(theirs, false, "a label");
        length = sizeof sealed;
        good[1] += EVP_PKEY_encrypt(ctx, sealed, &length, message, size) == 1 &&
                   ee_rsa_open(ours.rsa, K, out, size, label, sealed) == 0 &&
                   memcmp(out, message, size) == 0;
        EVP_PKEY_CTX_free(ctx);
    }
    ok(good[0] == rounds, "OpenSSL opens what we seal: %zu", good[0]);
    ok(good[1] == rounds, "we open what OpenSSL seals: %zu", good[1]);
    ok(ee_rsa_seal(ours.rsa, K, sealed, label, ee_bytes(message, MOST + 1)) !=
               0 &&
           ee_rsa_open(ours.rsa, K, out, MOST + 1, label, sealed) != 0,
       "a message that is too long is refused");
    first_byte(theirs, &ours);
    ee_pubkey_clear(&ours);
    OPENSSL_free(der);
    EVP_PKEY_free(theirs);
}

int main(void)
{
    struct ee_arena_report arena;

    if (sodium_init() < 0) {
        return 1;
    }
    numbers();
    small_numbers();
    bit_lengths();
    encrypted_keys();
    rfc7748();
    loads_x25519();
    agrees_with_openssl();
    ee_arena_report(&arena);
    ok(arena.cells_used == 0, "every arena cell was given back");
    return done();
}
