/* SPDX-License-Identifier: MIT
 *
 * pubkey.c: judges a key, and chooses between RSA and X25519.
 */
#include "crypto/pubkey.h"

#include "base/secret.h"
#include "crypto/ossl.h"
#include "crypto/rsa.h"

#include <sodium.h>
#include <string.h>

#define HASH_BYTES     32
#define EXPONENT_BYTES 8
#define EXPONENT_MIN   65537

/* A whole box: SHA-256(label), message */
#define BOX_MAX (HASH_BYTES + EE_PUBKEY_MESSAGE_MAX)

_Static_assert(EE_PUBKEY_SEALED_MAX >= EE_RSA_BYTES_MAX, "of RSA");
_Static_assert(EE_PUBKEY_SEALED_MAX >= BOX_MAX + crypto_box_SEALBYTES,
               "of a box");
_Static_assert(EE_X25519_BYTES == crypto_box_PUBLICKEYBYTES, "X25519");
_Static_assert(EE_X25519_BYTES == crypto_box_SECRETKEYBYTES, "X25519");

struct ee_pubkey_secret {
    bool live;
    uint8_t scalar[EE_X25519_BYTES]; /* zero for RSA */
};

/* SubjectPublicKeyInfo of X25519 (RFC 8410), before its 32 bytes */
static const uint8_t x25519_spki[] = {0x30, 0x2A, 0x30, 0x05, 0x06, 0x03,
                                      0x2B, 0x65, 0x6E, 0x03, 0x21, 0x00};

/* ---- loading ---- */

static int fail_numbers(const char *file, struct ee_error *err)
{
    return ee_fail(err, EE_CONFIG,
                   "PEM file %s is damaged: its numbers are not those of an "
                   "RSA key",
                   file);
}

/* What arithmetic needs to end, and what keeps it from being weak. */
static bool numbers_are_sound(const struct ee_key_der *d)
{
    const struct ee_bytes n = d->number[EE_RSA_N];
    const struct ee_bytes e = d->number[EE_RSA_E];
    uint64_t exponent = 0;

    for (size_t i = 0; i < e.n && e.n <= EXPONENT_BYTES; i++) {
        exponent = exponent << 8 | e.p[i];
    }
    if (exponent < EXPONENT_MIN || (exponent & 1) == 0 ||
        (n.p[n.n - 1] & 1) == 0) {
        return false;
    }
    for (int i = EE_RSA_D; d->has_private && i < EE_RSA_NUMBERS; i++) {
        const size_t most = i == EE_RSA_D ? n.n : n.n / 2 + 1;

        if (d->number[i].n == 0 || d->number[i].n > most) {
            return false;
        }
    }
    return !d->has_private ||
           ((d->number[EE_RSA_P].p[d->number[EE_RSA_P].n - 1] & 1) != 0 &&
            (d->number[EE_RSA_Q].p[d->number[EE_RSA_Q].n - 1] & 1) != 0);
}

static int load_rsa(struct ee_pubkey *k, uint8_t *der,
                    const struct ee_key_der *d, const char *file,
                    struct ee_error *err)
{
    const size_t bits = ee_rsa_bits(d->number[EE_RSA_N]);

    if (bits < EE_RSA_BITS_MIN || bits > EE_RSA_BITS_MAX) {
        return ee_fail(err, EE_CONFIG,
                       "PEM file %s holds an RSA key of %zu bits: use one of "
                       "%d to %d",
                       file, bits, EE_RSA_BITS_MIN, EE_RSA_BITS_MAX);
    }
    if (!numbers_are_sound(d)) {
        return fail_numbers(file, err);
    }
    for (int i = 0; i < EE_RSA_NUMBERS; i++) {
        if (d->number[i].n > 0) {
            ee_rsa_native(der + (d->number[i].p - der), d->number[i].n);
        }
    }
    k->rsa = ee_rsa_new(d->number, d->has_private);
    k->rsa_bytes = d->number[EE_RSA_N].n;
    if (k->rsa == NULL || ee_rsa_id(k->id, k->rsa) != 0) {
        return ee_fail(err, EE_NOMEM, "out of memory for an RSA key");
    }
    return EE_OK;
}

/* A point of small order has no secret: crypto_box_seal() refuses it. */
static int load_x25519(struct ee_pubkey *k, const struct ee_key_der *d,
                       const char *file, struct ee_error *err)
{
    crypto_hash_sha256_state state;
    uint8_t test[crypto_box_SEALBYTES];

    if (d->has_private) {
        memcpy(k->secret->scalar, d->x.p, EE_X25519_BYTES);
        (void)crypto_scalarmult_base(k->point, k->secret->scalar);
    } else {
        memcpy(k->point, d->x.p, EE_X25519_BYTES);
    }
    if (crypto_box_seal(test, NULL, 0, k->point) != 0) {
        return ee_fail(err, EE_CONFIG,
                       "PEM file %s holds an X25519 key that is none: it "
                       "seals for everybody",
                       file);
    }
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, x25519_spki, sizeof x25519_spki);
    (void)crypto_hash_sha256_update(&state, k->point, sizeof k->point);
    (void)crypto_hash_sha256_final(&state, k->id);
    return EE_OK;
}

