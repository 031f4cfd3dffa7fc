/* SPDX-License-Identifier: MIT
 *
 * kms_vault_parts.c: URIs, requests and replies of Vault, without a network.
 */
#include "fake.h"
#include "kms/heap.h"
#include "kms/vault_reply.h"
#include "kms/vault_request.h"
#include "kms/vault_uri.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FROM "vault.example:8200"

static struct fake f;

/* ---- URIs ---- */

static bool becomes(const char *text, const char *expected)
{
    struct ee_vault_uri uri;
    char out[ENVELOPE_URI_MAX];

    return ee_vault_uri_parse(&uri, &f.call, text) == ENVELOPE_OK &&
           ee_vault_uri_write(&uri, out) && strcmp(out, expected) == 0;
}

static const char *const good_uris[][2] = {
    {"vault://h:8200/transit/keys/k", "vault://h:8200/transit/keys/k"},
    {"vault://h/transit/keys/k", "vault://h:8200/transit/keys/k"},
    {"vault://Vault.Example:443/transit/keys/K-1_x.y",
     "vault://vault.example:443/transit/keys/K-1_x.y"},
    {"vault://h:1/a/b/c/keys/k", "vault://h:1/a/b/c/keys/k"},
    {"vault://h:1/keys/keys/keys", "vault://h:1/keys/keys/keys"},
    {"vault://h:1/a/keys/b/keys/k", "vault://h:1/a/keys/b/keys/k"},
    {"vault://[::1]:8200/t/keys/k", "vault://[::1]:8200/t/keys/k"},
    {"vault://[::1]/t/keys/k", "vault://[::1]:8200/t/keys/k"},
    {"vault://10.0.0.1/t/keys/k", "vault://10.0.0.1:8200/t/keys/k"},
};

static const char *const bad_uris[] = {
    "",
    "vault:",
    "vault://",
    "vault:///transit/keys/k",
    "vault://h",
    "vault://h/",
    "vault://h/keys/k",
    "vault://h/transit/keys/",
    "vault://h/transit/keys",
    "vault://h/transit/key/k",
    "vault://h/transit/keys/k/",
    "vault://h/transit/keys/k/rotate",
    "vault://h/transit/keys/k?namespace=x",
    "vault://h/transit/keys/k#x",
    "vault://h/transit/keys/..",
    "vault://h/../keys/k",
    "vault://h/./keys/k",
    "vault://h/a//keys/k",
    "vault://h//keys/k",
    "vault://h/a%2fb/keys/k",
    "vault://h/transit/keys/k k",
    "vault://h/transit/keys/k\n",
    "vault://h/transit/keys/k\"",
    "vault://user@h/transit/keys/k",
    "vault://user:pw@h/transit/keys/k",
    "vault://h:/transit/keys/k",
    "vault://h:0/transit/keys/k",
    "vault://h:08200/transit/keys/k",
    "vault://h:65536/transit/keys/k",
    "vault://h:8200:1/transit/keys/k",
    "vault://-h/transit/keys/k",
    "vault://[::1/transit/keys/k",
    "vault://::1/transit/keys/k",
    "vault://[]/transit/keys/k",
    "VAULT://h/transit/keys/k",
    "https://h/transit/keys/k",
};

static void uris(void)
{
    for (size_t i = 0; i < sizeof good_uris / sizeof *good_uris; i++) {
        ok(becomes(good_uris[i][0], good_uris[i][1]), "%s", good_uris[i][1]);
        ok(becomes(good_uris[i][1], good_uris[i][1]), "and stays so");
    }
    for (size_t i = 0; i < sizeof bad_uris / sizeof *bad_uris; i++) {
        struct ee_vault_uri uri;

        ok(ee_vault_uri_parse(&uri, &f.call, bad_uris[i]) ==
                   ENVELOPE_CONFIGURATION &&
               strstr(f.call.message, "vault://vault.example:8200/") != NULL &&
               uri.server[0] == '\0',
           "refused: URI %zu", i);
    }
}

static void long_uris(void)
{
    struct ee_vault_uri uri;
    char text[ENVELOPE_URI_MAX + 2];
    char out[ENVELOPE_URI_MAX];

    memset(text, 'k', sizeof text);
    memcpy(text, "vault://h/t/keys/", 17);
    text[sizeof text - 1] = '\0';
    ok(ee_vault_uri_parse(&uri, &f.call, text) == ENVELOPE_CONFIGURATION,
       "one that is too long is refused");
    text[ENVELOPE_URI_MAX - 1] = '\0';
    ok(ee_vault_uri_parse(&uri, &f.call, text) == ENVELOPE_OK &&
           !ee_vault_uri_write(&uri, out),
       "one that would be with its port has no spelling");
}

