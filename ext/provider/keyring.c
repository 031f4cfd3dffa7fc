/* SPDX-License-Identifier: MIT
 *
 * keyring.c: the provider of `keyring:` URIs.
 *
 * Opening unlocks: one Argon2id. What stays until close are the two keys made
 * of the secret; a CMK is decrypted for each call and wiped after it.
 */
#include "provider/keyring.h"

#include "base/secret.h"
#include "base/wire.h"
#include "provider/keyring_change.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_CMK "default"

struct keyring_provider {
    struct ee_provider base; /* must be first */
    struct ee_keyring keyring;
    char name[EE_CMK_NAME_MAX];
};

_Static_assert(EE_PAYLOAD_BYTES == 64, "EE_KEYRING_WRAPPED_BYTES");
_Static_assert(EE_KEYRING_WRAPPED_BYTES <= EE_CMK_WRAPPED_MAX, "fits");

static struct keyring_provider *self(struct ee_provider *p)
{
    return (struct keyring_provider *)p;
}

static void keyring_close(struct ee_provider *p)
{
    struct keyring_provider *kp = self(p);

    if (kp == NULL) {
        return;
    }
    ee_keyring_store_close(&kp->keyring.store);
    ee_ossl_clear(&kp->keyring.ossl);
    ee_cell_free(kp->keyring.keys);
    sqlite3_free(kp);
}

/* The fragment of the URI names the CMK. */
static int read_name(char *name, const struct ee_cmk_uri *uri,
                     struct ee_error *err)
{
    const char *given = uri->fragment[0] != '\0' ? uri->fragment : DEFAULT_CMK;
    const size_t n = strlen(given);

    if (n >= EE_CMK_NAME_MAX) {
        return ee_fail(err, EE_CONFIG,
                       "the CMK name after '#' must have 1 to %d characters: "
                       "write keyring:PATH or keyring:PATH#CMK",
                       EE_CMK_NAME_MAX - 1);
    }
    memcpy(name, given, n + 1);
    return EE_OK;
}

static struct keyring_provider *provider_new(const struct ee_cmk_uri *uri,
                                             struct ee_error *err)
{
    struct keyring_provider *kp = sqlite3_malloc64(sizeof *kp);

    if (kp == NULL) {
        (void)ee_fail(err, EE_NOMEM, "out of memory for a keyring");
        return NULL;
    }
    memset(kp, 0, sizeof *kp);
    kp->base.cls = &ee_keyring_provider;
    if (read_name(kp->name, uri, err) != EE_OK) {
        keyring_close(&kp->base);
        return NULL;
    }
    kp->keyring.keys = ee_cell_new();
    if (kp->keyring.keys == NULL || ee_ossl_init(&kp->keyring.ossl) != 0) {
        (void)ee_fail(err, EE_NOMEM, "out of memory for a keyring");
        keyring_close(&kp->base);
        return NULL;
    }
    return kp;
}

/* Makes the keyring when it is missing and this session may. *secret is then
 * what locks it, so that nobody is asked a third time. */
static int make_if_missing(struct keyring_provider *kp,
                           const struct ee_provider_env *env,
                           struct ee_secret **secret, uint8_t *salt,
                           struct ee_error *err)
{
    struct ee_keyring *k = &kp->keyring;
    bool exists = false;
    int rc = ee_keyring_check(&k->path, &exists, err);

    if (rc != EE_OK || exists) {
        return rc;
    }
    if (!env->may_create) {
        return ee_fail(err, EE_CONFIG,
                       "there is no keyring %s: copy the keyring there that "
                       "the key was made with",
                       k->path.shown);
    }
    if (env->file_in_use) {
        return ee_fail(err, EE_CONFIG,
                       "there is no keyring %s, and keys of this database need "
                       "it: put it back (is its disk mounted?), or give "
                       "another keyring",
                       k->path.shown);
    }
    rc = ee_secret_to_create(secret, k->path.shown,
                             env->may_prompt ? &k->wait : NULL, err);
    if (rc == EE_OK) {
        ee_wait_begin(&k->wait); /* somebody may have typed */
        rc = ee_keyring_make(k, *secret, kp->name, salt, err);
    }
    return rc;
}

/* Derives the keys, unless they are those of a keyring just made, and
 * verifies the keyring. */
