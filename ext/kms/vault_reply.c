/* SPDX-License-Identifier: MIT
 *
 * vault_reply.c: reads the bodies of replies that say success.
 */
#include "kms/vault_reply.h"

#include "base/secret.h"
#include "kms/fail.h"
#include "kms/json.h"
#include "kms/vault_request.h"

#include <stdio.h>
#include <string.h>

#define LEASE_MAX   (100LL * 366 * 86400)
#define VERSION_MAX 0x7fffffff

static int strange(struct envelope_call *call, const char *from)
{
    return ee_kms_fail(call, ENVELOPE_UNAVAILABLE,
                       "%s did not answer as a Vault does: see that the URI "
                       "names its address, and no proxy's",
                       from);
}

/* read: what ee_json_read() gave. */
static int judge(struct envelope_call *call, const char *from, int read,
                 bool ok)
{
    if (read != ENVELOPE_OK) {
        return read;
    }
    return ok ? ENVELOPE_OK : strange(call, from);
}

static int no_payload(struct envelope_call *call)
{
    return ee_kms_fail(call, ENVELOPE_CORRUPT,
                       "what was wrapped is not a key of this extension's");
}

static bool take_wrap(const json_t *object, uint8_t *wrapped, size_t *n)
{
    struct ee_bytes text = {0};

    if (!ee_json_string_of(object, "ciphertext", &text) ||
        !ee_vault_is_wrap(text)) {
        return false;
    }
    memcpy(wrapped, text.p, text.n);
    *n = text.n;
    return true;
}

int ee_vault_reply_wrapped(struct envelope_call *call, struct ee_bytes body,
                           const char *from, uint8_t *wrapped, size_t *n)
{
    json_t *json = NULL;
    const int read = ee_json_read(&json, body);
    const bool ok = take_wrap(json_object_get(json, "data"), wrapped, n);

    json_decref(json);
    return judge(call, from, read, ok);
}

int ee_vault_reply_payload(struct envelope_call *call, struct ee_bytes body,
                           const char *from, uint8_t *payload)
{
    json_t *json = NULL;
    const int read = ee_json_read(&json, body);
    const json_t *data = json_object_get(json, "data");
    struct ee_bytes text = {0};
    int rc = ENVELOPE_OK;

    ee_wipe(payload, ENVELOPE_PAYLOAD_BYTES);
    rc = judge(call, from, read, ee_json_string_of(data, "plaintext", &text));
    if (rc == ENVELOPE_OK && !ee_json_payload_of(data, "plaintext", payload)) {
        rc = no_payload(call);
    }
    json_decref(json);
    return rc;
}

/* Result i of a batch. Older servers do not give the reference back. */
static const json_t *result_of(const json_t *results, size_t i)
{
    const json_t *result = json_array_get(results, i);
    struct ee_bytes reference = {0};
    char expected[24];

    (void)snprintf(expected, sizeof expected, "%zu", i);
    if (ee_json_string_of(result, "reference", &reference) && reference.n > 0 &&
        (reference.n != strlen(expected) ||
         strncmp((const char *)reference.p, expected, reference.n) != 0)) {
        return NULL;
    }
    return result;
}

static const json_t *results_of(const json_t *json, size_t count)
{
    const json_t *data = json_object_get(json, "data");
    const json_t *results = json_object_get(data, "batch_results");

    return json_array_size(results) == count ? results : NULL;
}

int ee_vault_reply_wraps(struct envelope_call *call, struct ee_bytes body,
                         const char *from, struct envelope_item *items,
                         size_t count)
{
    json_t *json = NULL;
    const int read = ee_json_read(&json, body);
    const json_t *results = results_of(json, count);
    bool ok = results != NULL;

    for (size_t i = 0; ok && i < count; i++) {
        ok = take_wrap(result_of(results, i), items[i].wrapped,
                       &items[i].wrapped_bytes);
    }
    json_decref(json);
    return judge(call, from, read, ok);
}

int ee_vault_reply_payloads(struct envelope_call *call, struct ee_bytes body,
                            const char *from, uint8_t *payloads, size_t count)
{
    json_t *json = NULL;
    const int read = ee_json_read(&json, body);
    const json_t *results = results_of(json, count);
    int rc = judge(call, from, read, results != NULL);

    for (size_t i = 0; rc == ENVELOPE_OK && i < count; i++) {
        if (!ee_json_payload_of(result_of(results, i), "plaintext",
                                payloads + i * ENVELOPE_PAYLOAD_BYTES)) {
            rc = no_payload(call);
        }
    }
    if (rc != ENVELOPE_OK) {
        ee_wipe(payloads, count * ENVELOPE_PAYLOAD_BYTES);
    }
    json_decref(json);
    return rc;
}

static bool is_type(struct ee_bytes text, size_t size)
{
    for (size_t i = 0; i < text.n; i++) {
        const uint8_t c = text.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
              c == '_')) {
            return false;
        }
    }
    return text.n > 0 && text.n < size;
}

int ee_vault_reply_key(struct envelope_call *call, struct ee_bytes body,
                       const char *from, struct ee_vault_key *key)
{
    json_t *json = NULL;
    const int read = ee_json_read(&json, body);
    const json_t *data = json_object_get(json, "data");
    struct ee_bytes type = {0};
    int64_t version = 0;
    const bool ok =
        ee_json_string_of(data, "type", &type) &&
        is_type(type, sizeof key->type) &&
        ee_json_number_of(data, "latest_version", VERSION_MAX, &version);

    memset(key, 0, sizeof *key);
    if (ok) {
        memcpy(key->type, type.p, type.n);
        key->version = (uint32_t)version;
        key->deleted = json_is_true(json_object_get(data, "soft_deleted"));
    }
    json_decref(json);
    return judge(call, from, read, ok);
}

/* It becomes a header. */
static bool is_token(struct ee_bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= 0x20 || text.p[i] >= 0x7F) {
            return false;
        }
    }
    return text.n > 0 && text.n < EE_VAULT_TOKEN_MAX;
}

int ee_vault_reply_login(struct envelope_call *call, struct ee_bytes body,
                         const char *from, struct ee_vault_login *login)
{
    json_t *json = NULL;
    const int read = ee_json_read(&json, body);
    const json_t *auth = json_object_get(json, "auth");
    struct ee_bytes token = {0};
    int64_t lease = 0;
    const bool ok =
        ee_json_string_of(auth, "client_token", &token) && is_token(token) &&
        ee_json_number_of(auth, "lease_duration", LEASE_MAX, &lease);

    ee_wipe(login, sizeof *login);
    if (ok) {
        memcpy(login->token, token.p, token.n);
        login->lease_s = lease;
        login->renewable = json_is_true(json_object_get(auth, "renewable"));
    }
    json_decref(json);
    return judge(call, from, read, ok);
}
