/* SPDX-License-Identifier: MIT
 *
 * aws_arn.h: the name of a key at AWS, and the URI that holds it.
 *
 *     aws-kms://arn:aws:kms:eu-west-1:111122223333:key/ID
 *     aws-kms://arn:aws:kms:eu-west-1:111122223333:alias/NAME
 *
 * Only whole ARNs: they say which region is asked, so that neither a setting
 * nor a database decides that later. Region and partition become part of a
 * host's name, so nothing but letters, digits and '-' passes here.
 */
#ifndef EE_KMS_AWS_ARN_H
#define EE_KMS_AWS_ARN_H

#include "base/bytes.h"
#include "envelope_provider.h"

#include <stdbool.h>

#define EE_AWS_URI_SCHEME "aws-kms"
#define EE_AWS_ARN_MAX    384 /* with its NUL */
#define EE_AWS_REGION_MAX 32  /* with its NUL */

/* Borrows from the text that was parsed. */
struct ee_aws_arn {
    struct ee_bytes partition; /* "aws", "aws-cn" */
    struct ee_bytes region;
    struct ee_bytes account; /* 12 digits */
    struct ee_bytes id;      /* behind "key/" or "alias/" */
    bool alias;
    bool multi_region; /* a key mrk-..., the same in several regions */
};

/* False, and *arn as it was, when text is not the ARN of a key or alias. */
bool ee_aws_arn_parse(struct ee_aws_arn *arn, const char *text, size_t n);

/* Is it a region's name, which may go into a host's? */
bool ee_aws_region_ok(struct ee_bytes region);

/* Do both name the same key material: the same ARN, or the same multi-Region
 * key in any region? */
bool ee_aws_arn_same_key(const char *a, const char *b);

/* The same key in another region. out: EE_AWS_ARN_MAX bytes. False when it
 * does not fit. */
bool ee_aws_arn_in_region(char *out, const struct ee_aws_arn *arn,
                          const char *region);

/* The ARN inside a URI: NULL when it is no URI of a key at AWS. */
const char *ee_aws_uri_arn(const char *uri);

/* struct envelope_provider, normalize. */
int ee_aws_uri_normalize(struct envelope_call *call, const char *uri,
                         char *out);

#endif
