/* SPDX-License-Identifier: MIT
 *
 * kms_vault.c: what the vault: provider asks for, in which order, with which
 * token; by a network that is a script.
 */
#include "fake.h"
#include "kms/vault.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URI "vault://vault.example:8200/team/transit/keys/app"
#define AT  "https://vault.example:8200/v1/"

#define WRAPPED "{\"data\":{\"ciphertext\":\"vault:v1:AA==\"}}"
#define LOGIN(token, lease)                                                    \
    "{\"auth\":{\"client_token\":\"" token "\",\"lease_duration\":" lease      \
    ",\"renewable\":true}}"

static const struct envelope_provider *const p = &ee_vault_provider;
static struct fake f;
static char payload_json[200];

static const struct fake_reply wrapped = {0, 200, WRAPPED, 0};
static const struct fake_reply denied = {0, 403, "{\"errors\":[]}", 0};

static void environment(const char *name, const char *value)
{
    static const char *const all[] = {
        "VAULT_TOKEN",      "VAULT_ROLE_ID",         "VAULT_SECRET_ID",
        "VAULT_NAMESPACE",  "VAULT_KUBERNETES_ROLE", "VAULT_AUTH_METHOD",
        "VAULT_AUTH_MOUNT", "VAULT_TOKEN_FILE",      "HOME",
    };

    for (size_t i = 0; name == NULL && i < sizeof all / sizeof *all; i++) {
        (void)unsetenv(all[i]);
    }
    if (name != NULL) {
        (void)setenv(name, value, 1);
    }
}

static void approle(void)
{
    environment(NULL, NULL);
    environment("VAULT_ROLE_ID", "the-role");
    environment("VAULT_SECRET_ID", "the-secret");
}

static envelope_cmk *open_it(const struct fake_reply *script, size_t n)
{
    envelope_cmk *cmk = NULL;

    fake_init(&f, script, n);
    if (p->open(&f.call, URI, &cmk) != ENVELOPE_OK) {
        abort();
    }
    return cmk;
}

static int wrap(envelope_cmk *cmk)
{
    static const uint8_t payload[ENVELOPE_PAYLOAD_BYTES] = {1, 2, 3};
    static uint8_t out[ENVELOPE_WRAPPED_MAX];
    size_t n = 0;

    f.call.deadline_ms = f.now_ms + 5000;
    return p->wrap(cmk, &f.call, payload, (const uint8_t *)"ctx", 3, out, &n);
}

static int unwrap(envelope_cmk *cmk, const char *wrap)
{
    uint8_t payload[ENVELOPE_PAYLOAD_BYTES];

    return p->unwrap(cmk, &f.call, (const uint8_t *)wrap, strlen(wrap),
                     (const uint8_t *)"ctx", 3, payload);
}

static bool sent(size_t i, const char *method, const char *url,
                 const char *token)
{
    char header[64];

    (void)snprintf(header, sizeof header, "X-Vault-Token: %s\n", token);
    return i < f.sent && strcmp(f.seen[i].method, method) == 0 &&
           strcmp(f.seen[i].url, url) == 0 &&
           (token[0] != '\0'
                ? strstr(f.seen[i].headers, header) != NULL
                : strstr(f.seen[i].headers, "X-Vault-Token") == NULL);
}

static void tokens(void)
{
    envelope_cmk *cmk = NULL;

    environment(NULL, NULL);
    environment("VAULT_TOKEN", "s.given");
    cmk = open_it(&wrapped, 1);
    ok(f.sent == 0, "opening contacts nobody");
    ok(wrap(cmk) == 0 && f.sent == 1 &&
           sent(0, "POST", AT "team/transit/encrypt/app", "s.given"),
       "a given token is used as it is");
    ok(strstr(f.seen[0].headers, "X-Vault-Request: true\n") != NULL &&
           strstr(f.seen[0].headers, "Namespace") == NULL,
       "with the header that Vault's agent asks for, and no namespace");
    fake_script(&f, &denied, 1);
    ok(wrap(cmk) == ENVELOPE_DENIED && f.sent == 1 && f.released == 1,
       "a denied one is not sent again, since it is still the same");
    environment("VAULT_TOKEN", "s.other");
    ok(wrap(cmk) == ENVELOPE_DENIED && f.sent == 3 &&
           sent(2, "POST", AT "team/transit/encrypt/app", "s.other"),
       "another one is sent, once");
    p->close(cmk);
}