/* ---- requests ---- */

static void wraps(void)
{
    static const char *const good[] = {"vault:v1:AA==", "vault:v12:ab+/Z9",
                                       "vault:v999999999:A"};
    static const char *const bad[] = {
        "",
        "vault:v",
        "vault:v1",
        "vault:v1:",
        "vault:v:AA",
        "vault:v0:AA",
        "vault:v01:AA",
        "vault:va:AA",
        "vault:1:AA",
        "Vault:v1:AA",
        "vault:v1:A\"A",
        "vault:v1:A A",
        "vault:v1:A\n",
        "vault:v-1:AA",
        "vault:v1000000000000:AA",
        "vault:v1:\xff\xff",
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ok(ee_vault_is_wrap(ee_bytes(good[i], strlen(good[i]))), "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ok(!ee_vault_is_wrap(ee_bytes(bad[i], strlen(bad[i]))),
           "no wrap of Transit's: %zu", i);
    }
    ok(!ee_vault_is_wrap(ee_bytes("vault:v1:A\0A", 12)), "nor with a NUL");
}

static void bodies(void)
{
    uint8_t payload[ENVELOPE_PAYLOAD_BYTES] = {0};
    char zeros[87] = ""; /* in base64, but for the padding */
    char expected[200];
    struct ee_buffer b;

    memset(zeros, 'A', sizeof zeros - 1);

    if (!ee_buffer_new(&b, 4096)) {
        abort();
    }
    ee_vault_put_encrypt(&b, payload, ee_bytes("ctx", 3));
    (void)snprintf(expected, sizeof expected,
                   "{\"type\":\"must-exist\",\"plaintext\":\"%s==\","
                   "\"associated_data\":\"Y3R4\"}",
                   zeros);
    ok(strcmp(b.text, expected) == 0, "encrypt: %s", b.text);
    ee_buffer_reset(&b);
    ee_vault_put_decrypt(&b, ee_bytes("vault:v1:AA==", 13), ee_bytes("ctx", 3));
    ok(strcmp(b.text, "{\"ciphertext\":\"vault:v1:AA==\","
                      "\"associated_data\":\"Y3R4\"}") == 0,
       "decrypt: %s", b.text);
    ee_buffer_reset(&b);
    ee_vault_put_pairs(&b, "role_id", ee_bytes("a\"b", 3), "secret_id",
                       ee_bytes("c", 1));
    ok(strcmp(b.text, "{\"role_id\":\"a\\\"b\",\"secret_id\":\"c\"}") == 0,
       "a login: %s", b.text);
    ee_buffer_reset(&b);
    ee_vault_put_pairs(&b, "name", ee_bytes("c", 1), NULL, ee_bytes(NULL, 0));
    ok(strcmp(b.text, "{\"name\":\"c\"}") == 0, "one of a certificate");
    ee_buffer_free(&b);
}

static void batches(void)
{
    static uint8_t old[ENVELOPE_WRAPPED_MAX];
    static uint8_t context[ENVELOPE_CONTEXT_MAX];
    static struct envelope_item items[200];
    struct ee_buffer b;
    size_t n = 0;

    memset(old, 'A', sizeof old);
    memcpy(old, "vault:v1:", 9);
    for (size_t i = 0; i < 200; i++) {
        items[i] = (struct envelope_item){context, 10, old, 200, NULL, 0};
    }
    ok(ee_vault_batch_fit(items, 200) == EE_VAULT_BATCH_MAX,
       "small items: so many that a server takes them");
    ok(ee_vault_batch_fit(items, 3) == 3, "or all that there are");
    for (size_t i = 0; i < 200; i++) {
        items[i] = (struct envelope_item){context,    sizeof context, old,
                                          sizeof old, NULL,           0};
    }
    n = ee_vault_batch_fit(items, 200);
    if (!ee_buffer_new(&b, EE_VAULT_BATCH_BYTES)) {
        abort();
    }
    ee_vault_put_decrypts(&b, items, n);
    ok(n > 1 && !b.w.bad, "big items: %zu of them fit into the buffer", n);
    ee_buffer_reset(&b);
    items[0].context_bytes = 1;
    items[0].old_bytes = 12;
    ee_vault_put_decrypts(&b, items, 1);
    ok(strcmp(b.text,
              "{\"batch_input\":[{\"ciphertext\":\"vault:v1:AAA\","
              "\"associated_data\":\"AA==\",\"reference\":\"0\"}]}") == 0,
       "a batch: %s", b.text);
    ee_buffer_free(&b);
}

