/* SPDX-License-Identifier: MIT
 *
 * pem.c: the provider of `pem:` URIs.
 *
 * Opening reads the file, and asks for its passphrase. What stays until close
 * is the key: an X25519 scalar in an arena cell, or an RSA key in OpenSSL's
 * heap, which OpenSSL wipes when it is freed.
 */
#include "provider/pem.h"

#include "base/file.h"
#include "base/secret.h"
#include "base/secret_source.h"
#include "base/text.h"
#include "db/sql.h"
#include "provider/pem_file.h"
#include "provider/pem_wrap.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOUN      "PEM file"
#define PIN       "sha256-"
#define PIN_BYTES (sizeof PIN - 1)
#define DOMAIN    "sqlite-envelope/v1/pem" /* with its NUL, before a context */

#define CONTEXT_MAX 1024

struct pem_provider {
    struct ee_provider base; /* must be first */
    struct ee_file_path path;
    struct ee_pubkey key;
    bool pinned;
    uint8_t pin[EE_PUBKEY_ID_BYTES];
};

_Static_assert(EE_PAYLOAD_BYTES <= EE_PUBKEY_MESSAGE_MAX, "fits");
_Static_assert(EE_PEM_WRAP_HEAD + EE_PUBKEY_SEALED_MAX <= EE_CMK_WRAPPED_MAX,
               "fits");

static struct pem_provider *self(struct ee_provider *p)
{
    return (struct pem_provider *)p;
}

static void pem_close(struct ee_provider *p)
{
    if (p != NULL) {
        ee_pubkey_clear(&self(p)->key);
        sqlite3_free(p);
    }
}

/* ---- opening ---- */

static int read_pin(struct pem_provider *pp, const struct ee_cmk_uri *uri,
                    struct ee_error *err)
{
    const char *text = uri->fragment;
    const size_t n = strlen(text);

    pp->pinned = n > 0;
    if (n > 0 &&
        (strncmp(text, PIN, PIN_BYTES) != 0 ||
         !ee_unhex(pp->pin, sizeof pp->pin, text + PIN_BYTES, n - PIN_BYTES))) {
        return ee_fail(err, EE_CONFIG,
                       "after '#' a pem: URI has sha256- and the 64 "
                       "hexadecimal digits of the key's SHA-256, or leave "
                       "both away to use the key that is there");
    }
    return EE_OK;
}

static int load_own(struct pem_provider *pp, const struct ee_wait *user,
                    struct ee_error *err)
{
    char what[EE_PEM_SHOWN_MAX];
    const struct ee_pem_file file = {.path = pp->path.file,
                                     .shown = pp->path.shown,
                                     .what = what,
                                     .rule = EE_FILE_PUBLIC,
                                     .user = user};
    int rc = ee_file_check_dir(&pp->path, NOUN, NULL, err);

    (void)snprintf(what, sizeof what, "pem:%s", pp->path.shown);
    return rc != EE_OK ? rc : ee_pem_file_load(&pp->key, &file, err);
}

/* The private key lies elsewhere when the setting says so: it is used where
 * it is the other half of the key that the URI names, and nowhere else. */
static int load_other_half(struct pem_provider *pp, const struct ee_wait *user,
                           struct ee_error *err)
{
    struct ee_secret_place place;
    struct ee_pubkey key;
    struct ee_pem_file file = {.user = user};
    int rc = ee_secret_find(&place, EE_SECRET_PEM_KEYFILE, err);

    if (rc != EE_OK || place.what == NULL) {
        return rc;
    }
    file.path = place.path;
    file.shown = place.what;
    file.what = place.what;
    file.rule = place.rule;
    rc = ee_pem_file_load(&key, &file, err);
    if (rc == EE_OK && !key.has_private) {
        rc = ee_fail(err, EE_CONFIG,
                     "%s names a public key: it is for the private one",
                     place.what);
    }
    if (rc == EE_OK && ee_equal(key.id, pp->pin, sizeof key.id)) {
        ee_pubkey_clear(&pp->key);
        pp->key = key;
        return EE_OK;
    }
    ee_pubkey_clear(&key);
    return rc;
}

