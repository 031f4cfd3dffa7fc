/* SPDX-License-Identifier: MIT
 *
 * kms_aws_endpoint.c: where KMS and STS are asked, by each setting.
 */
#include "awskit.h"
#include "fakehttp.h"
#include "kms/aws_endpoint.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

static struct fake *f;

static int ask(const char *service, const char *partition, const char *region,
               char *url)
{
    struct ee_aws_settings *s = NULL;
    int rc = ee_aws_settings_open(&f->call, &s);

    url[0] = '\0';
    if (rc == ENVELOPE_OK) {
        rc = ee_aws_endpoint(&f->call, s, service,
                             ee_bytes(partition, strlen(partition)), region,
                             url);
    }
    ee_aws_settings_close(s);
    return rc;
}

static void is(const char *service, const char *expected, const char *what)
{
    char url[EE_AWS_URL_MAX];
    const int rc = ask(service, "aws", "eu-west-1", url);

    ok(rc == ENVELOPE_OK && strcmp(url, expected) == 0, "%s", what);
    if (strcmp(url, expected) != 0) {
        note("%d %s %s", rc, url, f->call.message);
    }
}

static void refused(const char *says, const char *what)
{
    char url[EE_AWS_URL_MAX];
    const int rc = ask("kms", "aws", "eu-west-1", url);

    ok(rc == ENVELOPE_CONFIGURATION && strstr(f->call.message, says) != NULL,
       "%s", what);
    if (rc != ENVELOPE_CONFIGURATION) {
        note("%d %s", rc, f->call.message);
    }
}

/* What AWS's SDKs give for these, from their own rules. */
static void of_aws(void)
{
    static const struct {
        const char *service, *partition, *region, *fips, *dual, *url;
    } cases[] = {
        {"kms", "aws", "eu-west-1", "false", "false",
         "https://kms.eu-west-1.amazonaws.com/"},
        {"kms", "aws", "us-east-1", "true", "false",
         "https://kms-fips.us-east-1.amazonaws.com/"},
        {"kms", "aws", "us-east-1", "false", "true",
         "https://kms.us-east-1.api.aws/"},
        {"kms", "aws", "us-east-1", "true", "TRUE",
         "https://kms-fips.us-east-1.api.aws/"},
        {"kms", "aws-cn", "cn-north-1", "false", "false",
         "https://kms.cn-north-1.amazonaws.com.cn/"},
        {"kms", "aws-cn", "cn-north-1", "false", "true",
         "https://kms.cn-north-1.api.amazonwebservices.com.cn/"},
        {"kms", "aws-us-gov", "us-gov-west-1", "true", "false",
         "https://kms-fips.us-gov-west-1.amazonaws.com/"},
        {"sts", "aws-us-gov", "us-gov-west-1", "true", "false",
         "https://sts.us-gov-west-1.amazonaws.com/"},
        {"sts", "aws", "us-east-1", "true", "false",
         "https://sts-fips.us-east-1.amazonaws.com/"},
        {"kms", "aws-eusc", "eusc-de-east-1", "false", "false",
         "https://kms.eusc-de-east-1.amazonaws.eu/"},
    };
    char url[EE_AWS_URL_MAX];
    int right = 1;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        aws_set("AWS_USE_FIPS_ENDPOINT", cases[i].fips);
        aws_set("AWS_USE_DUALSTACK_ENDPOINT", cases[i].dual);
        if (ask(cases[i].service, cases[i].partition, cases[i].region, url) !=
                ENVELOPE_OK ||
            strcmp(url, cases[i].url) != 0) {
            note("%s", url);
            right = 0;
        }
    }
    ok(right, "AWS's own hosts, with FIPS and dual-stack");
    aws_set("AWS_USE_FIPS_ENDPOINT", "yes");
    refused("true or false", "a flag that is neither");
    aws_clean();
    ok(ask("kms", "aws-moon", "moon-1", url) == ENVELOPE_CONFIGURATION &&
           strstr(f->call.message, "AWS_ENDPOINT_URL_KMS") != NULL,
       "an unknown partition needs an endpoint");
}

