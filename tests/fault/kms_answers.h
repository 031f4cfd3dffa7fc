/* SPDX-License-Identifier: MIT
 *
 * kms_answers.h: what Vault, AWS KMS, STS and the metadata of a machine answer.
 */
#ifndef TESTS_FAULT_KMS_ANSWERS_H
#define TESTS_FAULT_KMS_ANSWERS_H

#define ARN  "arn:aws:kms:eu-west-1:111122223333:"
#define KEY  ARN "key/aaaabbbb-cccc-dddd-eeee-ffff00001111"
#define WRAP "vault:v1:AAAA"

/* The status, and the body to a request; 500 to what is not known. What is
 * unwrapped is 64 times 'A'. */
int kms_answers(const char *request, const char **body);

#endif
