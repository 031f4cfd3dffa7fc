/* SPDX-License-Identifier: MIT
 *
 * vault.c: what a provider does, by requests to Transit.
 *
 * A wrap is Transit's ciphertext as it came. The context goes along as
 * associated_data, so Transit's own `rewrap`, which knows none, cannot be
 * used: wraps are decrypted and encrypted, many in one request.
 */
#include "kms/vault.h"

#include "base/secret.h"
#include "kms/fail.h"
#include "kms/vault_request.h"
#include "kms/vault_session.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define BODY_BYTES 16384

static struct ee_vault *of(envelope_cmk *cmk)
{
    return (struct ee_vault *)(void *)cmk;
}

static struct ee_bytes body_of(const struct envelope_http_reply *reply)
{
    return ee_bytes(reply->body, reply->body_bytes);
}

static int vault_normalize(struct envelope_call *call, const char *text,
                           char *out)
{
    struct ee_vault_uri uri;
    int rc = ee_vault_uri_parse(&uri, call, text);

    if (rc == ENVELOPE_OK && !ee_vault_uri_write(&uri, out)) {
        rc = ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                         "the vault: URI is longer than %d characters",
                         ENVELOPE_URI_MAX - 1);
    }
    return rc;
}

static int vault_open(struct envelope_call *call, const char *uri,
                      envelope_cmk **out)
{
    struct ee_vault *v = NULL;
    int rc = ee_vault_open(&v, call, uri);

    *out = (envelope_cmk *)(void *)v;
    return rc;
}

static void vault_close(envelope_cmk *cmk)
{
    ee_vault_close(of(cmk));
}

static int vault_wrap(envelope_cmk *cmk, struct envelope_call *call,
                      const uint8_t *payload, const uint8_t *context,
                      size_t context_bytes, uint8_t *wrapped,
                      size_t *wrapped_bytes)
{
    struct ee_vault *v = of(cmk);
    struct ee_buffer body; /* freed below, which wipes */
    struct envelope_http_reply reply;
    int rc = ENVELOPE_OK;

    if (!ee_buffer_new(&body, BODY_BYTES)) {
        return ENVELOPE_NOMEM;
    }
    ee_vault_put_encrypt(&body, payload, ee_bytes(context, context_bytes));
    rc = ee_vault_ask(v, call,
                      &(struct ee_vault_ask){.asked = EE_VAULT_ENCRYPT,
                                             .method = "POST",
                                             .before = "encrypt",
                                             .after = "",
                                             .body = &body},
                      &reply);
    if (rc == ENVELOPE_OK) {
        rc = ee_vault_reply_wrapped(call, body_of(&reply), v->uri.server,
                                    wrapped, wrapped_bytes);
        ee_vault_release(v, call, &reply);
    }
    ee_buffer_free(&body);
    return rc;
}

static int not_a_wrap(struct envelope_call *call)
{
    return ee_kms_fail(call, ENVELOPE_CORRUPT,
                       "the wrap is none of Transit's: it was altered, or "
                       "another provider made it");
}

static int vault_unwrap(envelope_cmk *cmk, struct envelope_call *call,
                        const uint8_t *wrapped, size_t wrapped_bytes,
                        const uint8_t *context, size_t context_bytes,
                        uint8_t *payload)
{
    const struct ee_bytes wrap = ee_bytes(wrapped, wrapped_bytes);
    struct ee_vault *v = of(cmk);
    struct ee_buffer body;
    struct envelope_http_reply reply;
    int rc = ENVELOPE_OK;

    if (!ee_vault_is_wrap(wrap)) {
        return not_a_wrap(call);
    }
    if (!ee_buffer_new(&body, BODY_BYTES)) {
        return ENVELOPE_NOMEM;
    }
    ee_vault_put_decrypt(&body, wrap, ee_bytes(context, context_bytes));
    rc = ee_vault_ask(v, call,
                      &(struct ee_vault_ask){.asked = EE_VAULT_DECRYPT,
                                             .method = "POST",
                                             .before = "decrypt",
                                             .after = "",
                                             .body = &body},
                      &reply);
    if (rc == ENVELOPE_OK) {
        rc = ee_vault_reply_payload(call, body_of(&reply), v->uri.server,
                                    payload);
        ee_vault_release(v, call, &reply);
    }
    ee_buffer_free(&body);
    return rc;
}

/* body and payloads are the caller's, and big enough for count items. */
static int rewrap_some(struct ee_vault *v, struct envelope_call *call,
                       struct envelope_item *items, size_t count,
                       struct ee_buffer *body, uint8_t *payloads)
{
    struct ee_vault_ask ask = {.asked = EE_VAULT_DECRYPT,
                               .method = "POST",
                               .before = "decrypt",
                               .after = "",
                               .body = body};
    struct envelope_http_reply reply;
    int rc = ENVELOPE_OK;

    ee_buffer_reset(body);
    ee_vault_put_decrypts(body, items, count);
    rc = ee_vault_ask(v, call, &ask, &reply);
    if (rc != ENVELOPE_OK) {
        return rc;
    }
    rc = ee_vault_reply_payloads(call, body_of(&reply), v->uri.server, payloads,
                                 count);
    ee_vault_release(v, call, &reply);
    if (rc != ENVELOPE_OK) {
        return rc;
    }
    ask.asked = EE_VAULT_ENCRYPT;
    ask.before = "encrypt";
    ee_buffer_reset(body);
    ee_vault_put_encrypts(body, items, payloads, count);
    rc = ee_vault_ask(v, call, &ask, &reply);
    if (rc == ENVELOPE_OK) {
        rc = ee_vault_reply_wraps(call, body_of(&reply), v->uri.server, items,
                                  count);
        ee_vault_release(v, call, &reply);
    }
    return rc;
}

