/* SPDX-License-Identifier: MIT
 *
 * crypto_eval.c: computes what it is asked on standard input, one line each,
 * so that tests in other languages can reach the functions of ext/crypto.
 *
 *     seal CIPHER KEY NONCE AAD MESSAGE    prints what is sealed
 *     open CIPHER KEY NONCE AAD SEALED     prints the message, or `refused`
 *     hmac KEY MESSAGE                     prints the tag
 *     kdf KEY LABEL CONTEXT                prints the key; LABEL is a word
 *     oaep PKCS8 LENGTH LABEL SEALED       prints the message, or `refused`;
 *                                          RSA, by ee_rsa_open()
 *     x25519 SECRET POINT                  prints what is shared, or `refused`,
 *                                          by the call under libsodium's box
 *
 * Bytes are hexadecimal, `-` when there are none. CIPHER is one of
 *
 *     gcm           ee_gcm_seal(), ee_gcm_open()
 *     gcm-openssl   ee_ossl_gcm_seal(), ee_ossl_gcm_open()
 *     xaes          the wrap of suite 01
 *     xchacha       the wrap of suite 02
 *     chacha        libsodium's call under suite 02, which fixes the nonce
 *
 * What it does not understand ends it with status 2.
 */
#include "base/text.h"
#include "crypto/gcm.h"
#include "crypto/kdf.h"
#include "crypto/pubkey.h"
#include "crypto/rsa.h"
#include "crypto/suite.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8

static struct ee_ossl ossl;

static _Noreturn void stop(const char *why)
{
    (void)fprintf(stderr, "crypto_eval: %s\n", why);
    exit(2);
}

static void *need(void *p)
{
    if (p == NULL) {
        stop("out of memory");
    }
    return p;
}

/* The caller frees; never NULL, so that bytes of length 0 are that. */
static struct ee_bytes unhex(const char *word)
{
    const size_t n = strcmp(word, "-") == 0 ? 0 : strlen(word) / 2;
    uint8_t *out = need(malloc(n > 0 ? n : 1));

    if (n > 0 && !ee_unhex(out, n, word, strlen(word))) {
        stop("not hexadecimal");
    }
    return ee_bytes(out, n);
}

static void drop(struct ee_bytes b)
{
    free((void *)b.p);
}

static void print(struct ee_bytes b)
{
    char *text = need(malloc(2 * b.n + 1));

    ee_hex(text, b);
    (void)printf("%s\n", b.n > 0 ? text : "-");
    free(text);
}

/* ---- ciphers ---- */

struct job {
    struct ee_bytes key;
    struct ee_bytes nonce;
    struct ee_bytes aad;
    struct ee_bytes in;
};

struct cipher {
    const char *name;
    size_t nonce_bytes;
    int (*seal)(uint8_t *out, const struct job *j);
    int (*open)(uint8_t *out, const struct job *j);
};

static int gcm_seal(uint8_t *out, const struct job *j)
{
    return ee_gcm_seal(&ossl, out, j->key.p, j->nonce.p, j->aad, j->in);
}

static int gcm_open(uint8_t *out, const struct job *j)
{
    return ee_gcm_open(&ossl, out, j->key.p, j->nonce.p, j->aad, j->in);
}

static int openssl_seal(uint8_t *out, const struct job *j)
{
    return ee_ossl_gcm_seal(&ossl, out, out + j->in.n, j->key.p, j->nonce.p,
                            j->aad, j->in);
}

static int openssl_open(uint8_t *out, const struct job *j)
{
    const size_t n = j->in.n - EE_TAG_BYTES;

    return ee_ossl_gcm_open(&ossl, out, j->key.p, j->nonce.p, j->aad,
                            ee_bytes(j->in.p, n), j->in.p + n);
}

static int wrap(const struct ee_suite *s, uint8_t *out, const struct job *j)
{
    struct ee_wrap_key k;

    return s->wrap_init(&ossl, &k, j->key.p) == 0
               ? s->wrap(&ossl, &k, out, j->nonce.p, j->aad, j->in)
               : -1;
}

static int unwrap(const struct ee_suite *s, uint8_t *out, const struct job *j)
{
    struct ee_wrap_key k;

    return s->wrap_init(&ossl, &k, j->key.p) == 0
               ? s->unwrap(&ossl, &k, out, j->nonce.p, j->aad, j->in)
               : -1;
}

static int xaes_seal(uint8_t *out, const struct job *j)
{
    return wrap(&ee_suite_aes, out, j);
}

static int xaes_open(uint8_t *out, const struct job *j)
{
    return unwrap(&ee_suite_aes, out, j);
}

static int xchacha_seal(uint8_t *out, const struct job *j)
{
    return wrap(&ee_suite_chacha, out, j);
}

static int xchacha_open(uint8_t *out, const struct job *j)
{
    return unwrap(&ee_suite_chacha, out, j);
}

static int chacha_seal(uint8_t *out, const struct job *j)
{
    return crypto_aead_chacha20poly1305_ietf_encrypt(
        out, NULL, j->in.p, j->in.n, j->aad.p, j->aad.n, NULL, j->nonce.p,
        j->key.p);
}