static void namespaces(void)
{
    envelope_cmk *cmk = NULL;

    environment(NULL, NULL);
    environment("VAULT_TOKEN", "s.given");
    environment("VAULT_NAMESPACE", "team1/sub");
    cmk = open_it(&wrapped, 1);
    ok(wrap(cmk) == 0 &&
           strstr(f.seen[0].headers, "X-Vault-Namespace: team1/sub\n") != NULL,
       "a namespace is a header");
    p->close(cmk);
}

static void logs_in(void)
{
    static const struct fake_reply script[] = {
        {0, 200, LOGIN("s.one", "60"), 0}, {0, 200, WRAPPED, 0}};
    envelope_cmk *cmk = NULL;

    approle();
    cmk = open_it(script, 2);
    ok(wrap(cmk) == 0 && f.sent == 2 &&
           sent(0, "POST", AT "auth/approle/login", "") &&
           sent(1, "POST", AT "team/transit/encrypt/app", "s.one"),
       "AppRole logs in first, without a token");
    ok(strcmp(f.seen[0].body, "{\"role_id\":\"the-role\",\"secret_id\":"
                              "\"the-secret\"}") == 0,
       "with role and secret");
    fake_script(&f, &wrapped, 1);
    ok(wrap(cmk) == 0 && f.sent == 1, "and once");
    p->close(cmk);
}

static void logs_in_again(void)
{
    static const struct fake_reply first[] = {{0, 200, LOGIN("s.one", "60"), 0},
                                              {0, 200, WRAPPED, 0}};
    static const struct fake_reply again[] = {{0, 403, "{}", 0},
                                              {0, 200, LOGIN("s.two", "60"), 0},
                                              {0, 200, WRAPPED, 0}};
    static const struct fake_reply never[] = {{0, 403, "{}", 0},
                                              {0, 200, LOGIN("s.six", "60"), 0},
                                              {0, 403, "{}", 0}};
    envelope_cmk *cmk = NULL;

    approle();
    cmk = open_it(first, 2);
    (void)wrap(cmk);
    fake_script(&f, again, 3);
    ok(wrap(cmk) == 0 && f.sent == 3 && f.released == 3 &&
           sent(0, "POST", AT "team/transit/encrypt/app", "s.one") &&
           sent(1, "POST", AT "auth/approle/login", "") &&
           sent(2, "POST", AT "team/transit/encrypt/app", "s.two"),
       "a token that ended is replaced, and the request sent once more");
    fake_script(&f, never, 3);
    ok(wrap(cmk) == ENVELOPE_DENIED && f.sent == 3 && f.released == 3,
       "but only once");
    p->close(cmk);
}

static void renews(void)
{
    static const struct fake_reply first[] = {{0, 200, LOGIN("s.one", "60"), 0},
                                              {0, 200, WRAPPED, 0}};
    static const struct fake_reply renewed[] = {
        {0, 200, LOGIN("s.one", "60"), 0}, {0, 200, WRAPPED, 0}};
    static const struct fake_reply refused[] = {
        {0, 400, "{}", 0},
        {0, 200, LOGIN("s.two", "60"), 0},
        {0, 200, WRAPPED, 0}};
    static const struct fake_reply down[] = {
        {0, 400, "{}", 0}, {0, 400, "{}", 0}, {0, 200, WRAPPED, 0}};
    envelope_cmk *cmk = NULL;

    approle();
    cmk = open_it(first, 2);
    (void)wrap(cmk);
    f.now_ms += 39000;
    fake_script(&f, &wrapped, 1);
    ok(wrap(cmk) == 0 && f.sent == 1, "a lease that holds is left alone");
    f.now_ms += 1500;
    fake_script(&f, renewed, 2);
    ok(wrap(cmk) == 0 && f.sent == 2 &&
           sent(0, "POST", AT "auth/token/renew-self", "s.one"),
       "after two thirds of it, it is renewed");
    f.now_ms += 41000;
    fake_script(&f, refused, 3);
    ok(wrap(cmk) == 0 && f.sent == 3 &&
           sent(1, "POST", AT "auth/approle/login", "") &&
           sent(2, "POST", AT "team/transit/encrypt/app", "s.two"),
       "one that is not renewed is replaced");
    f.now_ms += 41000;
    fake_script(&f, down, 3);
    ok(wrap(cmk) == 0 && f.sent == 3 &&
           sent(2, "POST", AT "team/transit/encrypt/app", "s.two"),
       "and used while it lasts, when it cannot be replaced");
    f.now_ms += 20000;
    fake_script(&f, down + 1, 1);
    ok(wrap(cmk) == ENVELOPE_DENIED && f.sent == 1,
       "and not longer: what is over is not sent");
    p->close(cmk);
}

