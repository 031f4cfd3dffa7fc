/* SPDX-License-Identifier: MIT
 *
 * aws_cmk.h: an open key at AWS, and a request about it.
 */
#ifndef EE_KMS_AWS_CMK_H
#define EE_KMS_AWS_CMK_H

#include "kms/aws_arn.h"
#include "kms/aws_chain.h"
#include "kms/aws_client.h"
#include "kms/aws_endpoint.h"
#include "kms/aws_request.h"

#define EE_AWS_PATH_MAX 4096

struct envelope_cmk {
    struct ee_aws_client client;
    struct ee_aws_arn arn;      /* of asked */
    char uri[ENVELOPE_URI_MAX]; /* as it was opened */
    char asked[EE_AWS_ARN_MAX]; /* of the key or alias, in the region asked */
    char key[EE_AWS_ARN_MAX];   /* of the key; empty: an alias not resolved */
    char region[EE_AWS_REGION_MAX];
    char url[EE_AWS_URL_MAX];
    char ca_file[EE_AWS_PATH_MAX];
    struct ee_http_tls tls;
    struct ee_aws_chain *chain; /* secret pages: all zero after fork() */
};

/* struct envelope_provider: open and close. */
int ee_aws_cmk_open(struct envelope_call *call, const char *uri,
                    envelope_cmk **out) EE_CHECKED;
void ee_aws_cmk_close(envelope_cmk *cmk);

/* Operations of KMS by their names there. */
struct ee_aws_operation {
    const char *target; /* "TrentService.Encrypt" */
    const char *shown;  /* "AWS KMS Encrypt" */
    bool harmless;
};

/* Signs, asks, asks again where that can help. ENVELOPE_OK: the status is 200,
 * and *reply is to be released. */
int ee_aws_cmk_ask(envelope_cmk *cmk, struct envelope_call *call,
                   const struct ee_aws_operation *operation,
                   const struct ee_buffer *body,
                   struct envelope_http_reply *reply) EE_CHECKED;

#endif
