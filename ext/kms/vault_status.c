/* SPDX-License-Identifier: MIT
 *
 * vault_status.c: what went wrong, from the status and, for 400 and 503, from
 * the server's text, which is looked at and never shown.
 */
#include "kms/fail.h"
#include "kms/json.h"
#include "kms/vault_reply.h"

#include <string.h>

/* Does any error of the reply hold one of these? */
static bool one_says(const json_t *error, const char *const *words)
{
    const char *text = json_string_value(error);

    for (size_t i = 0; text != NULL && words[i] != NULL; i++) {
        if (strstr(text, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* {"errors":["..."]}, or {"data":{"batch_results":[{"error":"..."}]}} */
static bool says(const json_t *json, const char *const *words)
{
    const json_t *errors = json_object_get(json, "errors");
    const json_t *results =
        json_object_get(json_object_get(json, "data"), "batch_results");

    for (size_t i = 0; i < json_array_size(errors); i++) {
        if (one_says(json_array_get(errors, i), words)) {
            return true;
        }
    }
    for (size_t i = 0; i < json_array_size(results); i++) {
        if (one_says(json_object_get(json_array_get(results, i), "error"),
                     words)) {
            return true;
        }
    }
    return false;
}

static int no_key(struct envelope_call *call, const char *from)
{
    return ee_kms_fail(call, ENVELOPE_NOT_MINE,
                       "%s has no such Transit key: see the URI, or make the "
                       "key with envelope_cmk_create()",
                       from);
}

static int bad_request(struct envelope_call *call, enum ee_vault_asked asked,
                       const json_t *json, const char *from)
{
    static const char *const missing[] = {"encryption key not found",
                                          "unknown key type must-exist", NULL};
    static const char *const state[] = {"too old", "disallowed by policy",
                                        "less than the minimum", "deleted",
                                        NULL};
    static const char *const derived[] = {"derivation", "derived", NULL};

    if (says(json, missing)) {
        return no_key(call, from);
    }
    if (says(json, state)) {
        return ee_kms_fail(call, ENVELOPE_KEY_STATE,
                           "%s no longer lets this version of the key be used "
                           "(min_decryption_version), or the key is deleted",
                           from);
    }
    if (says(json, derived)) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "the key at %s is a derived one: use one made "
                           "without derived=true",
                           from);
    }
    if (asked == EE_VAULT_DECRYPT) {
        return ee_kms_fail(call, ENVELOPE_CORRUPT,
                           "%s cannot unwrap this: it was altered, or wrapped "
                           "under another key or for another purpose",
                           from);
    }
    return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                       "%s refused the request: see that the key is of type "
                       "aes256-gcm96 or chacha20-poly1305",
                       from);
}

static int unavailable(struct envelope_call *call, int status,
                       const json_t *json, const char *from)
{
    static const char *const sealed[] = {"sealed", NULL};

    if (status == 503 && says(json, sealed)) {
        return ee_kms_fail(call, ENVELOPE_UNAVAILABLE,
                           "%s is sealed: have it unsealed, and try again",
                           from);
    }
    if (status == 429) {
        return ee_kms_fail(call, ENVELOPE_UNAVAILABLE,
                           "%s takes no more requests now (HTTP 429): try "
                           "again later, or have its rate limit raised",
                           from);
    }
    if (status >= 300 && status < 400) {
        return ee_kms_fail(call, ENVELOPE_UNAVAILABLE,
                           "%s points elsewhere (HTTP %d), which is not "
                           "followed, since the token would go along: name the "
                           "active server in the URI",
                           from, status);
    }
    return ee_kms_fail(call, ENVELOPE_UNAVAILABLE,
                       "%s answered with HTTP %d: try again later", from,
                       status);
}

static int with_body(struct envelope_call *call, enum ee_vault_asked asked,
                     int status, const json_t *json, const char *from)
{
    if (asked == EE_VAULT_LOGIN && (status == 400 || status == 403)) {
        return ee_kms_fail(call, ENVELOPE_DENIED,
                           "%s refused the login: see role and secret", from);
    }
    switch (status) {
    case 400:
        return bad_request(call, asked, json, from);
    case 403:
        return ee_kms_fail(
            call, ENVELOPE_DENIED,
            "%s denied permission: see that the token is valid, and that its "
            "policy has the path (ext/provider/VAULT.md)",
            from);
    case 404:
        if (asked == EE_VAULT_MAKE) {
            return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                               "%s has no Transit engine at the mount of the "
                               "URI: run `vault secrets enable transit`",
                               from);
        }
        return asked == EE_VAULT_LOGIN
                   ? ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                                 "%s has no such auth method: see "
                                 "VAULT_AUTH_MOUNT and VAULT_NAMESPACE",
                                 from)
                   : no_key(call, from);
    case 405:
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "%s does not know this request: see that the mount "
                           "of the URI is a Transit engine",
                           from);
    default:
        return unavailable(call, status, json, from);
    }
}

int ee_vault_reply_status(struct envelope_call *call, enum ee_vault_asked asked,
                          const struct envelope_http_reply *reply,
                          const char *from)
{
    json_t *json = NULL;
    int rc = ENVELOPE_OK;

    if (reply->status == 200 || reply->status == 204) {
        return ENVELOPE_OK;
    }
    rc = ee_json_read(&json, ee_bytes(reply->body, reply->body_bytes));
    if (rc == ENVELOPE_OK) {
        rc = with_body(call, asked, reply->status, json, from);
    }
    json_decref(json);
    return rc;
}
