/* SPDX-License-Identifier: MIT
 *
 * aws_imds.h: credentials of the EC2 instance we run on, from its metadata
 * service, version 2. Version 1, which any request that a program can be made
 * to send reaches, is not used.
 */
#ifndef EE_KMS_AWS_IMDS_H
#define EE_KMS_AWS_IMDS_H

#include "kms/aws_client.h"

/* *found is false, and the result ENVELOPE_OK, where
 * AWS_EC2_METADATA_DISABLED says not to ask, nobody answers, or the instance
 * has no role. */
int ee_aws_imds(const struct ee_aws_client *client, struct envelope_call *call,
                struct ee_aws_credentials *out, bool *found) EE_CHECKED;

#endif
