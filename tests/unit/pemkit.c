/* SPDX-License-Identifier: MIT
 *
 * pemkit.c: OpenSSL writes the files, as it would for a user.
 */
#include "pemkit.h"

#include "base/text.h"
#include "ring.h"
#include "tap.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ee_error pk_err;
EVP_PKEY *pk_rsa;
EVP_PKEY *pk_other_rsa;
EVP_PKEY *pk_x25519;
EVP_PKEY *pk_other_x25519;

void pk_setup(void)
{
    ring_setup();
    pk_rsa = EVP_RSA_gen(3072);
    pk_x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    pk_other_x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    ring_must(pk_rsa && pk_x25519 && pk_other_x25519);
}

void pk_write_all(void)
{
    pk_write_key("rsa.pub", pk_rsa, PK_PUBLIC);
    pk_write_key("rsa1.pub", pk_rsa, PK_PUBLIC_PKCS1);
    pk_write_key("rsa.pem", pk_rsa, PK_PRIVATE);
    pk_write_key("rsa1.pem", pk_rsa, PK_PRIVATE_PKCS1);
    pk_write_key("rsa.enc", pk_rsa, PK_ENCRYPTED);
    pk_write_key("x.pub", pk_x25519, PK_PUBLIC);
    pk_write_key("x.pem", pk_x25519, PK_PRIVATE);
    pk_write_key("x.enc", pk_x25519, PK_ENCRYPTED);
}

void pk_clear(void)
{
    EVP_PKEY_free(pk_rsa);
    EVP_PKEY_free(pk_other_rsa);
    EVP_PKEY_free(pk_x25519);
    EVP_PKEY_free(pk_other_x25519);
}

/* ---- files ---- */

static int put_old(BIO *out, EVP_PKEY *key, const EVP_CIPHER *cipher)
{
    return PEM_write_bio_PrivateKey_traditional(
        out, key, cipher, (const unsigned char *)PASSPHRASE,
        cipher != NULL ? (int)strlen(PASSPHRASE) : 0, NULL, NULL);
}

/* RSAPublicKey is what SubjectPublicKeyInfo wraps, after 24 bytes. */
static int put_pkcs1(BIO *out, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    int rc = PEM_write_bio(out, "RSA PUBLIC KEY", "", der + 24, n - 24);

    OPENSSL_free(der);
    return rc > 0;
}

char *pk_text_of(EVP_PKEY *key, enum pk_form form)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *data = NULL;
    char *copy = NULL;
    long n = 0;
    int good = 0;

    switch (form) {
    case PK_PUBLIC:
        good = PEM_write_bio_PUBKEY(out, key);
        break;
    case PK_PUBLIC_PKCS1:
        good = put_pkcs1(out, key);
        break;
    case PK_PRIVATE:
        good =
            PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
        break;
    case PK_PRIVATE_PKCS1:
        good = put_old(out, key, NULL);
        break;
    case PK_ENCRYPTED:
        good = PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(),
                                             PASSPHRASE, 8, NULL, NULL);
        break;
    case PK_OLD:
        good = put_old(out, key, EVP_aes_256_cbc());
        break;
    }
    n = BIO_get_mem_data(out, &data);
    copy = malloc((size_t)n + 1);
    ring_must(good == 1 && copy != NULL);
    memcpy(copy, data, (size_t)n);
    copy[n] = '\0';
    BIO_free(out);
    return copy;
}

void pk_write_text(const char *name, const char *text, unsigned mode)
{
    (void)ring_write(name, text, strlen(text), mode);
}

void pk_write_key(const char *name, EVP_PKEY *key, enum pk_form form)
{
    char *text = pk_text_of(key, form);

    pk_write_text(name, text, form <= PK_PUBLIC_PKCS1 ? 0644 : 0600);
    free(text);
}

/* "file#sha256-…" with OpenSSL's idea of the key's SHA-256. */
const char *pk_pinned(const char *file, EVP_PKEY *key)
{
    static char text[400];
    unsigned char *der = NULL;
    uint8_t hash[32];
    char hex[65];
    int n = i2d_PUBKEY(key, &der);

    ring_must(n > 0 &&
              EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL) == 1);
    OPENSSL_free(der);
    ee_hex(hex, ee_bytes(hash, sizeof hash));
    (void)snprintf(text, sizeof text, "%s#sha256-%s", file, hex);
    return text;
}

/* ---- opening ---- */

void pk_passphrase(const char *text)
{
    ring_no_secret();
    (void)unsetenv("ENVELOPE_PEM_KEYFILE");
    (void)unsetenv("ENVELOPE_PEM_PASSPHRASE_FILE");
    if (text != NULL) {
        (void)setenv("ENVELOPE_PEM_PASSPHRASE", text, 1);
    } else {
        (void)unsetenv("ENVELOPE_PEM_PASSPHRASE");
    }
}

int pk_open_uri(struct ee_provider **p, const char *rest,
                struct ee_cmk_uri *uri)
{
    struct ee_provider_env env = {.base_dir = ring_dir};
    char text[EE_CMK_URI_MAX + 100];
    int rc = EE_OK;

    *p = NULL;
    pk_err = (struct ee_error){.code = EE_OK};
    (void)snprintf(text, sizeof text, "pem:%s", rest);
    rc = ee_cmk_uri_parse(uri, text, &pk_err);
    return rc != EE_OK
               ? rc
               : ee_provider_open(p, &ring_providers, uri, &env, &pk_err);
}

int pk_open(struct ee_provider **p, const char *rest)
{
    struct ee_cmk_uri uri;

    return pk_open_uri(p, rest, &uri);
}

/* Opening fails with this code and words, which hold no secret. */
void pk_refuses(const char *rest, int code, const char *says, const char *what)
{
    struct ee_provider *p = NULL;
    int rc = pk_open(&p, rest);

    ok(rc == code && p == NULL && strstr(pk_err.msg, says) != NULL &&
           strstr(pk_err.msg, "hunter") == NULL,
       "%s: %s", what, pk_err.msg);
    ee_provider_close(p);
}

/* What one file wraps another unwraps. */
void pk_passes(const char *from, const char *to, const char *what)
{
    uint8_t wrapped[EE_CMK_WRAPPED_MAX];
    struct ee_provider *p = NULL;
    size_t n = 0;
    int rc = pk_open(&p, from);

    rc = rc == EE_OK ? ring_wrap(p, 3, wrapped, &n, &pk_err) : rc;
    ee_provider_close(p);
    rc = rc == EE_OK ? pk_open(&p, to) : rc;
    rc = rc == EE_OK ? ring_unwrap(p, 3, wrapped, n, &pk_err) : rc;
    ok(rc == EE_OK, "%s%s%s", what, rc == EE_OK ? "" : ": ", pk_err.msg);
    ee_provider_close(p);
}
