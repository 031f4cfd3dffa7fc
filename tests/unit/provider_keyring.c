/* SPDX-License-Identifier: MIT
 *
 * provider_keyring.c: the life of a keyring, and what it refuses.
 */
#include "base/secret.h"
#include "ring.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct ee_error err;

static bool says(const char *text)
{
    return strstr(err.msg, text) != NULL;
}

static void registry(void)
{
    struct ee_provider_env env = {.base_dir = NULL};
    struct ee_provider *p = NULL;
    struct ee_cmk_uri uri;

    ok(ee_cmk_uri_parse(&uri, "nosuch:x", &err) == EE_OK &&
           ee_provider_open(&p, &ring_providers, &uri, &env, &err) ==
               EE_CONFIG &&
           p == NULL && says("nosuch") && says("keyring:"),
       "an unknown scheme: %s", err.msg);
    ee_provider_close(NULL);
    ok(true, "close(NULL)");
}

static void missing(void)
{
    struct ee_provider *p = NULL;

    ok(ring_open(&p, "none.keyring", false, &err) == EE_CONFIG && p == NULL &&
           says("none.keyring") && says(ring_dir) &&
           access(ring_path("none.keyring"), F_OK) != 0,
       "a missing keyring: %s", err.msg);
    ok(ring_open(&p, "nodir/x.keyring", true, &err) == EE_CONFIG &&
           says("nodir"),
       "a missing folder: %s", err.msg);
    ok(ring_open(&p, "x/", true, &err) == EE_CONFIG && says("folder"),
       "a folder: %s", err.msg);
}

