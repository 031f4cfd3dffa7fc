/* SPDX-License-Identifier: MIT
 *
 * aws_request.h: the bodies of requests to AWS KMS. No network.
 *
 * The context becomes one pair of the encryption context, {"sqlite-envelope":
 * base64 of it}. AWS authenticates it, and shows it in CloudTrail.
 */
#ifndef EE_KMS_AWS_REQUEST_H
#define EE_KMS_AWS_REQUEST_H

#include "kms/buffer.h"

/* Room for each of these, with the longest wrap and context. */
#define EE_AWS_BODY_MAX 16384

/* key is an ARN that was parsed. */
void ee_aws_put_encrypt(struct ee_buffer *body, const char *key,
                        const uint8_t *payload, struct ee_bytes context);
void ee_aws_put_decrypt(struct ee_buffer *body, const char *key,
                        struct ee_bytes wrapped, struct ee_bytes context);
void ee_aws_put_reencrypt(struct ee_buffer *body, const char *key,
                          struct ee_bytes wrapped, struct ee_bytes context);

/* Of DescribeKey and RotateKeyOnDemand. */
void ee_aws_put_key(struct ee_buffer *body, const char *key);

#endif