int ee_pubkey_load(struct ee_pubkey *k, int label, uint8_t *der, size_t n,
                   const char *file, struct ee_error *err)
{
    struct ee_key_der d;
    int rc = EE_OK;

    memset(k, 0, sizeof *k);
    if (!ee_key_der_parse(&d, label, ee_bytes(der, n))) {
        return ee_fail(err, EE_CONFIG,
                       "PEM file %s is damaged: what it holds is not a key",
                       file);
    }
    if (d.algorithm == EE_PUBKEY_OTHER) {
        return ee_fail(err, EE_CONFIG,
                       "PEM file %s holds %s: use an RSA key of %d bits or "
                       "more, or an X25519 key",
                       file, d.other, EE_RSA_BITS_MIN);
    }
    k->secret = ee_cell_new();
    if (k->secret == NULL || sodium_init() < 0) {
        ee_pubkey_clear(k);
        return ee_fail(err, EE_NOMEM, "out of memory for a key");
    }
    k->secret->live = true;
    rc = d.algorithm == EE_PUBKEY_RSA ? load_rsa(k, der, &d, file, err)
                                      : load_x25519(k, &d, file, err);
    k->algorithm = d.algorithm;
    k->has_private = d.has_private;
    if (rc != EE_OK) {
        ee_pubkey_clear(k);
    }
    return rc;
}

void ee_pubkey_clear(struct ee_pubkey *k)
{
    ee_rsa_free(k->rsa);
    ee_cell_free(k->secret);
    memset(k, 0, sizeof *k);
}

bool ee_pubkey_is_live(const struct ee_pubkey *k)
{
    return k->secret != NULL && k->secret->live;
}

/* ---- sealing and opening ---- */

size_t ee_pubkey_sealed_bytes(const struct ee_pubkey *k, size_t n)
{
    return k->algorithm == EE_PUBKEY_RSA
               ? k->rsa_bytes
               : HASH_BYTES + n + crypto_box_SEALBYTES;
}

static int box_seal(const struct ee_pubkey *k, uint8_t *out,
                    struct ee_bytes label, struct ee_bytes message)
{
    uint8_t plain[BOX_MAX]; /* secret: wiped at the end */
    int rc = -1;

    (void)crypto_hash_sha256(plain, label.p, label.n);
    if (message.n > 0) {
        memcpy(plain + HASH_BYTES, message.p, message.n);
    }
    rc = crypto_box_seal(out, plain, HASH_BYTES + message.n, k->point);
    ee_wipe(plain, sizeof plain);
    return rc;
}

static int box_open(const struct ee_pubkey *k, uint8_t *out, size_t n,
                    struct ee_bytes label, struct ee_bytes sealed)
{
    uint8_t plain[BOX_MAX]; /* secret: wiped at the end */
    uint8_t expected[HASH_BYTES];
    int rc = crypto_box_seal_open(plain, sealed.p, sealed.n, k->point,
                                  k->secret->scalar);

    (void)crypto_hash_sha256(expected, label.p, label.n);
    rc = rc == 0 && ee_equal(plain, expected, sizeof expected) ? 0 : 1;
    if (rc == 0 && n > 0) {
        memcpy(out, plain + HASH_BYTES, n);
    }
    ee_wipe(plain, sizeof plain);
    return rc;
}

int ee_pubkey_seal(const struct ee_pubkey *k, uint8_t *out,
                   struct ee_bytes label, struct ee_bytes message)
{
    if (!ee_pubkey_is_live(k) || message.n > EE_PUBKEY_MESSAGE_MAX) {
        return -1;
    }
    return k->algorithm == EE_PUBKEY_RSA
               ? ee_rsa_seal(k->rsa, k->rsa_bytes, out, label, message)
               : box_seal(k, out, label, message);
}

int ee_pubkey_open(const struct ee_pubkey *k, uint8_t *out, size_t n,
                   struct ee_bytes label, struct ee_bytes sealed)
{
    ee_wipe(out, n);
    if (!ee_pubkey_is_live(k) || !k->has_private || n > EE_PUBKEY_MESSAGE_MAX ||
        sealed.n != ee_pubkey_sealed_bytes(k, n)) {
        return 1;
    }
    return k->algorithm == EE_PUBKEY_RSA
               ? ee_rsa_open(k->rsa, k->rsa_bytes, out, n, label, sealed.p)
               : box_open(k, out, n, label, sealed);
}
