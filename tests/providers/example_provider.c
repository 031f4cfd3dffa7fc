/* SPDX-License-Identifier: MIT
 *
 * example_provider.c: a key provider in a loadable extension of its own.
 *
 *     cc -shared -fPIC -I../../ext example_provider.c -lcrypto \
 *        -o example_provider.so
 *
 *     export EXAMPLE_KEYS=/etc/example-keys
 *     sqlite> .load ./envelope
 *     sqlite> .load ./example_provider
 *     sqlite> SELECT envelope_cmk_create('example:orders');
 *     sqlite> SELECT envelope_key_create('pii', 'example:orders');
 *
 * The CMK `example:NAME` is the file NAME in the folder $EXAMPLE_KEYS: 32 bytes
 * for each version, the newest last. A wrap is the number of the version, a
 * nonce, and AES-256-GCM under that version:
 *
 *     version u8 | nonce 12 | ciphertext 64 | tag 16
 *
 * It is here to be read and copied. For keys in a file use keyring:, which
 * encrypts them.
 */
#define _POSIX_C_SOURCE 200809L /* O_CLOEXEC, with -std=c11 */

#include "envelope_provider.h"

#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEME       "example"
#define KEY_BYTES    32
#define NONCE_BYTES  12
#define TAG_BYTES    16
#define VERSIONS_MAX 255
#define WRAP_BYTES   (1 + NONCE_BYTES + ENVELOPE_PAYLOAD_BYTES + TAG_BYTES)

/* The first version is 1. */
struct envelope_cmk {
    char path[ENVELOPE_URI_MAX + 256];
    size_t versions;
    uint8_t
        keys[VERSIONS_MAX * KEY_BYTES]; /* secret: wiped by example_close() */
};

static int fail(struct envelope_call *call, int result, const char *why)
{
    (void)snprintf(call->message, sizeof call->message, "%s", why);
    return result;
}

/* ---- the file ---- */

/* NAME may come from a database that somebody else wrote. */
static int path_of(struct envelope_call *call, char *out, size_t size,
                   const char *uri)
{
    const char *name = uri + strlen(SCHEME ":");
    const char *folder = getenv("EXAMPLE_KEYS");

    if (folder == NULL) {
        return fail(call, ENVELOPE_CONFIGURATION,
                    "set EXAMPLE_KEYS to the folder with the keys");
    }
    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0') {
        return fail(call, ENVELOPE_CONFIGURATION,
                    "write example:NAME, with small letters, digits and '-'");
    }
    if (snprintf(out, size, "%s/%s", folder, name) >= (int)size) {
        return fail(call, ENVELOPE_CONFIGURATION, "EXAMPLE_KEYS is too long");
    }
    return ENVELOPE_OK;
}

static int read_keys(struct envelope_call *call, envelope_cmk *cmk)
{
    const int fd = open(cmk->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = -1;

    if (fd >= 0) {
        n = read(fd, cmk->keys, sizeof cmk->keys);
        (void)close(fd);
    }
    if (fd < 0 && errno == ENOENT) {
        return fail(call, ENVELOPE_NOT_MINE,
                    "there is no such key in EXAMPLE_KEYS: envelope_cmk_create"
                    "() makes it");
    }
    if (fd < 0 && errno == EACCES) {
        return fail(call, ENVELOPE_DENIED,
                    "this user may not read the key in EXAMPLE_KEYS: give it "
                    "the right to");
    }
    if (n <= 0 || n % KEY_BYTES != 0) {
        return fail(call, ENVELOPE_CONFIGURATION,
                    "the key in EXAMPLE_KEYS is damaged: bring it back from a "
                    "backup");
    }
    cmk->versions = (size_t)n / KEY_BYTES;
    return ENVELOPE_OK;
}

/* Adds a version. flags: O_APPEND, or O_CREAT | O_EXCL for the first. */
static int write_key(struct envelope_call *call, const char *path, int flags)
{
    uint8_t key[KEY_BYTES]; /* secret: wiped below */
    int fd = -1;
    int result = ENVELOPE_OK;

    if (call->random(call->arg, key, sizeof key) != 0) {
        return fail(call, ENVELOPE_UNAVAILABLE, "no random numbers: try again");
    }
    fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
    if (fd < 0 || write(fd, key, sizeof key) != (ssize_t)sizeof key ||
        fsync(fd) != 0) {
        result = fail(call, ENVELOPE_CONFIGURATION,
                      "the key cannot be written: is it there already, is "
                      "EXAMPLE_KEYS a folder with room, and yours?");
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    OPENSSL_cleanse(key, sizeof key);
    return result;
}

/* ---- AES-256-GCM ---- */

/* in: a payload, or its ciphertext. tag: made, or compared. */
static int gcm(int encrypt, const uint8_t *key, const uint8_t *nonce,
               const uint8_t *context, size_t context_bytes, const uint8_t *in,
               uint8_t *out, uint8_t *tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new(); /* freeing it wipes */
    int result = ENVELOPE_NOMEM;
    int n = 0;

    if (ctx == NULL ||
        EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, encrypt) !=
            1 ||
        EVP_CipherUpdate(ctx, NULL, &n, context, (int)context_bytes) != 1 ||
        EVP_CipherUpdate(ctx, out, &n, in, ENVELOPE_PAYLOAD_BYTES) != 1 ||
        (!encrypt &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) != 1)) {
        goto out;
    }
    result = ENVELOPE_CORRUPT;
    if (EVP_CipherFinal_ex(ctx, out + n, &n) == 1 &&
        (!encrypt ||
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1)) {
        result = ENVELOPE_OK;
    }
out:
    EVP_CIPHER_CTX_free(ctx);
    return result;
}