/* ---- replies ---- */

static struct ee_bytes text(const char *s)
{
    return ee_bytes(s, strlen(s));
}

static void batch_replies(void)
{
    static uint8_t room[2][ENVELOPE_WRAPPED_MAX];
    struct envelope_item items[2] = {{.wrapped = room[0]},
                                     {.wrapped = room[1]}};
    static const char good[] =
        "{\"data\":{\"batch_results\":[{\"ciphertext\":\"vault:v2:AA==\","
        "\"reference\":\"0\"},{\"ciphertext\":\"vault:v2:AQ==\"}]}}";
    static const char swapped[] =
        "{\"data\":{\"batch_results\":[{\"ciphertext\":\"vault:v2:AA==\","
        "\"reference\":\"1\"},{\"ciphertext\":\"vault:v2:AQ==\","
        "\"reference\":\"0\"}]}}";
    static const char one[] = "{\"data\":{\"batch_results\":[{\"ciphertext\":"
                              "\"vault:v2:AA==\"}]}}";
    uint8_t payloads[2 * ENVELOPE_PAYLOAD_BYTES];

    ok(ee_vault_reply_wraps(&f.call, text(good), FROM, items, 2) == 0 &&
           items[1].wrapped_bytes == 13 &&
           memcmp(room[1], "vault:v2:AQ==", 13) == 0,
       "wraps of a batch");
    ok(ee_vault_reply_wraps(&f.call, text(swapped), FROM, items, 2) ==
           ENVELOPE_UNAVAILABLE,
       "swapped ones are refused, where the server tells");
    ok(ee_vault_reply_wraps(&f.call, text(one), FROM, items, 2) ==
           ENVELOPE_UNAVAILABLE,
       "too few are refused");
    ok(ee_vault_reply_payloads(&f.call, text(good), FROM, payloads, 2) ==
           ENVELOPE_CORRUPT,
       "payloads that are missing are refused");
}

static void logins(void)
{
    static const char good[] =
        "{\"auth\":{\"client_token\":\"s.abc\",\"lease_duration\":60,"
        "\"renewable\":true}}";
    static const char *const bad[] = {
        "{}",
        "{\"auth\":null}",
        "{\"auth\":{\"client_token\":\"\",\"lease_duration\":60}}",
        "{\"auth\":{\"client_token\":\"a\\nb\",\"lease_duration\":60}}",
        "{\"auth\":{\"client_token\":\"a b\",\"lease_duration\":60}}",
        "{\"auth\":{\"client_token\":\"s.a\",\"lease_duration\":-1}}",
        "{\"auth\":{\"client_token\":\"s.a\",\"lease_duration\":\"1\"}}",
        "{\"auth\":{\"client_token\":\"s.a\"}}",
        ("{\"auth\":{\"client_token\":\"s.a\",\"lease_duration\":"
         "9223372036854775807}}"),
    };
    static const struct ee_vault_login none;
    struct ee_vault_login login;

    ok(ee_vault_reply_login(&f.call, text(good), FROM, &login) == 0 &&
           strcmp(login.token, "s.abc") == 0 && login.lease_s == 60 &&
           login.renewable,
       "a login");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        memset(&login, 0xAA, sizeof login);
        ok(ee_vault_reply_login(&f.call, text(bad[i]), FROM, &login) ==
                   ENVELOPE_UNAVAILABLE &&
               memcmp(&login, &none, sizeof login) == 0,
           "no login: %zu", i);
    }
}

static void keys(void)
{
    static const char good[] =
        "{\"data\":{\"type\":\"aes256-gcm96\",\"latest_version\":3,"
        "\"soft_deleted\":true}}";
    static const char *const bad[] = {
        "{}",
        "{\"data\":{\"type\":\"\\u001b[31m\",\"latest_version\":3}}",
        "{\"data\":{\"type\":\"a\",\"latest_version\":-3}}",
        ("{\"data\":{\"type\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
         "\"latest_version\":3}}"),
    };
    struct ee_vault_key key;

    ok(ee_vault_reply_key(&f.call, text(good), FROM, &key) == 0 &&
           key.version == 3 && key.deleted &&
           strcmp(key.type, "aes256-gcm96") == 0,
       "a key");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ok(ee_vault_reply_key(&f.call, text(bad[i]), FROM, &key) ==
               ENVELOPE_UNAVAILABLE,
           "no key: %zu", i);
    }
}

