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
#include "kms/retry.h"

#include <stdio.h>

#define TOKEN_HEADER "X-Amz-Security-Token: "

/* After an error of AWS's own, nobody knows what was done. */
static bool never_again(const struct envelope_http_reply *reply)
{
    (void)reply;
    return false;
}

int ee_aws_post(const struct ee_aws_client *client, struct envelope_call *call,
                const struct ee_aws_post *post,
                const struct ee_aws_credentials *by,
                struct envelope_http_reply *reply)
{
    struct ee_buffer token = {0}; /* secret; freed, and so wiped, below */
    const char *headers[4] = {NULL};
    char type[96];
    char target[96];
    char scope[96];
    size_t n = 0;
    struct envelope_http_request request = {
        .size = sizeof request,
        .method = "POST",
        .url = post->url,
        .headers = headers,
        .body = post->body.p,
        .body_bytes = post->body.n,
    };
    int rc = ENVELOPE_OK;

    (void)snprintf(type, sizeof type, "Content-Type: %s", post->content_type);
    headers[n++] = type;
    if (post->target != NULL) {
        (void)snprintf(target, sizeof target, "X-Amz-Target: %s", post->target);
        headers[n++] = target;
    }
    if (by != NULL) {
        (void)snprintf(scope, sizeof scope, "aws:amz:%s:%s", post->region,
                       post->service);
        request.aws_sigv4 = scope;
        request.aws_key_id = by->key_id;
        request.aws_secret = by->secret;
    }
    if (by != NULL && by->token[0] != '\0') {
        if (!ee_buffer_new(&token, sizeof TOKEN_HEADER + EE_AWS_TOKEN_MAX)) {
            return ENVELOPE_NOMEM;
        }
        ee_buffer_put(&token, TOKEN_HEADER);
        ee_buffer_put(&token, by->token);
        headers[n++] = token.text;
    }
    rc = ee_retry_exchange(
        ee_http_transport(client->http, call), call, &request,
        post->harmless ? ee_aws_again : never_again, post->harmless, reply);
    ee_buffer_free(&token);
    return rc;
}

int ee_aws_local(const struct ee_aws_client *client, struct envelope_call *call,
                 const char *method, const char *url, const char *header,
                 int64_t limit_ms, struct envelope_http_reply *reply)
{
    const int64_t deadline = call->deadline_ms;
    const int64_t limit = call->now_ms(call->arg) + limit_ms;
    const char *const headers[] = {header, NULL};
    const struct envelope_http_request request = {
        .size = sizeof request,
        .method = method,
        .url = url,
        .headers = headers,
        .flags = ENVELOPE_HTTP_LOCAL,
    };
    int rc = ENVELOPE_OK;

    call->deadline_ms = limit < deadline ? limit : deadline;
    rc = ee_retry_exchange(ee_http_transport(client->http, call), call,
                           &request, ee_retry_by_status, true, reply);
    call->deadline_ms = deadline;
    return rc;
}

void ee_aws_release(const struct ee_aws_client *client,
                    const struct envelope_call *call,
                    struct envelope_http_reply *reply)
{
    const struct envelope_transport *t = ee_http_transport(client->http, call);

    t->release(t->arg, reply);
}