static int chacha_open(uint8_t *out, const struct job *j)
{
    return crypto_aead_chacha20poly1305_ietf_decrypt(
        out, NULL, NULL, j->in.p, j->in.n, j->aad.p, j->aad.n, j->nonce.p,
        j->key.p);
}

static const struct cipher ciphers[] = {
    {"gcm", 12, gcm_seal, gcm_open},
    {"gcm-openssl", 12, openssl_seal, openssl_open},
    {"xaes", 24, xaes_seal, xaes_open},
    {"xchacha", 24, xchacha_seal, xchacha_open},
    {"chacha", 12, chacha_seal, chacha_open},
};

static const struct cipher *find(const char *name)
{
    for (size_t i = 0; i < sizeof ciphers / sizeof *ciphers; i++) {
        if (strcmp(ciphers[i].name, name) == 0) {
            return &ciphers[i];
        }
    }
    stop("no such cipher");
}

static void run_cipher(bool seals, char **words)
{
    const struct cipher *c = find(words[1]);
    const struct job j = {unhex(words[2]), unhex(words[3]), unhex(words[4]),
                          unhex(words[5])};
    uint8_t *out = need(malloc(j.in.n + EE_TAG_BYTES));
    size_t n = j.in.n + EE_TAG_BYTES;
    int rc = -1;

    if (j.key.n != EE_KEY_BYTES || j.nonce.n != c->nonce_bytes ||
        (!seals && j.in.n < EE_TAG_BYTES)) {
        stop("a length that this cipher does not take");
    }
    if (seals) {
        rc = c->seal(out, &j);
    } else {
        rc = c->open(out, &j);
        n = j.in.n - EE_TAG_BYTES;
    }
    if (rc == 0) {
        print(ee_bytes(out, n));
    } else {
        (void)printf("refused\n");
    }
    free(out);
    drop(j.key);
    drop(j.nonce);
    drop(j.aad);
    drop(j.in);
}

static void run_keyed(const char *key_word, const char *label,
                      const char *message_word)
{
    struct ee_bytes key = unhex(key_word);
    struct ee_bytes message = unhex(message_word);
    uint8_t out[EE_MAC_BYTES];

    if (key.n != EE_KEY_BYTES) {
        stop("a key is of 32 bytes");
    }
    if (label == NULL) {
        ee_hmac(out, key.p, message);
    } else {
        ee_kdf(out, key.p, label, message);
    }
    print(ee_bytes(out, sizeof out));
    drop(key);
    drop(message);
}

/* ---- public keys ---- */

static void run_oaep(char **words)
{
    struct ee_bytes pkcs8 = unhex(words[1]);
    struct ee_bytes label = unhex(words[3]);
    struct ee_bytes sealed = unhex(words[4]);
    const size_t n = strtoul(words[2], NULL, 10);
    uint8_t out[EE_RSA_BYTES_MAX];
    struct ee_pubkey key;
    struct ee_error err;

    if (n > sizeof out ||
        ee_pubkey_load(&key, EE_PEM_PRIVATE, (uint8_t *)pkcs8.p, pkcs8.n, "it",
                       &err) != EE_OK) {
        stop("not an RSA key");
    }
    if (sealed.n == key.rsa_bytes &&
        ee_rsa_open(key.rsa, key.rsa_bytes, out, n, label, sealed.p) == 0) {
        print(ee_bytes(out, n));
    } else {
        (void)printf("refused\n");
    }
    ee_pubkey_clear(&key);
    drop(pkcs8);
    drop(label);
    drop(sealed);
}

static void run_x25519(char **words)
{
    struct ee_bytes secret = unhex(words[1]);
    struct ee_bytes point = unhex(words[2]);
    uint8_t shared[EE_X25519_BYTES];

    if (secret.n != sizeof shared || point.n != sizeof shared) {
        stop("X25519 takes 32 bytes");
    }
    if (crypto_scalarmult(shared, secret.p, point.p) == 0) {
        print(ee_bytes(shared, sizeof shared));
    } else {
        (void)printf("refused\n");
    }
    drop(secret);
    drop(point);
}

static void run(char **words, size_t n)
{
    if (n == 6 && strcmp(words[0], "seal") == 0) {
        run_cipher(true, words);
    } else if (n == 6 && strcmp(words[0], "open") == 0) {
        run_cipher(false, words);
    } else if (n == 3 && strcmp(words[0], "hmac") == 0) {
        run_keyed(words[1], NULL, words[2]);
    } else if (n == 4 && strcmp(words[0], "kdf") == 0) {
        run_keyed(words[1], words[2], words[3]);
    } else if (n == 5 && strcmp(words[0], "oaep") == 0) {
        run_oaep(words);
    } else if (n == 3 && strcmp(words[0], "x25519") == 0) {
        run_x25519(words);
    } else {
        stop("not understood");
    }
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;

    if (sodium_init() < 0 || ee_ossl_init(&ossl) != 0) {
        stop("no cryptography");
    }
    while (getline(&line, &size, stdin) > 0) {
        char *words[WORDS_MAX];
        char *rest = NULL;
        size_t n = 0;

        for (char *w = strtok_r(line, " \n", &rest); w != NULL && n < WORDS_MAX;
             w = strtok_r(NULL, " \n", &rest)) {
            words[n++] = w;
        }
        run(words, n);
    }
    free(line);
    ee_ossl_clear(&ossl);
    return 0;
}
