/* SPDX-License-Identifier: MIT
 *
 * kms_aws_ini.c: AWS's shared files, ARNs and times, on any bytes. What is
 * found lies inside the text, is one line, and has nothing around it.
 */
#include "kms/aws_arn.h"
#include "kms/aws_credentials.h"
#include "kms/aws_ini.h"

#include <stdlib.h>
#include <string.h>

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void inside(struct ee_bytes part, struct ee_bytes whole)
{
    check(part.n > 0 && part.p >= whole.p &&
          part.p + part.n <= whole.p + whole.n);
    check(memchr(part.p, '\n', part.n) == NULL);
    check(strchr(" \t\r", part.p[0]) == NULL &&
          strchr(" \t\r", part.p[part.n - 1]) == NULL);
}

static void file(struct ee_bytes in)
{
    static const struct {
        const char *kind, *name, *group, *property;
    } asked[] = {
        {"", "default", NULL, "aws_secret_access_key"},
        {"profile", "app", NULL, "region"},
        {"services", "local", "kms", "endpoint_url"},
    };
    const size_t bad = ee_aws_ini_bad_line(in);
    size_t lines = 1;

    for (size_t i = 0; i < in.n; i++) {
        lines += in.p[i] == '\n' ? 1 : 0;
    }
    check(bad <= lines);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct ee_bytes value = {NULL, 0};

        if (ee_aws_ini_get(in, asked[i].kind, asked[i].name, asked[i].group,
                           asked[i].property, &value)) {
            inside(value, in);
            check(ee_aws_ini_has(in, asked[i].kind, asked[i].name));
        } else {
            check(value.p == NULL);
        }
    }
}

static void arn(struct ee_bytes in)
{
    struct ee_aws_arn parsed = {.alias = false};
    char again[EE_AWS_ARN_MAX];
    char region[EE_AWS_REGION_MAX];

    if (!ee_aws_arn_parse(&parsed, (const char *)in.p, in.n)) {
        check(parsed.partition.p == NULL);
        return;
    }
    check(ee_aws_region_ok(parsed.region) && parsed.account.n == 12);
    memcpy(region, parsed.region.p, parsed.region.n);
    region[parsed.region.n] = '\0';
    check(ee_aws_arn_in_region(again, &parsed, region));
    check(strlen(again) == in.n &&
          strncmp(again, (const char *)in.p, in.n) == 0);
    check(ee_aws_arn_same_key(again, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ee_bytes in = ee_bytes(data, size);
    int64_t seconds = -1;

    file(in);
    arn(in);
    check(ee_aws_time(in, &seconds) ? seconds >= -86400 : seconds == -1);
    return 0;
}
