/* SPDX-License-Identifier: MIT
 *
 * aws_sts.h: temporary credentials of a role, from AWS's Security Token
 * Service.
 */
#ifndef EE_KMS_AWS_STS_H
#define EE_KMS_AWS_STS_H

#include "kms/aws_client.h"
#include "kms/aws_settings.h"

/* Strings may be empty, but for arn. */
struct ee_aws_role {
    char arn[EE_AWS_NAME_MAX];
    char session_name[EE_AWS_NAME_MAX]; /* empty: "sqlite-envelope" */
    char external_id[EE_AWS_NAME_MAX];
};

/* AssumeRole, signed by `by`. out may be by. */
int ee_aws_sts_assume(const struct ee_aws_client *client,
                      struct envelope_call *call,
                      const struct ee_aws_settings *s,
                      const struct ee_aws_role *role,
                      const struct ee_aws_credentials *by,
                      struct ee_aws_credentials *out) EE_CHECKED;

/* AssumeRoleWithWebIdentity. The token is read from its file each time, since
 * Kubernetes replaces it. */
int ee_aws_sts_web_identity(const struct ee_aws_client *client,
                            struct envelope_call *call,
                            const struct ee_aws_settings *s,
                            const struct ee_aws_role *role,
                            const char *token_file,
                            struct ee_aws_credentials *out) EE_CHECKED;

#endif