static const struct {
    int asked;
    int status;
    const char *body;
    int result;
} all_statuses[] = {
    {EE_VAULT_ENCRYPT, 200, "", ENVELOPE_OK},
    {EE_VAULT_KEY, 204, "", ENVELOPE_OK},
    {EE_VAULT_DECRYPT, 400,
     "{\"errors\":[\"cipher: message authentication failed\"]}",
     ENVELOPE_CORRUPT},
    {EE_VAULT_DECRYPT, 400, "{\"errors\":[\"invalid ciphertext\"]}",
     ENVELOPE_CORRUPT},
    {EE_VAULT_DECRYPT, 400, "<html>", ENVELOPE_CORRUPT},
    {EE_VAULT_DECRYPT, 400, "{\"errors\":[\"encryption key not found\"]}",
     ENVELOPE_NOT_MINE},
    {EE_VAULT_DECRYPT, 400,
     "{\"data\":{\"batch_results\":[{\"plaintext\":\"\"},{\"error\":"
     "\"ciphertext or signature version is disallowed by policy "
     "(too old)\"}]}}",
     ENVELOPE_KEY_STATE},
    {EE_VAULT_ENCRYPT, 400,
     "{\"errors\":[\"refusing to use soft-deleted key\"]}", ENVELOPE_KEY_STATE},
    {EE_VAULT_ENCRYPT, 400,
     "{\"errors\":[\"unknown key type "
     "must-exist\"]}",
     ENVELOPE_NOT_MINE},
    {EE_VAULT_ENCRYPT, 400,
     "{\"errors\":[\"missing 'context' for key "
     "derivation\"]}",
     ENVELOPE_CONFIGURATION},
    {EE_VAULT_ENCRYPT, 400, "{}", ENVELOPE_CONFIGURATION},
    {EE_VAULT_LOGIN, 400, "{\"errors\":[\"invalid secret id\"]}",
     ENVELOPE_DENIED},
    {EE_VAULT_ENCRYPT, 403, "{}", ENVELOPE_DENIED},
    {EE_VAULT_ENCRYPT, 404, "{}", ENVELOPE_NOT_MINE},
    {EE_VAULT_LOGIN, 404, "{}", ENVELOPE_CONFIGURATION},
    {EE_VAULT_MAKE, 404, "{}", ENVELOPE_CONFIGURATION},
    {EE_VAULT_ENCRYPT, 405, "{}", ENVELOPE_CONFIGURATION},
    {EE_VAULT_ENCRYPT, 307, "{}", ENVELOPE_UNAVAILABLE},
    {EE_VAULT_ENCRYPT, 429, "{}", ENVELOPE_UNAVAILABLE},
    {EE_VAULT_ENCRYPT, 503, "{\"errors\":[\"Vault is sealed\"]}",
     ENVELOPE_UNAVAILABLE},
    {EE_VAULT_ENCRYPT, 500, "", ENVELOPE_UNAVAILABLE},
    {EE_VAULT_ENCRYPT, 201, "{}", ENVELOPE_UNAVAILABLE},
    {EE_VAULT_ENCRYPT, 0, "", ENVELOPE_UNAVAILABLE},
};

static void statuses(void)
{
    for (size_t i = 0; i < sizeof all_statuses / sizeof *all_statuses; i++) {
        char *body = strdup(all_statuses[i].body);
        const struct envelope_http_reply r = {.size = sizeof r,
                                              .status = all_statuses[i].status,
                                              .body = body,
                                              .body_bytes = strlen(body)};
        const int rc = ee_vault_reply_status(
            &f.call, (enum ee_vault_asked)all_statuses[i].asked, &r, FROM);

        ok(rc == all_statuses[i].result, "status %d, case %zu: %d",
           all_statuses[i].status, i, rc);
        free(body);
    }
}

int main(void)
{
    fake_init(&f, NULL, 0);
    ok(ee_kms_libraries(&f.call) == ENVELOPE_OK, "the libraries start");
    uris();
    long_uris();
    wraps();
    bodies();
    batches();
    batch_replies();
    logins();
    keys();
    statuses();
    return done();
}