static int unlock(struct keyring_provider *kp,
                  const struct ee_provider_env *env, struct ee_secret **secret,
                  const uint8_t *salt, struct ee_error *err)
{
    struct ee_keyring *k = &kp->keyring;
    struct ee_keyring_image image = {.cmks = NULL};
    int rc = ee_keyring_store_load(&k->store, &image, err);

    if (rc != EE_OK) {
        return rc;
    }
    if (*secret != NULL && (*secret)->kind != image.kind) {
        ee_secret_free(*secret); /* another process made it, of another kind */
        *secret = NULL;
    }
    if (*secret == NULL) {
        rc = ee_secret_to_open(secret, image.kind, k->path.shown,
                               env->may_prompt ? &k->wait : NULL, err);
        ee_wait_begin(&k->wait); /* somebody may have typed */
    }
    if (rc == EE_OK &&
        !(k->keys->live && ee_equal(salt, image.salt, sizeof image.salt))) {
        rc = ee_keyring_derive(k->keys, &image, *secret, k->path.shown, err);
    }
    if (rc == EE_OK) {
        rc = ee_keyring_verify(k->keys, &image, k->path.shown, err);
    }
    if (rc == EE_OK && ee_keyring_current(&image, kp->name) == NULL) {
        uint32_t version = 0;

        rc = env->may_create
                 ? ee_keyring_add(k, kp->name, true, &version, err)
                 : ee_fail(err, EE_KEY_UNKNOWN,
                           "keyring %s holds no CMK %s: correct the name, or "
                           "use the keyring that the key was made with",
                           k->path.shown, kp->name);
    }
    ee_keyring_image_clear(&image);
    return rc;
}

static void begin_waiting(struct ee_keyring *k,
                          const struct ee_provider_env *env)
{
    k->wait.timeout_ms =
        env->timeout_ms > 0 ? env->timeout_ms : EE_PROVIDER_TIMEOUT_MS;
    k->wait.interrupted = env->interrupted;
    k->wait.interrupted_arg = env->interrupted_arg;
    k->store.wait = &k->wait;
    ee_wait_begin(&k->wait);
}

static int keyring_open(struct ee_provider **out, const struct ee_cmk_uri *uri,
                        const struct ee_provider_env *env, struct ee_error *err)
{
    uint8_t salt[EE_KEYRING_SALT_BYTES] = {0};
    struct ee_secret *secret = NULL; /* secret: freed at out */
    struct keyring_provider *kp = provider_new(uri, err);
    struct ee_keyring *k = kp != NULL ? &kp->keyring : NULL;
    int rc = EE_NOMEM;

    *out = NULL;
    if (kp == NULL) {
        rc = err->code;
        goto out;
    }
    begin_waiting(k, env);
    rc = ee_keyring_resolve(&k->path, uri->path, env->base_dir, err);
    if (rc == EE_OK) {
        rc = make_if_missing(kp, env, &secret, salt, err);
    }
    if (rc == EE_OK) {
        rc = ee_keyring_store_open(&k->store, k->path.file, k->path.shown, err);
    }
    if (rc == EE_OK) {
        rc = unlock(kp, env, &secret, salt, err);
    }
out:
    ee_secret_free(secret);
    if (rc != EE_OK) {
        keyring_close(kp != NULL ? &kp->base : NULL);
        return rc;
    }
    *out = &kp->base;
    return EE_OK;
}

static int keyring_wrap(struct ee_provider *p, uint8_t *wrapped,
                        size_t *wrapped_len, const uint8_t *payload,
                        struct ee_bytes context, struct ee_error *err)
{
    struct keyring_provider *kp = self(p);
    struct ee_keyring *k = &kp->keyring;
    struct ee_keyring_image image;
    const struct ee_cmk *cmk = NULL;
    int rc = EE_OK;

    ee_wait_begin(&k->wait);
    rc = ee_keyring_read(k, &image, err);
    if (rc != EE_OK) {
        return rc;
    }
    cmk = ee_keyring_current(&image, kp->name);
    if (cmk == NULL) {
        rc = ee_fail(err, EE_KEY_UNKNOWN, "keyring %s lost its CMK %s",
                     k->path.shown, kp->name);
    } else {
        rc = ee_cmk_wrap(&k->ossl, k->keys, &image, cmk, wrapped, payload,
                         context, err);
    }
    if (rc == EE_OK) {
        *wrapped_len = EE_KEYRING_WRAPPED_BYTES;
    }
    ee_keyring_image_clear(&image);
    return rc;
}

static uint32_t keyring_version_of(struct ee_bytes wrapped)
{
    struct ee_reader r = ee_reader(wrapped);

    return ee_read_u32(&r);
}

/* The version that a wrap names; its own tag is not verified yet. */
static int find_version(struct keyring_provider *kp,
                        const struct ee_keyring_image *image,
                        struct ee_bytes wrapped, const struct ee_cmk **cmk,
                        struct ee_error *err)
{
    const uint32_t version = keyring_version_of(wrapped);

