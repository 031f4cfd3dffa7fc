/* SPDX-License-Identifier: MIT
 *
 * provider_pem_refusals.c: PEM files that are refused, and what is said.
 */
#include "base/secret.h"
#include "pemkit.h"
#include "ring.h"
#include "tap.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void passphrases(void)
{
    pk_passphrase(NULL);
    pk_refuses("rsa.enc", EE_DENIED, "ENVELOPE_PEM_PASSPHRASE_FILE",
               "encrypted, and no passphrase");
    (void)setenv("ENVELOPE_PASSPHRASE", PASSPHRASE, 1);
    pk_refuses("rsa.enc", EE_DENIED, "ENVELOPE_PEM_PASSPHRASE",
               "the keyring's passphrase is not tried");
    pk_passphrase("hunter 3");
    pk_refuses("rsa.enc", EE_DENIED, "passphrase of PEM file", "a wrong one");
    pk_refuses("x.enc", EE_DENIED, "is wrong", "a wrong one of X25519");
    pk_passphrase("");
    pk_refuses("x.enc", EE_CONFIG, "empty", "an empty one");
    pk_passphrase(NULL);
    (void)setenv("ENVELOPE_PEM_PASSPHRASE_FILE",
                 ring_write("phrase", "hunter 2\n", 9, 0600), 1);
    pk_passes("x.pub", "x.enc", "a passphrase from a file");
    pk_write_key("old.pem", pk_rsa, PK_OLD);
    pk_refuses("old.pem", EE_CONFIG, "openssl pkcs8 -topk8",
               "encrypted as of old");
}

/* An encrypted file whose DER has `from` replaced by `to`, the same length. */
static void rewrite_encrypted(const char *name, const void *from,
                              const void *to, size_t n)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pk_x25519);
    X509_SIG *sig =
        PKCS8_encrypt(-1, EVP_aes_256_cbc(), PASSPHRASE, 8,
                      (unsigned char *)"saltsalt", 8, 0x10203, info);
    unsigned char *der = NULL;
    int size = i2d_X509_SIG(sig, &der);
    unsigned char *at = size > 0 ? memmem(der, (size_t)size, from, n) : NULL;
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    long length = 0;

    ring_must(at != NULL);
    memcpy(at, to, n);
    ring_must(PEM_write_bio(out, "ENCRYPTED PRIVATE KEY", "", der, size) > 0);
    length = BIO_get_mem_data(out, &text);
    (void)ring_write(name, text, (size_t)length, 0600);
    BIO_free(out);
    OPENSSL_free(der);
    X509_SIG_free(sig);
    PKCS8_PRIV_KEY_INFO_free(info);
}

static void encryption(void)
{
    static const char rounds[] = "\x04\x08saltsalt\x02\x03\x01\x02\x03";
    static const char most[] = "\x04\x07saltsal\x02\x04\x7F\xFF\xFF\xFF";
    static const char none[] = "\x04\x0Asaltsaltsa\x02\x01\x00";
    static const char zeros[] = "\x04\x08saltsalt\x02\x03\x00\x00\x01";
    const size_t n = sizeof rounds - 1;
    static const uint8_t pbkdf2[] = {0x0D, 0x01, 0x05, 0x0C};
    static const uint8_t scrypt[] = {0x0D, 0x01, 0x05, 0x0B};
    static const uint8_t aes256[] = {0x03, 0x04, 0x01, 0x2A};
    static const uint8_t aes999[] = {0x03, 0x04, 0x01, 0x2B};

    pk_passphrase(PASSPHRASE);
    rewrite_encrypted("enc", rounds, rounds, n);
    pk_passes("x.pub", "enc", "66,051 rounds");
    pk_passphrase(NULL); /* refused before anybody is asked */
    rewrite_encrypted("enc", rounds, most, n);
    pk_refuses("enc", EE_CONFIG, "2147483647 rounds", "2,147,483,647 rounds");
    rewrite_encrypted("enc", rounds, none, n);
    pk_refuses("enc", EE_CONFIG, " 0 rounds", "no round");
    rewrite_encrypted("enc", rounds, zeros, n);
    pk_refuses("enc", EE_CONFIG, "damaged", "a number with needless zeros");
    rewrite_encrypted("enc", pbkdf2, scrypt, sizeof pbkdf2);
    pk_refuses("enc", EE_CONFIG, "not supported", "another KDF");
    rewrite_encrypted("enc", aes256, aes999, sizeof aes256);
    pk_refuses("enc", EE_CONFIG, "not supported", "another cipher");
}