static void wraps(void)
{
    struct ee_provider *p = NULL;
    uint8_t w[EE_CMK_WRAPPED_MAX];
    uint8_t again[EE_CMK_WRAPPED_MAX];
    uint8_t payload[EE_PAYLOAD_BYTES];
    size_t n = 0;
    size_t m = 0;
    int refused = 0;

    ok(ring_open(&p, "a.keyring", true, &err) == EE_OK, "makes a keyring");
    ok(ring_wrap(p, 1, w, &n, &err) == EE_OK && n == 108, "wraps");
    ok(ring_wrap(p, 1, again, &m, &err) == EE_OK && memcmp(w, again, n) != 0,
       "twice differently");
    ok(ring_unwrap(p, 1, w, n, &err) == EE_OK, "unwraps");
    for (size_t i = 0; i < n * 8; i++) {
        w[i / 8] ^= (uint8_t)(1 << i % 8);
        refused += ring_unwrap(p, 1, w, n, &err) > EE_OK;
        w[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    ok(refused == (int)n * 8, "every bit of a wrap counts");
    refused = 0;
    for (size_t i = 0; i < n; i++) {
        refused += ring_unwrap(p, 1, w, i, &err) == EE_AUTH;
    }
    ok(refused == (int)n && ring_unwrap(p, 1, w, n + 1, &err) == EE_AUTH,
       "any other length: %s", err.msg);
    memset(payload, 0xAA, sizeof payload);
    ok(ee_provider_unwrap(p, payload, ee_bytes(w, n), ee_bytes("other", 5),
                          &err) == EE_AUTH &&
           ee_is_zero(payload, sizeof payload),
       "another context: %s", err.msg);
    ee_provider_close(p);

    ok(ring_open(&p, "a.keyring", false, &err) == EE_OK &&
           ring_unwrap(p, 1, w, n, &err) == EE_OK,
       "unwraps when opened again");
    ee_provider_close(p);
    ok(ring_open(&p, "b.keyring", true, &err) == EE_OK &&
           ring_unwrap(p, 1, w, n, &err) == EE_AUTH,
       "not in another keyring: %s", err.msg);
    ee_provider_close(p);
}

static void names(void)
{
    struct ee_provider *p = NULL;
    uint8_t w[EE_CMK_WRAPPED_MAX];
    size_t n = 0;

    ok(ring_open(&p, "a.keyring#pii", false, &err) == EE_KEY_UNKNOWN &&
           says("pii") && says("a.keyring"),
       "an unknown CMK: %s", err.msg);
    ok(ring_open(&p, "a.keyring#pii", true, &err) == EE_OK &&
           ring_wrap(p, 2, w, &n, &err) == EE_OK,
       "makes a second CMK");
    ee_provider_close(p);
    ok(ring_open(&p, "a.keyring", false, &err) == EE_OK &&
           ring_unwrap(p, 2, w, n, &err) == EE_AUTH,
       "which is another key");
    ee_provider_close(p);
    ok(strcmp(ring_sql("a.keyring", "SELECT group_concat(name || version) "
                                    "FROM cmk"),
              "default1,pii1") == 0,
       "both can be listed");
}

/* Every CMK's nonce and box that is in the file now. */
static bool file_holds(const char *name, const char *sql_hex)
{
    char hex[256];
    uint8_t bytes[100];
    size_t n = 0;
    size_t size = 0;
    uint8_t *file = ring_read(name, &size);
    bool found = false;

    (void)snprintf(hex, sizeof hex, "%s", sql_hex);
    for (n = 0; n < strlen(hex) / 2 && n < sizeof bytes; n++) {
        unsigned b = 0;

        (void)sscanf(hex + 2 * n, "%2x", &b);
        bytes[n] = (uint8_t)b;
    }
    found = memmem(file, size, bytes, n) != NULL;
    free(file);
    return found;
}

static void rotation(void)
{
    struct ee_provider *p = NULL;
    struct ee_provider *q = NULL;
    uint8_t w1[EE_CMK_WRAPPED_MAX];
    uint8_t w2[EE_CMK_WRAPPED_MAX];
    char box[256];
    uint32_t version = 0;
    size_t n = 0;

    (void)ring_open(&p, "c.keyring", true, &err);
    (void)ring_open(&q, "c.keyring", true, &err);
    (void)ring_wrap(p, 1, w1, &n, &err);
    ok(ee_provider_rotate(q, &version, &err) == EE_OK && version == 2,
       "rotates");
    ok(ring_wrap(p, 2, w2, &n, &err) == EE_OK && w2[3] == 2,
       "a provider opened before wraps under the new version");
    ok(ring_unwrap(q, 1, w1, n, &err) == EE_OK &&
           ring_unwrap(q, 2, w2, n, &err) == EE_OK,
       "both versions unwrap");
    ok(ee_provider_rotate(p, &version, &err) == EE_OK && version == 3,
       "two connections in turn");

    ok(ee_provider_destroy(p, 3, &err) == EE_KEY_STATE, "keeps the current: %s",
       err.msg);
    ok(ee_provider_destroy(p, 9, &err) == EE_KEY_UNKNOWN,
       "destroys no unknown version: %s", err.msg);
    (void)snprintf(
        box, sizeof box, "%s",
        ring_sql("c.keyring", "SELECT hex(box) FROM cmk WHERE version = 1"));
    ok(file_holds("c.keyring", box), "the box is in the file");
    ok(ee_provider_destroy(p, 1, &err) == EE_OK, "destroys: %s", err.msg);
    ok(!file_holds("c.keyring", box), "the box is gone from the file");
    ok(ring_unwrap(q, 1, w1, n, &err) == EE_KEY_STATE && says("default") &&
           says("version 1"),
       "unwrap after that: %s", err.msg);
    ok(ee_provider_destroy(q, 1, &err) == EE_OK, "may be repeated");
    ok(ring_unwrap(q, 2, w2, n, &err) == EE_OK, "the others stay");
    ok(strcmp(ring_sql("c.keyring", "SELECT group_concat(state) FROM cmk"),
              "destroyed,enabled,enabled") == 0,
       "a tombstone stays");
    w1[3] = 77;
    ok(ring_unwrap(q, 1, w1, n, &err) == EE_KEY_UNKNOWN && says("77"),
       "an unknown version: %s", err.msg);
    ee_provider_close(p);
    ee_provider_close(q);
}

static void secrets(void)
{
    static const char wrong[] = "the passphrase is wrong or the keyring was "
                                "altered";
    struct ee_provider *p = NULL;
    char key[512];
    uint8_t w[EE_CMK_WRAPPED_MAX];
    size_t n = 0;

    (void)snprintf(key, sizeof key, "%s", getenv("ENVELOPE_KEYFILE"));
    (void)setenv("ENVELOPE_PASSPHRASE", "correct horse", 1);
    ok(ring_open(&p, "d.keyring", true, &err) == EE_CONFIG && says("unset"),
       "two secrets for a new keyring: %s", err.msg);
    (void)unsetenv("ENVELOPE_KEYFILE");
    ok(ring_open(&p, "d.keyring", true, &err) == EE_OK &&
           ring_wrap(p, 5, w, &n, &err) == EE_OK,
       "makes one with a passphrase");
    ee_provider_close(p);
    (void)setenv("ENVELOPE_KEYFILE", key, 1);
    ok(ring_open(&p, "d.keyring", false, &err) == EE_OK &&
           ring_unwrap(p, 5, w, n, &err) == EE_OK,
       "the keyring knows which of two secrets it needs");
    ee_provider_close(p);
    (void)setenv("ENVELOPE_PASSPHRASE", "wrong horse", 1);
    ok(ring_open(&p, "d.keyring", false, &err) == EE_DENIED && p == NULL &&
           says(wrong) && !says("horse"),
       "a wrong passphrase: %s", err.msg);
    (void)setenv("ENVELOPE_PASSPHRASE", "correct horse", 1);
    (void)ring_sql("d.keyring", "UPDATE cmk SET created = created + 1");
    ok(ring_open(&p, "d.keyring", false, &err) == EE_DENIED && says(wrong),
       "an altered keyring, the same text");
    (void)unsetenv("ENVELOPE_PASSPHRASE");
    ok(ring_open(&p, "d.keyring", false, &err) == EE_DENIED &&
           says("ENVELOPE_PASSPHRASE_FILE"),
       "no passphrase: %s", err.msg);
    (void)unsetenv("ENVELOPE_KEYFILE");
    ok(ring_open(&p, "a.keyring", false, &err) == EE_DENIED &&
           says("ENVELOPE_KEYFILE"),
       "no key file: %s", err.msg);
    ok(ring_open(&p, "e.keyring", true, &err) == EE_DENIED &&
           access(ring_path("e.keyring"), F_OK) != 0,
       "no secret for a new one: %s", err.msg);
    (void)setenv(
        "ENVELOPE_KEYFILE",
        ring_write("other.key", "0123456789abcdef0123456789abcdef", 32, 0600),
        1);
    ok(ring_open(&p, "a.keyring", false, &err) == EE_DENIED &&
           says("key file is wrong"),
       "a wrong key file: %s", err.msg);
    (void)setenv("ENVELOPE_KEYFILE", key, 1);
}

static void forks(void)
{
    struct ee_provider *p = NULL;
    uint8_t w[EE_CMK_WRAPPED_MAX];
    size_t n = 0;
    int status = 0;
    pid_t child = 0;

    (void)ring_open(&p, "a.keyring", false, &err);
    (void)ring_wrap(p, 3, w, &n, &err);
    child = fork();
    if (child == 0) {
        int rc = ring_unwrap(p, 3, w, n, &err);
        uint32_t v = 0;

        _exit(rc == EE_MISUSE && says("fork") &&
                      ring_wrap(p, 3, w, &n, &err) == EE_MISUSE &&
                      ee_provider_rotate(p, &v, &err) == EE_MISUSE
                  ? 0
                  : 1);
    }
    (void)waitpid(child, &status, 0);
    ok(status == 0, "a forked child has no keys and is told so");
    ok(ring_unwrap(p, 3, w, n, &err) == EE_OK, "its parent still has");
    ee_provider_close(p);
}

int main(void)
{
    struct ee_arena_report arena;

    ring_setup();
    registry();
    missing();
    wraps();
    names();
    rotation();
    secrets();
    forks();
    ee_arena_report(&arena);
    ok(arena.cells_used == 0, "every arena cell was given back");
    return done();
}
