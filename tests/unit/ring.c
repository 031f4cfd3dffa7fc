/* SPDX-License-Identifier: MIT
 *
 * ring.c: what the provider tests share.
 */
#include "ring.h"

#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char ring_dir[200];
struct ee_providers ring_providers;
static pid_t owner;

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_dir(void)
{
    if (getpid() == owner) {
        (void)nftw(ring_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
}

void ring_no_secret(void)
{
    (void)unsetenv("ENVELOPE_PASSPHRASE");
    (void)unsetenv("ENVELOPE_PASSPHRASE_FILE");
    (void)unsetenv("ENVELOPE_KEYFILE");
    (void)unsetenv("CREDENTIALS_DIRECTORY");
}

void ring_setup(void)
{
    const char *base = getenv("TMPDIR");
    uint8_t key[32];

    if (base == NULL) { /* in memory where that is possible: fsync is free */
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    }
    (void)snprintf(ring_dir, sizeof ring_dir, "%s/ee-ring-XXXXXX", base);
    if (mkdtemp(ring_dir) == NULL) {
        perror("mkdtemp");
        exit(1);
    }
    owner = getpid();
    (void)atexit(remove_dir);
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)(i * 7 + 1);
    }
    ring_no_secret();
    (void)setenv("ENVELOPE_KEYFILE",
                 ring_write("test.key", key, sizeof key, 0600), 1);
}

void ring_must(int good)
{
    if (!good) {
        perror("cannot set up the test");
        exit(2);
    }
}

const char *ring_path(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];

    (void)snprintf(path, sizeof paths[0], "%s/%s", ring_dir, name);
    return path;
}

const char *ring_write(const char *name, const void *bytes, size_t n,
                       unsigned mode)
{
    const char *path = ring_path(name);
    int fd = -1;

    (void)unlink(path); /* only root may write to one that is read-only */
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || fchmod(fd, mode) != 0) {
        perror(path);
        exit(1);
    }
    (void)close(fd);
    return path;
}

int ring_open(struct ee_provider **p, const char *name_and_cmk, bool may_create,
              struct ee_error *err)
{
    struct ee_provider_env env = {.base_dir = ring_dir,
                                  .may_create = may_create};
    struct ee_cmk_uri uri;
    char text[512];
    int rc = EE_OK;

    *p = NULL;
    err->code = EE_OK;
    err->msg[0] = '\0';
    (void)snprintf(text, sizeof text, "keyring:%s", name_and_cmk);
    rc = ee_cmk_uri_parse(&uri, text, err);
    return rc != EE_OK ? rc
                       : ee_provider_open(p, &ring_providers, &uri, &env, err);
}

void ring_payload(uint8_t *payload, unsigned seed)
{
    for (unsigned i = 0; i < EE_PAYLOAD_BYTES; i++) {
        payload[i] = (uint8_t)(seed * 31 + i * 5 + 3);
    }
}

int ring_wrap(struct ee_provider *p, unsigned seed, uint8_t *wrapped, size_t *n,
              struct ee_error *err)
{
    uint8_t payload[EE_PAYLOAD_BYTES];

    ring_payload(payload, seed);
    return ee_provider_wrap(p, wrapped, n, payload, RING_CONTEXT, err);
}

int ring_unwrap(struct ee_provider *p, unsigned seed, const uint8_t *wrapped,
                size_t n, struct ee_error *err)
{
    uint8_t expected[EE_PAYLOAD_BYTES];
    uint8_t payload[EE_PAYLOAD_BYTES];
    int rc =
        ee_provider_unwrap(p, payload, ee_bytes(wrapped, n), RING_CONTEXT, err);

    ring_payload(expected, seed);
    if (rc != EE_OK) {
        memset(expected, 0, sizeof expected);
    }
    return memcmp(expected, payload, sizeof payload) == 0 ? rc : -1;
}

const char *ring_sql(const char *name, const char *sql)
{
    static char answer[256];
    const char *result = NULL;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_open_v2(ring_path(name), &db, SQLITE_OPEN_READWRITE, NULL) ==
            SQLITE_OK &&
        sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        (void)snprintf(answer, sizeof answer, "%s",
                       (const char *)sqlite3_column_text(stmt, 0));
        result = answer;
    }
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return result;
}

uint8_t *ring_read(const char *name, size_t *n)
{
    FILE *f = fopen(ring_path(name), "rb");
    struct stat st;
    uint8_t *bytes = NULL;

    *n = 0;
    if (f != NULL && fstat(fileno(f), &st) == 0) {
        bytes = malloc((size_t)st.st_size + 1);
        *n = bytes != NULL ? fread(bytes, 1, (size_t)st.st_size, f) : 0;
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return bytes;
}
