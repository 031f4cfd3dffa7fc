/* SPDX-License-Identifier: MIT
 *
 * aws_chain.h: the credentials of an open CMK, found as AWS's SDKs find them
 * and renewed before they end.
 *
 * The first of these that is there: the environment; a role that the session's
 * profile assumes by source_profile or credential_source;
 * AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN; what else the profile has; the
 * container's endpoint; the instance's metadata. One that is there and does not
 * work is an error, and not a reason to go on as somebody else.
 */
#ifndef EE_KMS_AWS_CHAIN_H
#define EE_KMS_AWS_CHAIN_H

#include "kms/aws_client.h"

#define EE_AWS_REFRESH_SECONDS 300 /* so long before they end */

/* In secret pages; all zero at first. */
struct ee_aws_chain {
    struct ee_aws_credentials now;
    const char *source;    /* for a person; NULL: none yet */
    int64_t not_before_ms; /* when a renewal that failed is tried again */
};

/* ENVELOPE_OK: chain->now can sign. When a renewal fails, credentials that
 * have not ended stay in use. */
int ee_aws_chain_get(struct ee_aws_chain *chain,
                     const struct ee_aws_client *client,
                     struct envelope_call *call) EE_CHECKED;

/* AWS said that they are no good. */
void ee_aws_chain_forget(struct ee_aws_chain *chain);

#endif
