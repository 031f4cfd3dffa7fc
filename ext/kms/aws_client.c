/* SPDX-License-Identifier: MIT
 *
 * aws_client.c: the headers of a request, and its retries.
 *
 * What libcurl signs right is little: no header's name may begin another's,
 * none may be empty, and the body is given as a whole. So there are these three
 * headers and no more.
 */
#include "kms/aws_client.h"

#include "base/secret.h"
#include "kms/aws_reply.h"
#include "kms/buffer.h"
#include "kms/fail.h"
#include "kms/retry.h"

#include <stdio.h>

#define TOKEN_HEADER "X-Amz-Security-Token: "

/* After an error of AWS's own, nobody knows what was done. */
static bool never_again(const struct envelope_http_reply *reply)
{
    (void)reply;
    return false;
}

/* Room for the headers of one request. */
struct headers {
    char type[96];
    char target[96];
    struct ee_buffer token; /* secret */
    const char *list[4];
};

/* False when out of memory. */
static bool set_headers(struct headers *h, const struct ee_aws_post *post,
                        const struct ee_aws_credentials *by)
{
    size_t n = 0;

    (void)snprintf(h->type, sizeof h->type, "Content-Type: %s",
                   post->content_type);
    h->list[n++] = h->type;
    if (post->target != NULL) {
        (void)snprintf(h->target, sizeof h->target, "X-Amz-Target: %s",
                       post->target);
        h->list[n++] = h->target;
    }
    if (by != NULL && by->token[0] != '\0') {
        if (!ee_buffer_new(&h->token, sizeof TOKEN_HEADER + EE_AWS_TOKEN_MAX)) {
            return false;
        }
        ee_buffer_put(&h->token, TOKEN_HEADER);
        ee_buffer_put(&h->token, by->token);
        h->list[n++] = h->token.text;
    }
    return true;
}

int ee_aws_post(const struct ee_aws_client *client, struct envelope_call *call,
                const struct ee_aws_post *post,
                const struct ee_aws_credentials *by,
                struct envelope_http_reply *reply)
{
    struct headers headers = {.list = {NULL}}; /* the token is freed below */
    char scope[96];
    struct envelope_http_request request = {
        .size = sizeof request,
        .method = "POST",
        .url = post->url,
        .headers = headers.list,
        .body = post->body.p,
        .body_bytes = post->body.n,
    };
    int rc = ENVELOPE_NOMEM;

    if (by != NULL) {
        (void)snprintf(scope, sizeof scope, "aws:amz:%s:%s", post->region,
                       post->service);
        request.aws_sigv4 = scope;
        request.aws_key_id = by->key_id;
        request.aws_secret = by->secret;
    }
    if (set_headers(&headers, post, by)) {
        rc = ee_retry_exchange(
            ee_http_transport(client->http, call), call, &request,
            post->harmless ? ee_aws_again : never_again, post->harmless, reply);
    }
    ee_buffer_free(&headers.token);
    return rc;
}

int ee_aws_local(const struct ee_aws_client *client, struct envelope_call *call,
                 const struct ee_aws_ask *ask,
                 struct envelope_http_reply *reply)
{
    const int64_t deadline = call->deadline_ms;
    const int64_t limit = call->now_ms(call->arg) + ask->limit_ms;
    const char *const headers[] = {ask->header, NULL};
    const struct envelope_http_request request = {
        .size = sizeof request,
        .method = ask->method,
        .url = ask->url,
        .headers = headers,
        .flags = ask->flags,
    };
    int rc = ENVELOPE_OK;

    call->deadline_ms = limit < deadline ? limit : deadline;
    rc = ee_retry_exchange(ee_http_transport(client->http, call), call,
                           &request, ee_retry_by_status, true, reply);
    call->deadline_ms = deadline;
    if (rc == ENVELOPE_OK && ee_retry_by_status(reply)) {
        rc = ee_kms_fail(call, ENVELOPE_UNAVAILABLE,
                         "who gives AWS credentials to this machine or "
                         "container answers with status %d: try again",
                         reply->status);
        ee_aws_release(client, call, reply);
    }
    return rc;
}

void ee_aws_release(const struct ee_aws_client *client,
                    const struct envelope_call *call,
                    struct envelope_http_reply *reply)
{
    const struct envelope_transport *t = ee_http_transport(client->http, call);

    t->release(t->arg, reply);
}