static void unwraps(void)
{
    const struct fake_reply reply = {0, 200, payload_json, 0};
    envelope_cmk *cmk = NULL;

    environment(NULL, NULL);
    environment("VAULT_TOKEN", "s.given");
    cmk = open_it(&reply, 1);
    ok(unwrap(cmk, "vault:v1:AA==") == 0 &&
           sent(0, "POST", AT "team/transit/decrypt/app", "s.given"),
       "an unwrap");
    fake_script(&f, &reply, 1);
    ok(unwrap(cmk, "vault:v1:A\",\"x\":\"") == ENVELOPE_CORRUPT && f.sent == 0,
       "what Transit cannot have made is not sent to it");
    p->close(cmk);
}

static void creates(void)
{
    static const struct fake_reply there[] = {
        {0, 200, "{\"data\":{\"type\":\"aes256-gcm96\",\"latest_version\":1}}",
         0}};
    static const struct fake_reply missing[] = {{0, 404, "{}", 0},
                                                {0, 204, "", 0}};
    static const struct fake_reply lost[] = {{0, 404, "{}", 0},
                                             {ENVELOPE_UNAVAILABLE, 0, "", 0}};

    environment(NULL, NULL);
    environment("VAULT_TOKEN", "s.given");
    fake_init(&f, there, 1);
    ok(p->create(&f.call, URI) == ENVELOPE_CONFIGURATION && f.sent == 1,
       "a key that is there is not made again");
    fake_init(&f, missing, 2);
    ok(p->create(&f.call, URI) == 0 &&
           sent(1, "POST", AT "team/transit/keys/app", "s.given") &&
           strcmp(f.seen[1].body, "{\"type\":\"aes256-gcm96\"}") == 0,
       "one that is missing is made");
    fake_init(&f, lost, 2);
    ok(p->create(&f.call, URI) == ENVELOPE_UNAVAILABLE && f.sent == 2,
       "and not twice when the reply is lost");
}

static void rotates(void)
{
    static const struct fake_reply script[] = {
        {0, 204, "", 0},
        {0, 200, "{\"data\":{\"type\":\"a\",\"latest_version\":7}}", 0}};
    static const struct fake_reply blind[] = {{0, 204, "", 0},
                                              {0, 403, "{}", 0}};
    envelope_cmk *cmk = NULL;
    uint32_t version = 0;

    cmk = open_it(script, 2);
    ok(p->rotate(cmk, &f.call, &version) == 0 && version == 7 &&
           sent(0, "POST", AT "team/transit/keys/app/rotate", "s.given"),
       "a rotation tells the version");
    fake_script(&f, blind, 2);
    ok(p->rotate(cmk, &f.call, &version) == 0 && version == 0 &&
           f.call.message[0] == '\0',
       "or none, when it may not be asked for");
    p->close(cmk);
}

static void without_credentials(void)
{
    envelope_cmk *cmk = NULL;

    environment(NULL, NULL);
    cmk = open_it(&wrapped, 1);
    ok(wrap(cmk) == ENVELOPE_DENIED && f.sent == 0 &&
           strstr(f.call.message, "VAULT_TOKEN") != NULL,
       "without a credential nothing is sent: %s", f.call.message);
    p->close(cmk);
    environment("VAULT_AUTH_METHOD", "magic");
    cmk = open_it(&wrapped, 1);
    ok(wrap(cmk) == ENVELOPE_CONFIGURATION && f.sent == 0,
       "nor with a method that is none");
    p->close(cmk);
    p->close(NULL);
    ok(1, "closing nothing is no error");
}

int main(void)
{
    memset(payload_json, 'A', sizeof payload_json);
    memcpy(payload_json, "{\"data\":{\"plaintext\":\"", 22);
    memcpy(payload_json + 22 + 86, "==\"}}", 6);
    tokens();
    namespaces();
    logs_in();
    logs_in_again();
    renews();
    unwraps();
    creates();
    rotates();
    without_credentials();
    return done();
}
