/* SPDX-License-Identifier: MIT
 *
 * key_der.h: the RSA or X25519 key in a PEM block, as borrowed bytes.
 *
 * Structure only: sizes and numbers are judged by crypto/pubkey.c.
 */
#ifndef EE_CRYPTO_KEY_DER_H
#define EE_CRYPTO_KEY_DER_H

#include "crypto/pem.h"

enum ee_pubkey_algorithm { /* as stored in a wrap */
                           EE_PUBKEY_OTHER = 0,
                           EE_PUBKEY_RSA = 1,
                           EE_PUBKEY_X25519 = 2
};

/* The numbers of an RSA key in PKCS#1's order, big-endian. */
enum ee_rsa_number {
    EE_RSA_N,
    EE_RSA_E,
    EE_RSA_D,
    EE_RSA_P,
    EE_RSA_Q,
    EE_RSA_DP,
    EE_RSA_DQ,
    EE_RSA_QI,
    EE_RSA_NUMBERS
};

struct ee_key_der {
    int algorithm;     /* enum ee_pubkey_algorithm */
    const char *other; /* "an EC key"; when it is EE_PUBKEY_OTHER */
    bool has_private;
    struct ee_bytes number[EE_RSA_NUMBERS]; /* RSA; secret from D on */
    struct ee_bytes x; /* X25519: 32 bytes, the point or the secret scalar */
};

/* False when der is not what the label says. Borrows from der. Not for
 * EE_PEM_ENCRYPTED. */
bool ee_key_der_parse(struct ee_key_der *out, int label, struct ee_bytes der);

#endif
