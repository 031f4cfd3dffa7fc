/* SPDX-License-Identifier: MIT
 *
 * pem_file.c: reads, decodes and decrypts in one place that is secret memory.
 */
#include "provider/pem_file.h"

#include "base/secret.h"
#include "base/secret_source.h"
#include "crypto/pbes2.h"

/* Secret: pages of its own. */
struct work {
    uint8_t text[EE_PEM_MAX];
    uint8_t der[EE_PEM_MAX];
    size_t n; /* bytes of der */
    int label;
};

static int read_block(struct work *w, const struct ee_pem_file *f,
                      enum ee_file_rule rule, struct ee_error *err)
{
    size_t n = 0;
    int rc = ee_secret_file_read(w->text, sizeof w->text, &n, f->path, f->what,
                                 rule, err);

    if (rc != EE_OK) {
        return rc;
    }
    return ee_pem_read(&w->label, w->der, &w->n, ee_bytes(w->text, n), f->shown,
                       err);
}

static int fail_encryption(const struct ee_pbes2 *p, const char *shown,
                           struct ee_error *err)
{
    if (p->cipher == NULL || p->digest == NULL) {
        return ee_fail(err, EE_CONFIG,
                       "PEM file %s is encrypted in a way that is not "
                       "supported: convert it by openssl pkcs8 -topk8 -v2 "
                       "aes-256-cbc -iter 600000",
                       shown);
    }
    return ee_fail(err, EE_CONFIG,
                   "PEM file %s asks for %llu rounds of PBKDF2: 1 to %d are "
                   "allowed",
                   shown, (unsigned long long)p->iterations,
                   EE_PBES2_ITERATIONS_MAX);
}

/* A wrong passphrase shows by the padding, or by what comes out. */
static int decrypt(struct work *w, const struct ee_pem_file *f,
                   const struct ee_pbes2 *p, struct ee_error *err)
{
    struct ee_secret *secret = NULL; /* secret: freed at the end */
    struct ee_key_der ignored;
    uint8_t *at = w->der + (p->data.p - w->der);
    int wrong = 0;
    int rc = ee_secret_to_open(&secret, EE_SECRET_PEM_PASSPHRASE, f->shown,
                               f->user, err);

    if (rc != EE_OK) {
        return rc;
    }
    wrong = ee_pbes2_open(at, &w->n, p, ee_bytes(secret->bytes, secret->n));
    ee_secret_free(secret);
    if (wrong < 0) {
        return ee_fail(err, EE_NOMEM, "out of memory for a private key");
    }
    if (wrong != 0 ||
        !ee_key_der_parse(&ignored, EE_PEM_PRIVATE, ee_bytes(at, w->n))) {
        return ee_fail(err, EE_DENIED,
                       "the passphrase of PEM file %s is wrong, or the file "
                       "is damaged",
                       f->shown);
    }
    return EE_OK;
}

static int load_encrypted(struct ee_pubkey *key, struct work *w,
                          const struct ee_pem_file *f, struct ee_error *err)
{
    struct ee_pbes2 p;
    int rc = EE_OK;

    if (!ee_pbes2_parse(&p, ee_bytes(w->der, w->n))) {
        return ee_fail(err, EE_CONFIG,
                       "PEM file %s is damaged: what it holds is not an "
                       "encrypted key",
                       f->shown);
    }
    if (p.cipher == NULL || p.digest == NULL || p.iterations < 1 ||
        p.iterations > EE_PBES2_ITERATIONS_MAX) {
        return fail_encryption(&p, f->shown, err);
    }
    rc = decrypt(w, f, &p, err);
    return rc != EE_OK ? rc
                       : ee_pubkey_load(key, EE_PEM_PRIVATE,
                                        w->der + (p.data.p - w->der), w->n,
                                        f->shown, err);
}

int ee_pem_file_load(struct ee_pubkey *key, const struct ee_pem_file *f,
                     struct ee_error *err)
{
    struct work *w = ee_secret_pages_new(sizeof *w); /* secret: freed below */
    int rc = EE_OK;

    *key = (struct ee_pubkey){.algorithm = EE_PUBKEY_OTHER};
    if (w == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for a PEM file");
    }
    rc = read_block(w, f, f->rule, err);
    if (rc == EE_OK && f->rule == EE_FILE_PUBLIC &&
        ee_pem_is_private(w->label)) {
        rc = read_block(w, f, EE_FILE_SECRET, err);
    }
    if (rc == EE_OK) {
        rc = w->label == EE_PEM_ENCRYPTED
                 ? load_encrypted(key, w, f, err)
                 : ee_pubkey_load(key, w->label, w->der, w->n, f->shown, err);
    }
    ee_secret_pages_free(w, sizeof *w);
    return rc;
}
