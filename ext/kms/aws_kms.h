/* SPDX-License-Identifier: MIT
 *
 * aws_kms.h: aws-kms://ARN, keys in AWS's Key Management Service.
 * provider/AWS_KMS.md has what a user needs to know.
 */
#ifndef EE_KMS_AWS_KMS_H
#define EE_KMS_AWS_KMS_H

#include "envelope_provider.h"

extern const struct envelope_provider ee_aws_kms_provider;

#endif
