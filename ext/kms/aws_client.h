/* SPDX-License-Identifier: MIT
 *
 * aws_client.h: what each request to AWS needs, and how it is asked.
 */
#ifndef EE_KMS_AWS_CLIENT_H
#define EE_KMS_AWS_CLIENT_H

#include "kms/aws_arn.h"
#include "kms/aws_credentials.h"
#include "kms/http.h"

struct ee_aws_client {
    struct ee_http *http;
    struct ee_bytes partition; /* of the key's ARN; borrowed */
    const char *region;        /* of the key; borrowed */
};

/* A signed POST to one service of one region. */
struct ee_aws_post {
    const char *url;
    const char *service; /* "kms", "sts" */
    const char *region;
    const char *content_type;
    const char *target; /* X-Amz-Target; NULL: none */
    struct ee_bytes body;
    bool harmless; /* does no harm when it is done twice */
};

/* ENVELOPE_OK: *reply is to be released, whatever its status. by: NULL for a
 * request that is not signed. */
int ee_aws_post(const struct ee_aws_client *client, struct envelope_call *call,
                const struct ee_aws_post *post,
                const struct ee_aws_credentials *by,
                struct envelope_http_reply *reply) EE_CHECKED;

/* A request to somebody on this machine. */
struct ee_aws_ask {
    const char *method;
    const char *url;
    const char *header; /* NULL: none */
    uint32_t flags;     /* one of enum envelope_http_flags */
    int64_t limit_ms;   /* for all tries */
};

/* As ee_aws_post(), but a status that means "later" is ENVELOPE_UNAVAILABLE,
 * too. */
int ee_aws_local(const struct ee_aws_client *client, struct envelope_call *call,
                 const struct ee_aws_ask *ask,
                 struct envelope_http_reply *reply) EE_CHECKED;

void ee_aws_release(const struct ee_aws_client *client,
                    const struct envelope_call *call,
                    struct envelope_http_reply *reply);

#endif