static int check_pin(const struct pem_provider *pp, struct ee_error *err)
{
    if (pp->pinned && !ee_equal(pp->key.id, pp->pin, sizeof pp->pin)) {
        return ee_fail(err, EE_KEY_UNKNOWN,
                       "PEM file %s holds another key than the one that its "
                       "URI pins: restore the file that the key was made with",
                       pp->path.shown);
    }
    return EE_OK;
}

static int load(struct pem_provider *pp, const struct ee_provider_env *env,
                struct ee_error *err)
{
    const bool absent =
        pp->pinned && access(pp->path.file, F_OK) != 0; /* then elsewhere? */
    const struct ee_wait wait = {.interrupted = env->interrupted,
                                 .interrupted_arg = env->interrupted_arg};
    const struct ee_wait *user = env->may_prompt ? &wait : NULL;
    int rc = EE_OK;

    if (!absent) {
        rc = load_own(pp, user, err);
        if (rc == EE_OK) {
            rc = check_pin(pp, err);
        }
        if (rc != EE_OK || pp->key.has_private) {
            return rc;
        }
        memcpy(pp->pin, pp->key.id, sizeof pp->pin);
    }
    rc = load_other_half(pp, user, err);
    if (rc == EE_OK && absent && pp->key.algorithm == 0) {
        rc = ee_fail(err, EE_CONFIG,
                     "there is no PEM file %s: put it there again, or set "
                     "ENVELOPE_PEM_KEYFILE to the path of its private key",
                     pp->path.shown);
    }
    return rc;
}

static int pem_open(struct ee_provider **out, const struct ee_cmk_uri *uri,
                    const struct ee_provider_env *env, struct ee_error *err)
{
    struct pem_provider *pp = sqlite3_malloc64(sizeof *pp);
    int rc = EE_OK;

    *out = NULL;
    if (pp == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for a PEM file");
    }
    memset(pp, 0, sizeof *pp);
    pp->base.cls = &ee_pem_provider;
    rc = read_pin(pp, uri, err);
    if (rc == EE_OK) {
        rc = ee_file_resolve(&pp->path, NOUN, uri->path, env->base_dir, 0, err);
    }
    if (rc == EE_OK) {
        rc = load(pp, env, err);
    }
    if (rc != EE_OK) {
        pem_close(&pp->base);
        return rc;
    }
    *out = &pp->base;
    return EE_OK;
}

/* ---- working ---- */

static bool pem_can_unwrap(const struct ee_provider *p)
{
    return ((const struct pem_provider *)p)->key.has_private;
}

/* The URI with its pin. */
static int pem_canonical(const struct ee_provider *p, char *out,
                         const struct ee_cmk_uri *uri, struct ee_error *err)
{
    const struct pem_provider *pp = (const struct pem_provider *)p;
    const int before = (int)strcspn(uri->text, "#");
    char hex[2 * EE_PUBKEY_ID_BYTES + 1];
    int n = 0;

    ee_hex(hex, ee_bytes(pp->key.id, sizeof pp->key.id));
    n = snprintf(out, EE_CMK_URI_MAX, "%.*s#" PIN "%s", before, uri->text, hex);
    if (n < 0 || n >= EE_CMK_URI_MAX) {
        return ee_fail(err, EE_CONFIG,
                       "the CMK URI is longer than %d characters with its "
                       "pin: use a shorter path",
                       EE_CMK_URI_MAX - 1);
    }
    return EE_OK;
}

/* What the ciphertext is bound to: the domain, 00, the context. */
static int make_label(uint8_t *out, size_t *n, struct ee_bytes context,
                      struct ee_error *err)
{
    if (context.n > CONTEXT_MAX) {
        return ee_fail(err, EE_INTERNAL, "the context of a wrap is too long");
    }
    memcpy(out, DOMAIN, sizeof DOMAIN);
    if (context.n > 0) {
        memcpy(out + sizeof DOMAIN, context.p, context.n);
    }
    *n = sizeof DOMAIN + context.n;
    return EE_OK;
}

