/* SPDX-License-Identifier: MIT
 *
 * aws_container.h: credentials of the ECS task or EKS pod we run in.
 */
#ifndef EE_KMS_AWS_CONTAINER_H
#define EE_KMS_AWS_CONTAINER_H

#include "kms/aws_client.h"

/* *found is false, and the result ENVELOPE_OK, where neither
 * AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor ..._FULL_URI is set. http:// is
 * for addresses of this machine's own (kms/request.h). */
int ee_aws_container(const struct ee_aws_client *client,
                     struct envelope_call *call, struct ee_aws_credentials *out,
                     bool *found) EE_CHECKED;

#endif