static int vault_rewrap(envelope_cmk *cmk, struct envelope_call *call,
                        struct envelope_item *items, size_t count)
{
    static const size_t size = EE_VAULT_BATCH_MAX * ENVELOPE_PAYLOAD_BYTES;
    struct ee_buffer body = {0};                   /* freed below: wiped */
    uint8_t *payloads = ee_secret_pages_new(size); /* likewise */
    int rc = ENVELOPE_OK;

    if (payloads == NULL || !ee_buffer_new(&body, EE_VAULT_BATCH_BYTES)) {
        rc = ENVELOPE_NOMEM;
    }
    for (size_t i = 0; rc == ENVELOPE_OK && i < count; i++) {
        if (!ee_vault_is_wrap(ee_bytes(items[i].old, items[i].old_bytes))) {
            rc = not_a_wrap(call);
        }
    }
    for (size_t i = 0, n = 0; rc == ENVELOPE_OK && i < count; i += n) {
        n = ee_vault_batch_fit(items + i, count - i);
        rc = rewrap_some(of(cmk), call, items + i, n, &body, payloads);
    }
    ee_secret_pages_free(payloads, size);
    ee_buffer_free(&body);
    return rc;
}

/* What the server says of the key. */
static int read_key(struct ee_vault *v, struct envelope_call *call,
                    struct ee_vault_key *key)
{
    struct envelope_http_reply reply;
    int rc = ee_vault_ask(v, call,
                          &(struct ee_vault_ask){.asked = EE_VAULT_KEY,
                                                 .method = "GET",
                                                 .before = "keys",
                                                 .after = ""},
                          &reply);

    if (rc == ENVELOPE_OK) {
        rc = ee_vault_reply_key(call, body_of(&reply), v->uri.server, key);
        ee_vault_release(v, call, &reply);
    }
    return rc;
}

/* A change of the key; what the reply holds differs between versions of the
 * server. */
static int change_key(struct ee_vault *v, struct envelope_call *call,
                      enum ee_vault_asked asked, const char *after,
                      const char *json)
{
    struct ee_buffer body;
    struct envelope_http_reply reply;
    int rc = ENVELOPE_OK;

    if (!ee_buffer_new(&body, BODY_BYTES)) {
        return ENVELOPE_NOMEM;
    }
    ee_buffer_put(&body, json);
    rc = ee_vault_ask(v, call,
                      &(struct ee_vault_ask){.asked = asked,
                                             .method = "POST",
                                             .before = "keys",
                                             .after = after,
                                             .body = &body,
                                             .once = true},
                      &reply);
    if (rc == ENVELOPE_OK) {
        ee_vault_release(v, call, &reply);
    }
    ee_buffer_free(&body);
    return rc;
}

/* The server takes a key that is there for made, so it is asked before. */
static int vault_create(struct envelope_call *call, const char *uri)
{
    struct ee_vault *v = NULL;
    struct ee_vault_key key;
    int rc = ee_vault_open(&v, call, uri);

    if (rc != ENVELOPE_OK) {
        return rc;
    }
    rc = read_key(v, call, &key);
    if (rc == ENVELOPE_OK) {
        rc = ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                         "%s has this Transit key already: use it, or name "
                         "another one",
                         v->uri.server);
    } else if (rc == ENVELOPE_NOT_MINE) {
        rc = change_key(v, call, EE_VAULT_MAKE, "",
                        "{\"type\":\"aes256-gcm96\"}");
    }
    ee_vault_close(v);
    return rc;
}

static int vault_rotate(envelope_cmk *cmk, struct envelope_call *call,
                        uint32_t *version)
{
    struct ee_vault_key key = {.version = 0};
    int rc = change_key(of(cmk), call, EE_VAULT_KEY, "/rotate", "{}");

    /* its number is good to know; a policy need not allow to ask for it */
    if (rc == ENVELOPE_OK && read_key(of(cmk), call, &key) != ENVELOPE_OK) {
        call->message[0] = '\0';
    }
    *version = key.version;
    return rc;
}

static int vault_state(envelope_cmk *cmk, struct envelope_call *call,
                       int *state)
{
    struct ee_vault_key key;
    int rc = read_key(of(cmk), call, &key);

    *state = rc != ENVELOPE_OK ? ENVELOPE_CMK_UNKNOWN
             : key.deleted     ? ENVELOPE_CMK_DISABLED
                               : ENVELOPE_CMK_ENABLED;
    return rc;
}

static int vault_describe(envelope_cmk *cmk, struct envelope_call *call,
                          char *out, size_t out_bytes)
{
    struct ee_vault *v = of(cmk);
    struct ee_vault_key key;
    int rc = read_key(v, call, &key);

    if (rc == ENVELOPE_OK) {
        (void)snprintf(out, out_bytes,
                       "Transit key of type %s, version %u, at %s; login by "
                       "%s; %s",
                       key.type, (unsigned)key.version, v->uri.server,
                       ee_vault_method_name(v->method), curl_version());
    }
    return rc;
}

const struct envelope_provider ee_vault_provider = {
    .abi = ENVELOPE_PROVIDER_ABI,
    .flags = ENVELOPE_KEEP_OPEN,
    .size = sizeof(struct envelope_provider),
    .scheme = "vault",
    .normalize = vault_normalize,
    .open = vault_open,
    .wrap = vault_wrap,
    .unwrap = vault_unwrap,
    .rewrap = vault_rewrap,
    .create = vault_create,
    .rotate = vault_rotate,
    .state = vault_state,
    .describe = vault_describe,
    .close = vault_close,
};