    if (wrapped.n != EE_KEYRING_WRAPPED_BYTES) {
        char what[EE_CMK_NAME_MAX + 8];

        (void)snprintf(what, sizeof what, "CMK %s", kp->name);
        return ee_fail_auth(err, what);
    }
    *cmk = ee_keyring_find(image, kp->name, version);
    if (*cmk == NULL) {
        return ee_fail(err, EE_KEY_UNKNOWN,
                       "keyring %s holds no version %u of CMK %s: use the "
                       "keyring that the key was made with, or a newer copy",
                       kp->keyring.path.shown, (unsigned)version, kp->name);
    }
    if ((*cmk)->state != EE_CMK_ENABLED) {
        return ee_fail(err, EE_KEY_STATE,
                       "version %u of CMK %s in keyring %s was destroyed",
                       (unsigned)version, kp->name, kp->keyring.path.shown);
    }
    return EE_OK;
}

static int keyring_unwrap(struct ee_provider *p, uint8_t *payload,
                          struct ee_bytes wrapped, struct ee_bytes context,
                          struct ee_error *err)
{
    struct keyring_provider *kp = self(p);
    struct ee_keyring *k = &kp->keyring;
    struct ee_keyring_image image;
    const struct ee_cmk *cmk = NULL;
    int rc = EE_OK;

    ee_wait_begin(&k->wait);
    rc = ee_keyring_read(k, &image, err);
    if (rc == EE_OK) {
        rc = find_version(kp, &image, wrapped, &cmk, err);
    }
    if (rc == EE_OK) {
        rc = ee_cmk_unwrap(&k->ossl, k->keys, &image, cmk, payload, wrapped,
                           context, err);
    }
    ee_keyring_image_clear(&image);
    return rc;
}

static int keyring_rotate(struct ee_provider *p, uint32_t *version,
                          struct ee_error *err)
{
    ee_wait_begin(&self(p)->keyring.wait);
    return ee_keyring_add(&self(p)->keyring, self(p)->name, false, version,
                          err);
}

static int keyring_destroy(struct ee_provider *p, uint32_t version,
                           struct ee_error *err)
{
    ee_wait_begin(&self(p)->keyring.wait);
    return ee_keyring_destroy(&self(p)->keyring, self(p)->name, version, err);
}

/* Opening without the right to make tells whether it is there. */
static int keyring_create(const struct ee_cmk_uri *uri,
                          const struct ee_provider_env *env,
                          struct ee_error *err)
{
    struct ee_provider_env session = *env;
    struct ee_provider *p = NULL;
    int rc = EE_OK;

    session.may_create = false;
    rc = keyring_open(&p, uri, &session, err);
    if (rc == EE_OK) {
        rc = ee_fail(err, EE_MISUSE, "keyring %s has a CMK %s already",
                     self(p)->keyring.path.shown, self(p)->name);
    } else if (rc == EE_CONFIG || rc == EE_KEY_UNKNOWN) {
        session.may_create = true;
        rc = keyring_open(&p, uri, &session, err);
    }
    keyring_close(p);
    return rc;
}

/* It was there when it was opened, and its current version cannot be
 * destroyed. */
static int keyring_state(struct ee_provider *p, int *state,
                         struct ee_error *err)
{
    (void)p;
    (void)err;
    *state = ENVELOPE_CMK_ENABLED;
    return EE_OK;
}

static int keyring_describe(struct ee_provider *p, char *out, size_t size,
                            struct ee_error *err)
{
    struct ee_keyring *k = &self(p)->keyring;
    struct ee_keyring_image image;
    const struct ee_cmk *cmk = NULL;
    int rc = EE_OK;

    ee_wait_begin(&k->wait);
    rc = ee_keyring_read(k, &image, err);
    cmk = rc == EE_OK ? ee_keyring_current(&image, self(p)->name) : NULL;
    if (cmk != NULL) {
        (void)snprintf(out, size, "CMK %s, version %u, in keyring %s",
                       cmk->name, (unsigned)cmk->version, k->path.shown);
    }
    ee_keyring_image_clear(&image);
    return rc;
}

const struct ee_provider_class ee_keyring_provider = {
    .scheme = "keyring",
    .default_fragment = DEFAULT_CMK,
    .open = keyring_open,
    .wrap = keyring_wrap,
    .unwrap = keyring_unwrap,
    .create = keyring_create,
    .state = keyring_state,
    .describe = keyring_describe,
    .version_of = keyring_version_of,
    .rotate = keyring_rotate,
    .destroy = keyring_destroy,
    .close = keyring_close,
};