/* A public key with any modulus of so many bits. */
static EVP_PKEY *any_rsa(int bits)
{
    uint8_t n[4096];
    uint8_t e[8] = {1, 0, 1};
    const size_t bytes = (size_t)(bits + 7) / 8;
    OSSL_PARAM params[3];
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;

    memset(n, 0xFF, sizeof n);
    n[bytes - 1] = (uint8_t)(0xFF >> (bytes * 8 - (size_t)bits));
    params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n, bytes);
    params[1] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e, 4);
    params[2] = OSSL_PARAM_construct_end();
    ring_must(EVP_PKEY_fromdata_init(ctx) == 1 &&
              EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void refuses_key(EVP_PKEY *key, const char *says, const char *what)
{
    ring_must(key != NULL);
    pk_write_key("odd.pub", key, PK_PUBLIC);
    pk_refuses("odd.pub", EE_CONFIG, says, what);
    EVP_PKEY_free(key);
}

static void refuses_private(EVP_PKEY *key, const char *says, const char *what)
{
    ring_must(key != NULL);
    pk_write_key("odd.pem", key, PK_PRIVATE);
    pk_refuses("odd.pem", EE_CONFIG, says, what);
    EVP_PKEY_free(key);
}

static void kinds_of_keys(void)
{
    struct ee_provider *p = NULL;
    EVP_PKEY *most = any_rsa(16384);

    pk_passphrase(NULL);
    refuses_key(any_rsa(3071), "3071 bits: use one of 3072 to 16384",
                "an RSA key of 3071 bits");
    refuses_key(any_rsa(16385), "16385 bits", "an RSA key of 16385 bits");
    pk_write_key("most.pub", most, PK_PUBLIC);
    EVP_PKEY_free(most);
    ok(pk_open(&p, "most.pub") == EE_OK, "one of 16384 bits is taken: %s",
       pk_err.msg);
    ee_provider_close(p);
    refuses_private(EVP_RSA_gen(2048), "2048 bits", "a private one of 2048");
    refuses_key(EVP_EC_gen("P-256"), "holds an EC key", "an EC key");
    refuses_private(EVP_EC_gen("P-256"), "an EC key", "a private EC key");
    refuses_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "an Ed25519 key",
                "an Ed25519 key");
    refuses_private(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), "an Ed448 key",
                    "a private Ed448 key");
    refuses_key(EVP_PKEY_Q_keygen(NULL, NULL, "X448"), "an X448 key",
                "an X448 key");
    pk_write_text("dsa.pem",
                  "-----BEGIN DSA PRIVATE KEY-----\nAA==\n"
                  "-----END DSA PRIVATE KEY-----\n",
                  0600);
    pk_refuses("dsa.pem", EE_CONFIG, "'DSA PRIVATE KEY'", "a DSA key");
    pk_write_text(
        "zero.pub",
        "-----BEGIN PUBLIC KEY-----\n"
        "MCowBQYDK2VuAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        "-----END PUBLIC KEY-----\n",
        0644);
    pk_refuses("zero.pub", EE_CONFIG, "seals for everybody",
               "the X25519 point 0");
}

static void not_keys(void)
{
    static char big[70000];

    pk_passphrase(NULL);
    pk_write_text(
        "cert.pem",
        "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", 0644);
    pk_refuses("cert.pem", EE_CONFIG, "openssl x509 -noout -pubkey",
               "a certificate");
    pk_write_text("empty.pem", "", 0644);
    pk_refuses("empty.pem", EE_CONFIG, "no BEGIN line", "an empty file");
    pk_write_text("b64.pem",
                  "-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----\n",
                  0644);
    pk_refuses("b64.pem", EE_CONFIG, "not base64", "not base64");
    pk_write_text(
        "high.pem",
        "-----BEGIN PUBLIC KEY-----\nMA\xC1=\n-----END PUBLIC KEY-----\n",
        0644);
    pk_refuses("high.pem", EE_CONFIG, "not base64", "a byte above 7F");
    pk_write_text(
        "der.pem",
        "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n", 0644);
    pk_refuses("der.pem", EE_CONFIG, "is not a key", "not a key inside");
    pk_write_text("label.pem", "-----BEGIN \x1B[2J-----\n", 0644);
    pk_refuses("label.pem", EE_CONFIG, "damaged", "a label that is none");
    memset(big, '\n', sizeof big - 1);
    pk_write_text("big.pem", big, 0644);
    pk_refuses("big.pem", EE_CONFIG, "longer than 65536", "a file of 70 kB");
    pk_refuses("", EE_CONFIG, "no path", "no path");
    pk_refuses("absent.pem", EE_CONFIG, "No such file", "no file");
    pk_refuses("no/such/x.pem", EE_CONFIG, "folder", "no folder");
}

