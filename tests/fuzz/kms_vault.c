/* SPDX-License-Identifier: MIT
 *
 * kms_vault.c: whatever a server sends in Vault's place, or stands in a vault:
 * URI. The first byte says as what the rest is read.
 *
 * What is taken has the sizes that the rest of the code believes; what is
 * refused leaves nothing behind, and is told of in words of our own.
 */
#include "kms/heap.h"
#include "kms/vault_reply.h"
#include "kms/vault_request.h"
#include "kms/vault_uri.h"

#include <stdlib.h>
#include <string.h>

#define FROM  "vault.example:8200"
#define ITEMS 3

static struct envelope_call call;

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static int zero(const void *p, size_t n)
{
    const uint8_t *byte = p;

    for (size_t i = 0; i < n; i++) {
        if (byte[i] != 0) {
            return 0;
        }
    }
    return 1;
}

/* One printable line, that fits. */
static void said(int rc)
{
    const char *end = memchr(call.message, '\0', sizeof call.message);

    check(rc != ENVELOPE_OK && end != NULL && end - call.message > 20);
    for (const char *p = call.message; p < end; p++) {
        check((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7F);
    }
}

static void uri(struct ee_bytes in)
{
    struct ee_vault_uri u;
    struct ee_vault_uri again;
    char text[ENVELOPE_URI_MAX + 8];
    char out[ENVELOPE_URI_MAX];
    char out2[ENVELOPE_URI_MAX];

    if (in.n >= sizeof text) {
        return;
    }
    memcpy(text, in.p, in.n);
    text[in.n] = '\0';
    if (ee_vault_uri_parse(&u, &call, text) != ENVELOPE_OK) {
        said(ENVELOPE_CONFIGURATION);
        check(zero(&u, sizeof u));
        return;
    }
    check(strpbrk(u.mount, "?#%\\\"\n @") == NULL && u.mount[0] != '/');
    check(strstr(u.mount, "..") == NULL || strstr(u.mount, "/../") == NULL);
    check(strpbrk(u.key, "/?#%\\\"\n @") == NULL && u.key[0] != '\0');
    check(strpbrk(u.server, "/?#%\\\"\n @") == NULL);
    if (ee_vault_uri_write(&u, out)) {
        check(ee_vault_uri_parse(&again, &call, out) == ENVELOPE_OK);
        check(ee_vault_uri_write(&again, out2) && strcmp(out, out2) == 0);
    }
}

static void wrapped(struct ee_bytes body)
{
    static uint8_t out[ENVELOPE_WRAPPED_MAX];
    size_t n = 0;
    int rc = ee_vault_reply_wrapped(&call, body, FROM, out, &n);

    if (rc == ENVELOPE_OK) {
        check(n > 9 && n <= sizeof out && ee_vault_is_wrap(ee_bytes(out, n)));
    } else {
        said(rc);
    }
}

static void payload(struct ee_bytes body)
{
    uint8_t out[ENVELOPE_PAYLOAD_BYTES];
    int rc = 0;

    memset(out, 0xAA, sizeof out);
    rc = ee_vault_reply_payload(&call, body, FROM, out);
    if (rc != ENVELOPE_OK) {
        said(rc);
        check(zero(out, sizeof out));
    }
}

static void batch(struct ee_bytes body)
{
    static uint8_t room[ITEMS][ENVELOPE_WRAPPED_MAX];
    uint8_t payloads[ITEMS * ENVELOPE_PAYLOAD_BYTES] = {0};
    struct envelope_item items[ITEMS] = {{0}};
    int rc = 0;

    for (size_t i = 0; i < ITEMS; i++) {
        items[i].wrapped = room[i];
    }
    rc = ee_vault_reply_wraps(&call, body, FROM, items, ITEMS);
    if (rc != ENVELOPE_OK) {
        said(rc);
    }
    for (size_t i = 0; rc == ENVELOPE_OK && i < ITEMS; i++) {
        check(ee_vault_is_wrap(ee_bytes(room[i], items[i].wrapped_bytes)));
    }
    rc = ee_vault_reply_payloads(&call, body, FROM, payloads, ITEMS);
    if (rc != ENVELOPE_OK) {
        said(rc);
        check(zero(payloads, sizeof payloads));
    }
}

static void login(struct ee_bytes body)
{
    struct ee_vault_login l;
    int rc = 0;

    memset(&l, 0xAA, sizeof l);
    rc = ee_vault_reply_login(&call, body, FROM, &l);
    if (rc != ENVELOPE_OK) {
        said(rc);
        check(zero(&l, sizeof l));
        return;
    }
    check(l.lease_s >= 0 && l.lease_s < INT64_MAX / 3000);
    check(l.token[0] != '\0' && strnlen(l.token, sizeof l.token) < 4096);
    check(strpbrk(l.token, " \r\n\t") == NULL);
}

static void key(struct ee_bytes body)
{
    struct ee_vault_key k;
    int rc = ee_vault_reply_key(&call, body, FROM, &k);

    if (rc == ENVELOPE_OK) {
        check(k.type[0] != '\0' && strnlen(k.type, sizeof k.type) < 32);
    } else {
        said(rc);
    }
}

/* The first byte of the body is one of the statuses. */
static void status(struct ee_bytes in)
{
    static const int all[] = {200, 204, 301, 307, 400, 403, 404,
                              405, 412, 429, 500, 503, 0,   -1};
    static char body[4096];
    struct envelope_http_reply r = {.size = sizeof r, .body = body};
    int rc = 0;

    if (in.n == 0 || in.n > sizeof body) {
        return;
    }
    r.status = all[in.p[0] % (sizeof all / sizeof *all)];
    r.body_bytes = in.n - 1;
    memcpy(body, in.p + 1, in.n - 1);
    body[in.n - 1] = '\0';
    for (int asked = EE_VAULT_ENCRYPT; asked <= EE_VAULT_LOGIN; asked++) {
        rc = ee_vault_reply_status(&call, (enum ee_vault_asked)asked, &r, FROM);
        if (r.status == 200 || r.status == 204) {
            check(rc == ENVELOPE_OK);
        } else {
            said(rc);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct ee_bytes) = {
        uri, wrapped, payload, batch, login, key, status};
    const size_t n = sizeof readers / sizeof *readers;

    if (size > 0 && ee_kms_libraries(&call) == ENVELOPE_OK) {
        call.message[0] = '\0';
        readers[data[0] % n](ee_bytes(data + 1, size - 1));
    }
    return 0;
}
