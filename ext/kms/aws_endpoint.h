/* SPDX-License-Identifier: MIT
 *
 * aws_endpoint.h: the address of a service in a region.
 *
 * Asked in this order, as the SDKs do: AWS_ENDPOINT_URL_<SERVICE>,
 * AWS_ENDPOINT_URL, the profile's `services` section, the profile's
 * endpoint_url. AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true leaves all of them
 * out. Else it is AWS's own, by AWS_USE_FIPS_ENDPOINT and
 * AWS_USE_DUALSTACK_ENDPOINT.
 */
#ifndef EE_KMS_AWS_ENDPOINT_H
#define EE_KMS_AWS_ENDPOINT_H

#include "kms/aws_settings.h"

#define EE_AWS_URL_MAX 512

/* Writes "https://HOST[:PORT]/" (EE_AWS_URL_MAX bytes). service: "kms" or
 * "sts". partition is an ARN's; for one that is not known an endpoint must be
 * configured. Anything but https is refused. */
int ee_aws_endpoint(struct envelope_call *call, const struct ee_aws_settings *s,
                    const char *service, struct ee_bytes partition,
                    const char *region, char *out) EE_CHECKED;

#endif