/* Each byte of a private key's DER is changed, and each cut made: refused, or
 * a key that opens nothing of the right one's; never a crash. */
static void damaged_keys(void)
{
    unsigned char *der = NULL;
    const int n = i2d_PrivateKey(pk_x25519, &der); /* PKCS#8 */
    size_t odd = 0;

    ring_must(n == 48);
    for (int i = 0; i < n; i++) {
        BIO *out = BIO_new(BIO_s_mem());
        struct ee_provider *p = NULL;
        char *text = NULL;
        long length = 0;
        int rc = EE_OK;

        der[i] ^= 1;
        ring_must(PEM_write_bio(out, "PRIVATE KEY", "", der, n) > 0);
        der[i] ^= 1;
        length = BIO_get_mem_data(out, &text);
        (void)ring_write("bad.pem", text, (size_t)length, 0600);
        BIO_free(out);
        rc = pk_open(&p, pk_pinned("bad.pem", pk_x25519));
        odd += i == 4 || i == 16 /* version 1; a bit that clamping sets */
                   ? rc != EE_OK
                   : rc != EE_CONFIG && rc != EE_KEY_UNKNOWN;
        ee_provider_close(p);
    }
    OPENSSL_free(der);
    ok(odd == 0, "every changed byte of a private key is noticed: %zu", odd);
}

static void permissions(void)
{
    pk_passphrase(NULL);
    ring_must(chmod(ring_path("x.pem"), 0644) == 0);
    pk_refuses("x.pem", EE_DENIED, "others may read the file of pem:",
               "a private key that others read");
    ring_must(chmod(ring_path("x.pem"), 0640) == 0);
    pk_refuses("x.pem", EE_DENIED, "chmod 600", "or that a group reads");
    ring_must(chmod(ring_path("x.pem"), 0400) == 0);
    pk_passes("x.pub", "x.pem", "mode 0400 is private");
    ring_must(chmod(ring_path("x.pub"), 0666) == 0);
    pk_refuses("x.pub", EE_DENIED, "others may change the file of pem:",
               "a public key that others write");
    ring_must(chmod(ring_path("x.pub"), 0644) == 0);
    ring_must(symlink(ring_path("x.pub"), ring_path("link.pub")) == 0);
    pk_refuses("link.pub", EE_DENIED, "symbolic link", "a symbolic link");
    ring_must(mkfifo(ring_path("fifo"), 0600) == 0);
    pk_refuses("fifo", EE_DENIED, "regular file", "a FIFO");
    pk_refuses(".", EE_DENIED, "regular file", "a folder");
    ring_must(chmod(ring_dir, 0777) == 0);
    pk_refuses("x.pub", EE_DENIED, "everybody can write to the folder",
               "a folder that others write");
    ring_must(chmod(ring_dir, 0700) == 0);
}

/* Somebody else's file, seen by a process that is not root. */
static void foreign(void)
{
    int status = -1;

    if (geteuid() != 0) {
        skip("not root", "somebody else's PEM file");
        return;
    }
    ring_must(chmod(ring_dir, 0755) == 0 &&
              chown(ring_path("rsa1.pub"), 54322, 54322) == 0);
    if (fork() == 0) {
        struct ee_provider *p = NULL;
        int rc = setgid(54321) | setuid(54321);

        rc |= pk_open(&p, "rsa.pub") != EE_OK; /* root's */
        ee_provider_close(p);
        rc |= pk_open(&p, "rsa1.pub") != EE_DENIED;
        rc |= strstr(pk_err.msg, "another user") == NULL;
        _exit(rc);
    }
    (void)wait(&status);
    ok(status == 0, "root's public key is taken, another user's is refused");
    ring_must(chmod(ring_dir, 0700) == 0);
}

int main(void)
{
    struct ee_arena_report arena;

    pk_setup();
    pk_write_all();
    passphrases();
    encryption();
    kinds_of_keys();
    not_keys();
    damaged_keys();
    permissions();
    foreign();
    pk_clear();
    ee_arena_report(&arena);
    ok(arena.cells_used == 0, "every arena cell was given back");
    return done();
}
