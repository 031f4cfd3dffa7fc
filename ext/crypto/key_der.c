/* SPDX-License-Identifier: MIT
 *
 * key_der.c: SubjectPublicKeyInfo (RFC 5280), PKCS#8 (RFC 5958), PKCS#1 (RFC
 * 8017 appendix A.1) and X25519 (RFC 8410).
 */
#include "crypto/key_der.h"

#include "base/secret.h"
#include "crypto/der.h"

#include <string.h>

#define X25519_BYTES 32

static const struct oid {
    const char *name;
    int algorithm;
    uint8_t n;
    uint8_t bytes[9];
} oids[] = {
    {"an RSA key",
     EE_PUBKEY_RSA,
     9,
     {0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 1, 1, 1}},
    {"an X25519 key", EE_PUBKEY_X25519, 3, {0x2B, 0x65, 0x6E}},
    {"an RSA-PSS key", 0, 9, {0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 1, 1, 10}},
    {"a Diffie-Hellman key", 0, 9, {0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 1, 3, 1}},
    {"a DSA key", 0, 7, {0x2A, 0x86, 0x48, 0xCE, 0x38, 4, 1}},
    {"an EC key", 0, 7, {0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1}},
    {"an X448 key", 0, 3, {0x2B, 0x65, 0x6F}},
    {"an Ed25519 key", 0, 3, {0x2B, 0x65, 0x70}},
    {"an Ed448 key", 0, 3, {0x2B, 0x65, 0x71}},
};

/* AlgorithmIdentifier. Parameters: NULL or none for RSA, none for X25519. */
static void read_algorithm(struct ee_key_der *k, struct ee_reader *r)
{
    struct ee_reader seq = ee_der_enter(r);
    struct ee_bytes oid = ee_der_read(&seq, EE_DER_OID);

    k->algorithm = EE_PUBKEY_OTHER;
    k->other = "a key of another kind";
    for (size_t i = 0; i < sizeof oids / sizeof *oids; i++) {
        if (oid.n == oids[i].n && ee_equal(oid.p, oids[i].bytes, oid.n)) {
            k->algorithm = oids[i].algorithm;
            k->other = oids[i].name;
        }
    }
    if (k->algorithm == EE_PUBKEY_RSA && ee_der_next_is(&seq, EE_DER_NULL)) {
        (void)ee_der_read(&seq, EE_DER_NULL);
    }
    if (k->algorithm != EE_PUBKEY_OTHER && !ee_der_done(&seq)) {
        seq.bad = true;
    }
    r->bad = r->bad || seq.bad;
}

static bool read_numbers(struct ee_key_der *k, struct ee_reader *r, int count)
{
    for (int i = 0; i < count; i++) {
        k->number[i] = ee_der_number(r);
    }
    return ee_der_done(r);
}

/* RSAPublicKey */
static bool rsa_public(struct ee_key_der *k, struct ee_bytes der)
{
    struct ee_reader r = ee_reader(der);
    struct ee_reader seq = ee_der_enter(&r);

    k->algorithm = EE_PUBKEY_RSA;
    return ee_der_done(&r) && read_numbers(k, &seq, EE_RSA_D);
}

/* RSAPrivateKey; version 0: of two primes */
static bool rsa_private(struct ee_key_der *k, struct ee_bytes der)
{
    struct ee_reader r = ee_reader(der);
    struct ee_reader seq = ee_der_enter(&r);
    bool two_primes = ee_der_small(&seq) == 0;

    k->algorithm = EE_PUBKEY_RSA;
    k->has_private = true;
    return ee_der_done(&r) && two_primes &&
           read_numbers(k, &seq, EE_RSA_NUMBERS);
}

static bool x25519(struct ee_key_der *k, struct ee_bytes bytes)
{
    k->x = bytes;
    return bytes.n == X25519_BYTES;
}

static bool spki(struct ee_key_der *k, struct ee_bytes der)
{
    struct ee_reader r = ee_reader(der);
    struct ee_reader seq = ee_der_enter(&r);
    struct ee_bytes bits;

    read_algorithm(k, &seq);
    bits = ee_der_read(&seq, EE_DER_BITS);
    if (!ee_der_done(&r) || !ee_der_done(&seq) || bits.n == 0 ||
        bits.p[0] != 0) { /* bits that are not used */
        return false;
    }
    bits = ee_bytes(bits.p + 1, bits.n - 1);
    switch (k->algorithm) {
    case EE_PUBKEY_RSA:
        return rsa_public(k, bits);
    case EE_PUBKEY_X25519:
        return x25519(k, bits);
    default:
        return true;
    }
}

/* Attributes and a public key may follow: what they say is not used. */
static bool pkcs8(struct ee_key_der *k, struct ee_bytes der)
{
    struct ee_reader r = ee_reader(der);
    struct ee_reader seq = ee_der_enter(&r);
    uint64_t version = ee_der_small(&seq);
    struct ee_reader inner;
    struct ee_bytes key;

    read_algorithm(k, &seq);
    key = ee_der_read(&seq, EE_DER_OCTETS);
    k->has_private = true;
    if (!ee_der_done(&r) || seq.bad || version > 1) {
        return false;
    }
    switch (k->algorithm) {
    case EE_PUBKEY_RSA:
        return rsa_private(k, key);
    case EE_PUBKEY_X25519:
        inner = ee_reader(key);
        key = ee_der_read(&inner, EE_DER_OCTETS);
        return ee_der_done(&inner) && x25519(k, key);
    default:
        return true;
    }
}

static bool parse(struct ee_key_der *k, int label, struct ee_bytes der)
{
    switch (label) {
    case EE_PEM_PUBLIC:
        return spki(k, der);
    case EE_PEM_RSA_PUBLIC:
        return rsa_public(k, der);
    case EE_PEM_PRIVATE:
        return pkcs8(k, der);
    case EE_PEM_RSA_PRIVATE:
        return rsa_private(k, der);
    default:
        return false;
    }
}

bool ee_key_der_parse(struct ee_key_der *out, int label, struct ee_bytes der)
{
    struct ee_key_der k;
    bool good = false;

    memset(&k, 0, sizeof k);
    memset(out, 0, sizeof *out);
    good = parse(&k, label, der);
    if (good) {
        *out = k;
    }
    return good;
}
