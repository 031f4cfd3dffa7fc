/* SPDX-License-Identifier: MIT
 *
 * aws_endpoint.c: a configured address, or one made of a region.
 */
#include "kms/aws_endpoint.h"

#include "kms/aws_ini.h"
#include "kms/fail.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The suffixes of hosts in each partition, as AWS's SDKs have them. */
static const struct {
    const char *partition;
    const char *suffix;
    const char *dual_stack;
} suffixes[] = {
    {"aws", "amazonaws.com", "api.aws"},
    {"aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"aws-us-gov", "amazonaws.com", "api.aws"},
    {"aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"aws-iso", "c2s.ic.gov", "api.aws.ic.gov"},
    {"aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud"},
    {"aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
    {"aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
};

/* "https://HOST[:PORT]", with or without a '/' at its end. */
static bool is_https_host(struct ee_bytes url, struct ee_bytes *host)
{
    static const char head[] = "https://";
    const size_t n = sizeof head - 1;

    if (url.n <= n || strncmp((const char *)url.p, head, n) != 0) {
        return false;
    }
    *host = ee_bytes(url.p + n, url.n - n);
    host->n -= host->p[host->n - 1] == '/' ? 1 : 0;
    for (size_t i = 0; i < host->n; i++) {
        const int c = host->p[i];

        if (c >= 0x80 || (!isalnum(c) && strchr(".-:[]_", c) == NULL)) {
            return false;
        }
    }
    return host->n > 0;
}

/* The value of a setting, from wherever it is; false: from nowhere. */
static bool find(const struct ee_aws_settings *s, const char *service,
                 const char *own_variable, struct ee_bytes *url)
{
    const struct ee_bytes config = ee_bytes(s->config, s->config_bytes);
    const char *set = ee_aws_env(own_variable);
    struct ee_bytes named = {NULL, 0};
    char services[EE_AWS_NAME_MAX];

    if (set == NULL) {
        set = ee_aws_env("AWS_ENDPOINT_URL");
    }
    if (set != NULL) {
        *url = ee_bytes(set, strlen(set));
        return true;
    }
    if (ee_aws_profile_get(s, s->profile, "services", &named) &&
        named.n < sizeof services) {
        memcpy(services, named.p, named.n);
        services[named.n] = '\0';
        if (ee_aws_ini_get(config, "services", services, service,
                           "endpoint_url", url)) {
            return true;
        }
    }
    return ee_aws_profile_get(s, s->profile, "endpoint_url", url);
}

/* *out is empty when no endpoint is configured. */
static int configured(struct envelope_call *call,
                      const struct ee_aws_settings *s, const char *service,
                      char *out)
{
    const bool kms = strcmp(service, "kms") == 0;
    struct ee_bytes url = {NULL, 0};
    struct ee_bytes host = {NULL, 0};
    bool ignored = false;
    int rc = ee_aws_flag(call, s, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                         "ignore_configured_endpoint_urls", &ignored);

    out[0] = '\0';
    if (rc != ENVELOPE_OK || ignored ||
        !find(s, service, kms ? "AWS_ENDPOINT_URL_KMS" : "AWS_ENDPOINT_URL_STS",
              &url)) {
        return rc;
    }
    if (!is_https_host(url, &host) ||
        snprintf(out, EE_AWS_URL_MAX, "https://%.*s/", (int)host.n,
                 (const char *)host.p) >= EE_AWS_URL_MAX) {
        out[0] = '\0';
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "the endpoint configured for AWS %s must be "
                           "https://HOST or https://HOST:PORT",
                           kms ? "KMS" : "STS");
    }
    return ENVELOPE_OK;
}

static int of_region(struct envelope_call *call, const char *service,
                     struct ee_bytes partition, const char *region, bool fips,
                     bool dual_stack, char *out)
{
    /* GovCloud's STS is FIPS 140 at its ordinary name */
    const bool plain = strncmp(region, "us-gov-", 7) == 0 &&
                       strcmp(service, "sts") == 0 && !dual_stack;

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        const char *name = suffixes[i].partition;

        if (partition.n == strlen(name) &&
            strncmp(name, (const char *)partition.p, partition.n) == 0) {
            (void)snprintf(out, EE_AWS_URL_MAX, "https://%s%s.%s.%s/", service,
                           fips && !plain ? "-fips" : "", region,
                           dual_stack ? suffixes[i].dual_stack
                                      : suffixes[i].suffix);
            return ENVELOPE_OK;
        }
    }
    return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                       "this version does not know the hosts of the AWS "
                       "partition in the ARN: set AWS_ENDPOINT_URL_%s",
                       strcmp(service, "kms") == 0 ? "KMS" : "STS");
}

int ee_aws_endpoint(struct envelope_call *call, const struct ee_aws_settings *s,
                    const char *service, struct ee_bytes partition,
                    const char *region, char *out)
{
    bool fips = false;
    bool dual_stack = false;
    int rc = configured(call, s, service, out);

    if (rc == ENVELOPE_OK) {
        rc = ee_aws_flag(call, s, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint",
                         &fips);
    }
    if (rc == ENVELOPE_OK) {
        rc = ee_aws_flag(call, s, "AWS_USE_DUALSTACK_ENDPOINT",
                         "use_dualstack_endpoint", &dual_stack);
    }
    if (rc != ENVELOPE_OK) {
        return rc;
    }
    if (out[0] == '\0') {
        return of_region(call, service, partition, region, fips, dual_stack,
                         out);
    }
    if (fips || dual_stack) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "%s and a configured endpoint exclude each other: "
                           "unset one of them",
                           fips ? "AWS_USE_FIPS_ENDPOINT"
                                : "AWS_USE_DUALSTACK_ENDPOINT");
    }
    return ENVELOPE_OK;
}
