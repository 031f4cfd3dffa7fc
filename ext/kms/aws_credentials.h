/* SPDX-License-Identifier: MIT
 *
 * aws_credentials.h: what signs a request, and until when it does.
 */
#ifndef EE_KMS_AWS_CREDENTIALS_H
#define EE_KMS_AWS_CREDENTIALS_H

#include "base/bytes.h"
#include "base/status.h"
#include "envelope_provider.h"

#include <stdbool.h>

#define EE_AWS_KEY_ID_MAX 160
#define EE_AWS_SECRET_MAX 256
#define EE_AWS_TOKEN_MAX  8192 /* IAM Identity Center's are some KiB long */

/* In secret pages. Nothing in key_id: there are none. */
struct ee_aws_credentials {
    char key_id[EE_AWS_KEY_ID_MAX];
    char secret[EE_AWS_SECRET_MAX];
    char token[EE_AWS_TOKEN_MAX]; /* empty: long-term credentials */
    int64_t expires;              /* s since 1970; 0: never */
};

/* The strings of a reply, before they are believed. {NULL, 0}: not there. */
struct ee_aws_parts {
    struct ee_bytes key_id;
    struct ee_bytes secret;
    struct ee_bytes token;
    struct ee_bytes expiration; /* 2026-01-02T09:00:00Z */
};

/* False, and *c as it was, when the parts are none that can sign: a part is
 * missing (but token and expiration), too long, or has a character that may
 * not be in a header. */
bool ee_aws_credentials_set(struct ee_aws_credentials *c,
                            const struct ee_aws_parts *parts);

/* Reads a time of ISO 8601, with Z or an offset: seconds since 1970. */
bool ee_aws_time(struct ee_bytes text, int64_t *out);

#endif