/* ---- the provider ---- */

static void example_close(envelope_cmk *cmk)
{
    if (cmk != NULL) {
        OPENSSL_cleanse(cmk, sizeof *cmk);
        free(cmk);
    }
}

static int example_open(struct envelope_call *call, const char *uri,
                        envelope_cmk **out)
{
    envelope_cmk *cmk = calloc(1, sizeof *cmk);
    int result = ENVELOPE_NOMEM;

    *out = NULL;
    if (cmk != NULL) {
        result = path_of(call, cmk->path, sizeof cmk->path, uri);
    }
    if (result == ENVELOPE_OK) {
        result = read_keys(call, cmk);
    }
    if (result != ENVELOPE_OK) {
        example_close(cmk);
        return result;
    }
    *out = cmk;
    return ENVELOPE_OK;
}

static int example_wrap(envelope_cmk *cmk, struct envelope_call *call,
                        const uint8_t *payload, const uint8_t *context,
                        size_t context_bytes, uint8_t *wrapped,
                        size_t *wrapped_bytes)
{
    const uint8_t *key = cmk->keys + (cmk->versions - 1) * KEY_BYTES;
    uint8_t *nonce = wrapped + 1;
    uint8_t *text = nonce + NONCE_BYTES;

    wrapped[0] = (uint8_t)cmk->versions;
    *wrapped_bytes = WRAP_BYTES;
    if (call->random(call->arg, nonce, NONCE_BYTES) != 0) {
        return fail(call, ENVELOPE_UNAVAILABLE, "no random numbers: try again");
    }
    return gcm(1, key, nonce, context, context_bytes, payload, text,
               text + ENVELOPE_PAYLOAD_BYTES);
}

static int example_unwrap(envelope_cmk *cmk, struct envelope_call *call,
                          const uint8_t *wrapped, size_t wrapped_bytes,
                          const uint8_t *context, size_t context_bytes,
                          uint8_t *payload)
{
    uint8_t tag[TAG_BYTES];
    const uint8_t *nonce = wrapped + 1;
    const uint8_t *text = nonce + NONCE_BYTES;
    const uint8_t *key = NULL;

    (void)call;
    if (wrapped_bytes != WRAP_BYTES || wrapped[0] == 0 ||
        wrapped[0] > cmk->versions) {
        return ENVELOPE_CORRUPT;
    }
    key = cmk->keys + ((size_t)wrapped[0] - 1) * KEY_BYTES;
    memcpy(tag, text + ENVELOPE_PAYLOAD_BYTES, sizeof tag);
    /* where it is not authentic, the caller wipes payload */
    return gcm(0, key, nonce, context, context_bytes, text, payload, tag);
}

static int example_create(struct envelope_call *call, const char *uri)
{
    char path[sizeof((struct envelope_cmk *)NULL)->path];
    int result = path_of(call, path, sizeof path, uri);

    return result == ENVELOPE_OK ? write_key(call, path, O_CREAT | O_EXCL)
                                 : result;
}

static int example_rotate(envelope_cmk *cmk, struct envelope_call *call,
                          uint32_t *version)
{
    if (cmk->versions == VERSIONS_MAX) {
        return fail(call, ENVELOPE_KEY_STATE,
                    "this key has all the versions it can have: make another "
                    "one");
    }
    *version = (uint32_t)cmk->versions + 1;
    return write_key(call, cmk->path, O_APPEND);
}

static int example_describe(envelope_cmk *cmk, struct envelope_call *call,
                            char *out, size_t out_bytes)
{
    (void)call;
    (void)snprintf(out, out_bytes, "AES-256-GCM, version %zu, in %s",
                   cmk->versions, cmk->path);
    return ENVELOPE_OK;
}

static const struct envelope_provider example_provider = {
    .abi = ENVELOPE_PROVIDER_ABI,
    .size = sizeof(struct envelope_provider),
    .scheme = SCHEME,
    .open = example_open,
    .wrap = example_wrap,
    .unwrap = example_unwrap,
    .create = example_create,
    .rotate = example_rotate,
    .describe = example_describe,
    .close = example_close,
};

/* ---- registering ---- */

static int registry_of(sqlite3 *db, struct envelope_provider_registry **out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT envelope_provider_registry(?1)", -1,
                                &stmt, NULL);

    if (rc == SQLITE_OK) {
        rc =
            sqlite3_bind_pointer(stmt, 1, out, ENVELOPE_REGISTRY_POINTER, NULL);
    }
    if (rc == SQLITE_OK) {
        (void)sqlite3_step(stmt);
        rc = sqlite3_reset(stmt);
    }
    (void)sqlite3_finalize(stmt);
    return rc;
}

__attribute__((visibility("default"))) int
sqlite3_exampleprovider_init(sqlite3 *db, char **message,
                             const sqlite3_api_routines *api)
{
    struct envelope_provider_registry *registry = NULL;
    int rc = SQLITE_OK;

    SQLITE_EXTENSION_INIT2(api);
    rc = registry_of(db, &registry);
    if (rc != SQLITE_OK || registry == NULL) {
        *message =
            sqlite3_mprintf("load envelope first: %s", sqlite3_errmsg(db));
        return SQLITE_ERROR;
    }
    if (registry->add(registry, &example_provider) != ENVELOPE_OK) {
        *message = sqlite3_mprintf("envelope does not take this provider");
        return SQLITE_ERROR;
    }
    return SQLITE_OK;
}
