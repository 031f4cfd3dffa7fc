/* SPDX-License-Identifier: MIT
 *
 * aws_metadata.h: the plain text that the metadata service of EC2 answers.
 *
 * It is one line, which may have its end. Each function gives false for
 * anything else, and leaves nothing of it.
 */
#ifndef EE_KMS_AWS_METADATA_H
#define EE_KMS_AWS_METADATA_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>

#define EE_AWS_ROLE_MAX 65 /* IAM's own limit, and a NUL */

/* A token: printable, without blanks, so that a header can carry it. Secret,
 * as out is; at most size - 1 characters. */
bool ee_aws_read_token(struct ee_bytes text, char *out, size_t size);

/* The name of a role, in the characters that IAM has for it, so that it is one
 * step of a path and no other. out has room for EE_AWS_ROLE_MAX. */
bool ee_aws_read_role(struct ee_bytes text, char *out);

#endif
