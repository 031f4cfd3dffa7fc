/* SPDX-License-Identifier: MIT
 *
 * aws_arn.c: takes ARNs of keys apart. What is not expected is refused.
 */
#include "kms/aws_arn.h"

#include <stdio.h>
#include <string.h>

#define SPELLING                                                               \
    "write aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID, or alias/NAME in the " \
    "place of key/ID"

static bool only(struct ee_bytes text, const char *others, bool capitals)
{
    for (size_t i = 0; i < text.n; i++) {
        const char c = (char)text.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              (capitals && c >= 'A' && c <= 'Z') ||
              (c != '\0' && strchr(others, c) != NULL))) {
            return false;
        }
    }
    return text.n > 0;
}

static bool is(struct ee_bytes text, const char *word)
{
    return text.n == strlen(word) &&
           memcmp(text.p, word, text.n) == 0; /* lint: memcmp public */
}

static bool starts(struct ee_bytes text, const char *word)
{
    const size_t n = strlen(word);

    return text.n > n && is(ee_bytes(text.p, n), word);
}

static bool is_account(struct ee_bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return false;
        }
    }
    return text.n == 12;
}

bool ee_aws_region_ok(struct ee_bytes region)
{
    return region.n < EE_AWS_REGION_MAX && only(region, "-", false) &&
           region.p[0] >= 'a' && region.p[region.n - 1] != '-';
}

/* The text before the next colon, and *rest moved behind it. */
static struct ee_bytes field(struct ee_bytes *rest)
{
    const uint8_t *end = rest->n > 0 ? memchr(rest->p, ':', rest->n) : NULL;
    const size_t n = end != NULL ? (size_t)(end - rest->p) : rest->n;
    const struct ee_bytes found = ee_bytes(rest->p, n);

    rest->p += end != NULL ? n + 1 : n;
    rest->n -= end != NULL ? n + 1 : n;
    return found;
}

static bool parse_id(struct ee_aws_arn *arn, struct ee_bytes resource)
{
    arn->alias = starts(resource, "alias/");
    if (arn->alias) {
        arn->id = ee_bytes(resource.p + 6, resource.n - 6);
        return arn->id.n <= 250 && only(arn->id, "/_-", true);
    }
    if (!starts(resource, "key/")) {
        return false;
    }
    arn->id = ee_bytes(resource.p + 4, resource.n - 4);
    arn->multi_region = starts(arn->id, "mrk-");
    return arn->id.n <= 64 && only(arn->id, "-", true);
}

bool ee_aws_arn_parse(struct ee_aws_arn *arn, const char *text, size_t n)
{
    struct ee_bytes rest = ee_bytes(text, n);
    struct ee_aws_arn parsed = {0};

    if (n >= EE_AWS_ARN_MAX || !is(field(&rest), "arn")) {
        return false;
    }
    parsed.partition = field(&rest);
    if (!is(field(&rest), "kms")) {
        return false;
    }
    parsed.region = field(&rest);
    parsed.account = field(&rest);
    if (!only(parsed.partition, "-", false) ||
        !ee_aws_region_ok(parsed.region) || !is_account(parsed.account) ||
        !parse_id(&parsed, rest)) {
        return false;
    }
    *arn = parsed;
    return true;
}

static bool equal(struct ee_bytes a, struct ee_bytes b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0; /* lint: memcmp public */
}

bool ee_aws_arn_same_key(const char *a, const char *b)
{
    struct ee_aws_arn one;
    struct ee_aws_arn two;

    return ee_aws_arn_parse(&one, a, strlen(a)) &&
           ee_aws_arn_parse(&two, b, strlen(b)) && one.alias == two.alias &&
           equal(one.partition, two.partition) &&
           equal(one.account, two.account) && equal(one.id, two.id) &&
           (one.multi_region || equal(one.region, two.region));
}

bool ee_aws_arn_in_region(char *out, const struct ee_aws_arn *arn,
                          const char *region)
{
    const int n = snprintf(
        out, EE_AWS_ARN_MAX, "arn:%.*s:kms:%s:%.*s:%s/%.*s",
        (int)arn->partition.n, (const char *)arn->partition.p, region,
        (int)arn->account.n, (const char *)arn->account.p,
        arn->alias ? "alias" : "key", (int)arn->id.n, (const char *)arn->id.p);

    return n > 0 && n < EE_AWS_ARN_MAX;
}

const char *ee_aws_uri_arn(const char *uri)
{
    static const char head[] = EE_AWS_URI_SCHEME "://";
    const char *arn = uri + sizeof head - 1;
    struct ee_aws_arn parsed;

    if (strncmp(uri, head, sizeof head - 1) != 0) {
        return NULL;
    }
    arn += *arn == '/'; /* as Tink's libraries write it, aws-kms:///arn:... */
    return ee_aws_arn_parse(&parsed, arn, strlen(arn)) ? arn : NULL;
}

int ee_aws_uri_normalize(struct envelope_call *call, const char *uri, char *out)
{
    const char *arn = ee_aws_uri_arn(uri);

    if (arn == NULL) {
        (void)snprintf(call->message, sizeof call->message,
                       "this is no URI of a key at AWS: %s", SPELLING);
        return ENVELOPE_CONFIGURATION;
    }
    (void)snprintf(out, ENVELOPE_URI_MAX, "%s://%s", EE_AWS_URI_SCHEME, arn);
    return ENVELOPE_OK;
}
