/* SPDX-License-Identifier: MIT
 *
 * pem.c: finds the block, looks at its label, decodes it in constant time.
 */
#include "crypto/pem.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define BEGIN     "-----BEGIN "
#define END       "-----END "
#define DASHES    "-----"
#define LABEL_MAX 40

static const struct {
    int label;
    const char *text;
} labels[] = {
    {EE_PEM_PUBLIC, "PUBLIC KEY"},
    {EE_PEM_RSA_PUBLIC, "RSA PUBLIC KEY"},
    {EE_PEM_PRIVATE, "PRIVATE KEY"},
    {EE_PEM_RSA_PRIVATE, "RSA PRIVATE KEY"},
    {EE_PEM_ENCRYPTED, "ENCRYPTED PRIVATE KEY"},
};

/* What lies before the first `word`, which *text moves behind. False when it
 * is not there. */
static bool cut(struct ee_bytes *text, struct ee_bytes *before,
                const char *word)
{
    const size_t n = strlen(word);
    const uint8_t *at = text->n == 0 ? NULL : memmem(text->p, text->n, word, n);

    if (at == NULL) {
        return false;
    }
    *before = ee_bytes(text->p, (size_t)(at - text->p));
    *text = ee_bytes(at + n, text->n - before->n - n);
    return true;
}

static bool contains(struct ee_bytes text, const char *word)
{
    return text.n > 0 && memmem(text.p, text.n, word, strlen(word)) != NULL;
}

/* A label as a string: capitals, digits and blanks; others are not shown. */
static bool label_text(char *out, struct ee_bytes name)
{
    for (size_t i = 0; i < name.n && i < LABEL_MAX; i++) {
        const char c = (char)name.p[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ')) {
            return false;
        }
        out[i] = c;
    }
    if (name.n == 0 || name.n >= LABEL_MAX) {
        return false;
    }
    out[name.n] = '\0';
    return true;
}

static int fail_label(const char *name, const char *file, struct ee_error *err)
{
    if (strstr(name, "CERTIFICATE") != NULL) {
        return ee_fail(err, EE_CONFIG,
                       "PEM file %s holds a certificate and no key: take the "
                       "key out by openssl x509 -noout -pubkey",
                       file);
    }
    return ee_fail(err, EE_CONFIG,
                   "PEM file %s holds '%s', which is not supported: use an "
                   "RSA or X25519 key, written by openssl pkey or openssl "
                   "genpkey",
                   file, name);
}

static int read_label(int *label, char *name, struct ee_bytes text,
                      const char *file, struct ee_error *err)
{
    *label = 0;
    if (!label_text(name, text)) {
        return ee_fail(err, EE_CONFIG,
                       "PEM file %s is damaged: its BEGIN line is not one",
                       file);
    }
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        if (strcmp(labels[i].text, name) == 0) {
            *label = labels[i].label;
            return EE_OK;
        }
    }
    return fail_label(name, file, err);
}

/* libsodium takes some bytes from 0x80 on for letters, too. No branch depends
 * on a byte: it may be a private key's. */
static bool is_ascii(struct ee_bytes text)
{
    uint8_t any = 0;

    for (size_t i = 0; i < text.n; i++) {
        any |= text.p[i];
    }
    return any < 0x80;
}

static int decode(uint8_t *der, size_t *n, struct ee_bytes body,
                  const char *file, struct ee_error *err)
{
    if (contains(body, ":")) { /* RFC 1421 headers; the KDF is one MD5 */
        return ee_fail(err, EE_CONFIG,
                       "PEM file %s is encrypted in the old way: convert it "
                       "by openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000",
                       file);
    }
    if (!is_ascii(body) ||
        sodium_base642bin(der, EE_PEM_MAX, (const char *)body.p, body.n,
                          " \t\r\n", n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        *n == 0) {
        *n = 0;
        return ee_fail(err, EE_CONFIG,
                       "PEM file %s is damaged: what is between its BEGIN "
                       "and END is not base64",
                       file);
    }
    return EE_OK;
}

int ee_pem_read(int *label, uint8_t *der, size_t *n, struct ee_bytes text,
                const char *file, struct ee_error *err)
{
    char end[sizeof END + LABEL_MAX + sizeof DASHES];
    char name[LABEL_MAX];
    struct ee_bytes name_text;
    struct ee_bytes body;
    int rc = EE_OK;

    *n = 0;
    *label = 0;
    if (!cut(&text, &body, BEGIN) || !cut(&text, &name_text, DASHES)) {
        return ee_fail(err, EE_CONFIG,
                       "PEM file %s holds no key: it has no BEGIN line", file);
    }
    rc = read_label(label, name, name_text, file, err);
    if (rc != EE_OK) {
        return rc;
    }
    (void)snprintf(end, sizeof end, END "%s" DASHES, name);
    if (!cut(&text, &body, end)) {
        return ee_fail(err, EE_CONFIG,
                       "PEM file %s is truncated: its END line is missing",
                       file);
    }
    if (contains(text, BEGIN)) {
        return ee_fail(err, EE_CONFIG,
                       "PEM file %s holds more than one block: keep one key "
                       "in a file",
                       file);
    }
    return decode(der, n, body, file, err);
}