/* Weakest first, so that each wins over those before it. */
static void configured(void)
{
    aws_clean();
    aws_file("config",
             "[default]\nendpoint_url = https://profile.example\n"
             "services = s\n[services s]\nkms =\n"
             "  endpoint_url = https://services.example:8443/\n"
             "[profile other]\nendpoint_url = https://other.example\n"
             "[profile fips]\nuse_fips_endpoint = true\n",
             0644, "AWS_CONFIG_FILE");
    is("sts", "https://profile.example/", "the profile's endpoint_url");
    is("kms", "https://services.example:8443/", "its services section");
    aws_set("AWS_PROFILE", "other");
    is("kms", "https://other.example/", "another profile's");
    aws_set("AWS_PROFILE", "fips");
    is("kms", "https://kms-fips.eu-west-1.amazonaws.com/",
       "use_fips_endpoint of a profile");
    aws_set("AWS_PROFILE", NULL);
    aws_set("AWS_ENDPOINT_URL", "https://all.example");
    is("kms", "https://all.example/", "AWS_ENDPOINT_URL");
    aws_set("AWS_ENDPOINT_URL_KMS", "https://[::1]:4566");
    is("kms", "https://[::1]:4566/", "AWS_ENDPOINT_URL_KMS");
    is("sts", "https://all.example/", "which is not for STS");
    aws_set("AWS_ENDPOINT_URL_STS", "https://sts.example");
    is("sts", "https://sts.example/", "AWS_ENDPOINT_URL_STS");
    aws_set("AWS_USE_FIPS_ENDPOINT", "true");
    refused("AWS_USE_FIPS_ENDPOINT", "FIPS excludes an endpoint");
    aws_set("AWS_USE_FIPS_ENDPOINT", NULL);
    aws_set("AWS_USE_DUALSTACK_ENDPOINT", "true");
    refused("AWS_USE_DUALSTACK_ENDPOINT", "dual-stack excludes an endpoint");
    aws_set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    is("kms", "https://kms.eu-west-1.api.aws/",
       "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
}

static void not_https(void)
{
    static const char *const urls[] = {
        "http://127.0.0.1:4566", "https://",    "https:///",
        "https://user@h",        "h",           "https://h/path",
        "https://h?x=y",         "https://h#x", "https://h\n.example",
    };
    char url[EE_AWS_URL_MAX];
    int right = 1;

    aws_clean();
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        aws_set("AWS_ENDPOINT_URL_KMS", urls[i]);
        if (ask("kms", "aws", "eu-west-1", url) != ENVELOPE_CONFIGURATION ||
            url[0] != '\0') {
            note("%s", urls[i]);
            right = 0;
        }
    }
    ok(right, "an endpoint is https, a host and a port");
}

static void files(void)
{
    aws_clean();
    aws_file("config", "[default]\nregion: eu\n", 0644, "AWS_CONFIG_FILE");
    refused("line 2", "a damaged file is told of by its line");
    aws_file("config", "[default]\n", 0666, "AWS_CONFIG_FILE");
    refused("chmod go-w", "a config file that anybody may change");
    aws_file("config", "[default]\n", 0644, "AWS_CONFIG_FILE");
    aws_set("AWS_PROFILE", "nobody");
    refused("AWS_PROFILE", "a profile that is not there");
    aws_set("AWS_PROFILE", NULL);
    aws_set("AWS_CONFIG_FILE", "/nowhere/config");
    refused("AWS_CONFIG_FILE", "a file that is not there");
    aws_set("AWS_CONFIG_FILE", "/dev/zero");
    refused("regular file", "a file that is none");
    aws_clean();
    is("kms", "https://kms.eu-west-1.amazonaws.com/", "no files at all");
}

int main(void)
{
    f = fake_new();
    aws_clean();
    of_aws();
    configured();
    not_https();
    files();
    fake_free(f);
    return done();
}
