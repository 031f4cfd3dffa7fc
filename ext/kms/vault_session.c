/* SPDX-License-Identifier: MIT
 *
 * vault_session.c: opens, asks, closes.
 */
#include "kms/vault_session.h"

#include "kms/fail.h"
#include "kms/heap.h"
#include "kms/retry.h"

#include <stdio.h>
#include <string.h>

#define PATH_BYTES (2 * ENVELOPE_URI_MAX)

/* 412: this server has not yet seen what another one of the cluster wrote. */
static bool again(const struct envelope_http_reply *reply)
{
    return reply->status == 412 || ee_retry_by_status(reply);
}

/* Refused before anything was done. */
static bool again_if_limited(const struct envelope_http_reply *reply)
{
    return reply->status == 429;
}

int ee_vault_send(struct ee_vault *v, struct envelope_call *call,
                  const char *method, const char *path,
                  const struct ee_buffer *body, bool with_token, bool once,
                  struct envelope_http_reply *reply)
{
    const char *headers[5] = {"Content-Type: application/json",
                              "X-Vault-Request: true"};
    struct envelope_http_request r = {.size = sizeof r,
                                      .method = method,
                                      .headers = headers,
                                      .body = body != NULL ? body->text : NULL,
                                      .body_bytes =
                                          body != NULL ? body->w.used : 0};
    char url[2 * PATH_BYTES];
    int url_n = 0;
    size_t n = 2;

    if (with_token) {
        headers[n++] = v->token.text;
    }
    if (v->settings.namespace_header != NULL) {
        headers[n++] = v->settings.namespace_header;
    }
    url_n = snprintf(url, sizeof url, "https://%s/v1/%s", v->uri.server, path);
    r.url = url;
    if (url_n < 0 || (size_t)url_n >= sizeof url ||
        (body != NULL && body->w.bad)) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "a request to %s would be too long", v->uri.server);
    }
    return ee_retry_exchange(ee_http_transport(v->http, call), call, &r,
                             once ? again_if_limited : again, !once, reply);
}

void ee_vault_release(struct ee_vault *v, struct envelope_call *call,
                      struct envelope_http_reply *reply)
{
    const struct envelope_transport *t = ee_http_transport(v->http, call);

    t->release(t->arg, reply);
}

/* Once more with another token, when this one was refused. */
static int send_with_token(struct ee_vault *v, struct envelope_call *call,
                           const struct ee_vault_ask *ask, const char *path,
                           struct envelope_http_reply *reply)
{
    int rc = ee_vault_send(v, call, ask->method, path, ask->body, true,
                           ask->once, reply);
    bool other = false;

    if (rc != ENVELOPE_OK || reply->status != 403) {
        return rc;
    }
    rc = ee_vault_token_again(v, call, &other);
    if (rc == ENVELOPE_OK && !other) {
        return ENVELOPE_OK;
    }
    ee_vault_release(v, call, reply);
    return rc != ENVELOPE_OK ? rc
                             : ee_vault_send(v, call, ask->method, path,
                                             ask->body, true, ask->once, reply);
}

int ee_vault_ask(struct ee_vault *v, struct envelope_call *call,
                 const struct ee_vault_ask *ask,
                 struct envelope_http_reply *reply)
{
    char path[PATH_BYTES];
    const int n = snprintf(path, sizeof path, "%s/%s/%s%s", v->uri.mount,
                           ask->before, v->uri.key, ask->after);
    int rc = ENVELOPE_OK;

    if (n < 0 || (size_t)n >= sizeof path) {
        return ENVELOPE_CONFIGURATION; /* a URI is shorter than that */
    }
    rc = ee_vault_token_ensure(v, call);
    if (rc != ENVELOPE_OK) {
        return rc;
    }
    rc = send_with_token(v, call, ask, path, reply);
    if (rc != ENVELOPE_OK) {
        return rc;
    }
    call->message[0] = '\0'; /* of an attempt that failed */
    rc = ee_vault_reply_status(call, ask->asked, reply, v->uri.server);
    if (rc != ENVELOPE_OK) {
        ee_vault_release(v, call, reply);
    }
    return rc;
}

int ee_vault_open(struct ee_vault **out, struct envelope_call *call,
                  const char *uri)
{
    struct ee_vault *v = ee_kms_new(sizeof *v);
    int rc = ENVELOPE_NOMEM;

    *out = NULL;
    if (v == NULL || !ee_buffer_new(&v->token, EE_VAULT_TOKEN_MAX + 64)) {
        goto out;
    }
    rc = ee_vault_uri_parse(&v->uri, call, uri);
    if (rc == ENVELOPE_OK) {
        rc = ee_vault_settings_read(&v->settings, call);
    }
    if (rc == ENVELOPE_OK) {
        rc = ee_http_open(&v->http, call, &v->settings.tls);
    }
out:
    if (rc != ENVELOPE_OK) {
        ee_vault_close(v);
        return rc;
    }
    *out = v;
    return ENVELOPE_OK;
}

void ee_vault_close(struct ee_vault *v)
{
    if (v != NULL) {
        ee_http_close(v->http);
        ee_vault_settings_free(&v->settings);
        ee_buffer_free(&v->token);
        ee_kms_free(v);
    }
}