static int check_live(const struct pem_provider *pp, struct ee_error *err)
{
    return ee_pubkey_is_live(&pp->key)
               ? EE_OK
               : ee_fail(err, EE_MISUSE,
                         "PEM file %s was opened before a fork(): open it in "
                         "the child",
                         pp->path.shown);
}

static int pem_wrap(struct ee_provider *p, uint8_t *wrapped,
                    size_t *wrapped_len, const uint8_t *payload,
                    struct ee_bytes context, struct ee_error *err)
{
    struct pem_provider *pp = self(p);
    uint8_t label[sizeof DOMAIN + CONTEXT_MAX];
    size_t n = 0;
    int rc = check_live(pp, err);

    if (rc == EE_OK) {
        rc = make_label(label, &n, context, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    ee_pem_wrap_head(wrapped, &pp->key);
    if (ee_pubkey_seal(&pp->key, wrapped + EE_PEM_WRAP_HEAD, ee_bytes(label, n),
                       ee_bytes(payload, EE_PAYLOAD_BYTES)) != 0) {
        return ee_fail(err, EE_NOMEM, "out of memory to wrap under PEM file %s",
                       pp->path.shown);
    }
    *wrapped_len =
        EE_PEM_WRAP_HEAD + ee_pubkey_sealed_bytes(&pp->key, EE_PAYLOAD_BYTES);
    return EE_OK;
}

static int check_wrap(const struct pem_provider *pp,
                      const struct ee_pem_wrap *wrap, struct ee_error *err)
{
    if (!ee_equal(wrap->id.p, pp->key.id, sizeof pp->key.id)) {
        return ee_fail(err, EE_KEY_UNKNOWN,
                       "PEM file %s holds another key than the one that this "
                       "was wrapped under",
                       pp->path.shown);
    }
    if (!pp->key.has_private) {
        return ee_fail(err, EE_DENIED,
                       "PEM file %s holds a public key, which seals but does "
                       "not open: set ENVELOPE_PEM_KEYFILE to the path of its "
                       "private key",
                       pp->path.shown);
    }
    return EE_OK;
}

static int pem_unwrap(struct ee_provider *p, uint8_t *payload,
                      struct ee_bytes wrapped, struct ee_bytes context,
                      struct ee_error *err)
{
    struct pem_provider *pp = self(p);
    uint8_t label[sizeof DOMAIN + CONTEXT_MAX];
    char what[EE_PEM_SHOWN_MAX];
    struct ee_pem_wrap wrap;
    size_t n = 0;
    int opened = 1;
    int rc = check_live(pp, err);

    (void)snprintf(what, sizeof what, "PEM file %s", pp->path.shown);
    if (rc == EE_OK && !ee_pem_wrap_read(&wrap, wrapped)) {
        rc = ee_fail_auth(err, what);
    }
    if (rc == EE_OK) {
        rc = check_wrap(pp, &wrap, err);
    }
    if (rc == EE_OK) {
        rc = make_label(label, &n, context, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    if (wrap.algorithm == pp->key.algorithm) {
        opened = ee_pubkey_open(&pp->key, payload, EE_PAYLOAD_BYTES,
                                ee_bytes(label, n), wrap.sealed);
    }
    if (opened < 0) {
        return ee_fail(err, EE_NOMEM, "out of memory to unwrap by %s", what);
    }
    return opened == 0 ? EE_OK : ee_fail_auth(err, what);
}

const struct ee_provider_class ee_pem_provider = {
    .scheme = "pem",
    .open = pem_open,
    .can_unwrap = pem_can_unwrap,
    .canonical = pem_canonical,
    .wrap = pem_wrap,
    .unwrap = pem_unwrap,
    .close = pem_close,
};
