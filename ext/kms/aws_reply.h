/* SPDX-License-Identifier: MIT
 *
 * aws_reply.h: what AWS answers, read within bounds. No network; the JSON is
 * read by kms/json.h, so ee_kms_libraries() must have been called.
 *
 * Each function that reads gives ENVELOPE_OK, ENVELOPE_UNAVAILABLE for anything
 * but what the request must bring, of which it leaves nothing, and
 * ENVELOPE_NOMEM.
 */
#ifndef EE_KMS_AWS_REPLY_H
#define EE_KMS_AWS_REPLY_H

#include "kms/aws_arn.h"
#include "kms/aws_credentials.h"
#include "kms/aws_error.h"

/* AWS's own limit for CiphertextBlob. */
#define EE_AWS_BLOB_MAX 6144

/* The error in a reply whose status is not 200. */
const struct ee_aws_fault *
ee_aws_fault_of(const struct envelope_http_reply *reply);

/* ee_retry_again: may the same request succeed later? */
bool ee_aws_again(const struct envelope_http_reply *reply);

/* Of Encrypt, and of ReEncrypt, whose SourceKeyId is checked too when source
 * is true. key: the ARN that was asked; KeyId must be it. */
int ee_aws_read_wrapped(struct ee_bytes text, const char *key, bool source,
                        uint8_t *wrapped, size_t *wrapped_bytes) EE_CHECKED;

/* Of Decrypt under this key: ENVELOPE_PAYLOAD_BYTES, zero on failure.
 * ENVELOPE_CORRUPT: it decrypts to something else. */
int ee_aws_read_payload(struct ee_bytes text, const char *key,
                        uint8_t *payload) EE_CHECKED;

/* Of DescribeKey: the key's ARN (EE_AWS_ARN_MAX bytes) and state. */
int ee_aws_read_key(struct ee_bytes text, char *arn, int *state) EE_CHECKED;

/* Who answers with credentials: the metadata of an instance or container, or a
 * credential_process. Each has its own JSON. */
enum ee_aws_issuer { EE_AWS_METADATA, EE_AWS_PROCESS };

int ee_aws_read_credentials(struct ee_bytes text, enum ee_aws_issuer issuer,
                            struct ee_aws_credentials *out) EE_CHECKED;

#endif
