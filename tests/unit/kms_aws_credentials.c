/* SPDX-License-Identifier: MIT
 *
 * kms_aws_credentials.c: times, the XML of STS, the JSON of the others, and
 * what does not become credentials.
 */
#include "fakehttp.h"
#include "kms/aws_reply.h"
#include "kms/aws_xml.h"
#include "kms/heap.h"
#include "tap.h"

#include <stdio.h>
#include <string.h>

#define HEAD                                                                   \
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">" \
    "<AssumeRoleResult>"
#define TAIL                                                                   \
    "<AssumedRoleUser><Arn>a&amp;b</Arn><X/></AssumedRoleUser>"                \
    "</AssumeRoleResult></AssumeRoleResponse>\n"
#define ID   "<AccessKeyId>ASIAEXAMPLE</AccessKeyId>"
#define SEC  "<SecretAccessKey>s/e+c=</SecretAccessKey>"
#define TOK  "<SessionToken>t/o+k==</SessionToken>"
#define EXP  "<Expiration>2026-01-02T09:00:00Z</Expiration>"
#define CRED "<Credentials>\n " ID "\n " SEC TOK EXP "</Credentials>"

static struct ee_bytes all(const char *s)
{
    return ee_bytes(s, strlen(s));
}

static void times(void)
{
    static const struct {
        const char *text;
        int64_t seconds; /* -1: refused */
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-02T03:04:05Z", 1767323045},
        {"2026-01-02T03:04:05.678Z", 1767323045},
        {"2026-01-02T05:04:05+02:00", 1767323045},
        {"2026-01-01T19:34:05-0730", 1767323045},
        {"2024-02-29T00:00:00Z", 1709164800},
        {"2100-03-01T00:00:00Z", 4107542400},
        {"", -1},
        {"2026-01-02", -1},
        {"2026-01-02T03:04:05", -1},
        {"2026-01-02T03:04:05Zz", -1},
        {"2026-01-02T03:04:05.Z", -1},
        {"2026-13-02T03:04:05Z", -1},
        {"2026-00-02T03:04:05Z", -1},
        {"2026-01-02T24:04:05Z", -1},
        {"2026-01-02T03:04:05+25:00", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"2026-01-02 03:04:05Z", -1},
        {"+026-01-02T03:04:05Z", -1},
    };
    int right = 1;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t got = -1;

        if (ee_aws_time(all(cases[i].text), &got) != (cases[i].seconds >= 0) ||
            got != cases[i].seconds) {
            note("%s: %lld", cases[i].text, (long long)got);
            right = 0;
        }
    }
    ok(right, "times of ISO 8601 are read, and nothing else");
}

static void xml(void)
{
    static const char *const bad[] = {
        "",
        "<a>",
        "no xml",
        HEAD TAIL,
        HEAD "<Credentials>" ID SEC TOK "</Credentials>" TAIL,
        HEAD "<Credentials>" ID ID SEC TOK EXP "</Credentials>" TAIL,
        HEAD CRED CRED TAIL,
        HEAD "<Credentials>" SEC TOK EXP
             "<AccessKeyId></AccessKeyId></Credentials>" TAIL,
        HEAD "<Credentials>" SEC TOK EXP
             "<AccessKeyId>A&#65;</AccessKeyId></Credentials>" TAIL,
        HEAD "<Credentials>" SEC TOK EXP
             "<AccessKeyId>A<b>c</b>d</AccessKeyId></Credentials>" TAIL,
        HEAD "<Credentials>" SEC TOK EXP
             "<AccessKeyId>A<b/>c</AccessKeyId></Credentials>" TAIL,
        "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>" HEAD CRED
            TAIL,
        HEAD "<!-- x -->" CRED TAIL,
        HEAD "<![CDATA[x]]>" CRED TAIL,
        HEAD "<?php ?>" CRED TAIL,
        HEAD CRED "</AssumeRoleResult>",
        HEAD CRED TAIL "</x>",
        HEAD "<a><b><c><d><e><f><g><h>" CRED,
        HEAD CRED "<a b=\"<\"></a>" TAIL,
    };
    struct ee_aws_parts parts = {0};
    struct ee_aws_credentials c = {.key_id = ""};
    int right = 1;

    ok(ee_aws_xml_credentials(
           all("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" HEAD CRED TAIL),
           &parts) &&
           ee_aws_credentials_set(&c, &parts) &&
           strcmp(c.key_id, "ASIAEXAMPLE") == 0 &&
           strcmp(c.secret, "s/e+c=") == 0 && strcmp(c.token, "t/o+k==") == 0 &&
           c.expires == 1767344400,
       "the credentials in a reply of STS");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        parts = (struct ee_aws_parts){0};
        if (ee_aws_xml_credentials(all(bad[i]), &parts) ||
            parts.key_id.p != NULL) {
            note("case %zu", i);
            right = 0;
        }
    }
    ok(right, "a reply that is anything else has none");
    ok(ee_aws_xml_code(all("<ErrorResponse><Error><Type>Sender</Type><Code>"
                           "AccessDenied</Code></Error></ErrorResponse>"))
               .n == 12,
       "the code of an error");
}

static void json(void)
{
    static const struct {
        enum ee_aws_issuer issuer;
        int good;
        const char *text;
    } cases[] = {
        {EE_AWS_METADATA, 1,
         "{\"Code\":\"Success\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\""
         ",\"Token\":\"T\",\"Expiration\":\"2026-01-02T09:00:00Z\"}"},
        {EE_AWS_METADATA, 0,
         "{\"Code\":\"Failed\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\","
         "\"Token\":\"T\",\"Expiration\":\"2026-01-02T09:00:00Z\"}"},
        {EE_AWS_METADATA, 1,
         "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\","
         "\"Expiration\":\"2026-01-02T09:00:00Z\",\"RoleArn\":\"r\"}"},
        {EE_AWS_METADATA, 0,
         "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\"}"},
        {EE_AWS_METADATA, 0,
         "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\","
         "\"Expiration\":\"soon\"}"},
        {EE_AWS_METADATA, 0,
         "{\"AccessKeyId\":\"A\",\"AccessKeyId\":\"B\",\"SecretAccessKey\":"
         "\"S\",\"Token\":\"T\",\"Expiration\":\"2026-01-02T09:00:00Z\"}"},
        {EE_AWS_METADATA, 0,
         "{\"AccessKeyId\":\"A\\r\\nX: y\",\"SecretAccessKey\":\"S\",\"Token\":"
         "\"T\",\"Expiration\":\"2026-01-02T09:00:00Z\"}"},
        {EE_AWS_PROCESS, 1,
         "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\"}"},
        {EE_AWS_PROCESS, 1,
         "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\","
         "\"SessionToken\":\"T\",\"Expiration\":\"2026-01-02T09:00:00Z\"}"},
        {EE_AWS_PROCESS, 0,
         "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\"}"},
        {EE_AWS_PROCESS, 0,
         "{\"Version\":2,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\"}"},
        {EE_AWS_PROCESS, 0, "{\"Version\":1,\"AccessKeyId\":\"A\"}"},
        {EE_AWS_PROCESS, 0,
         "{\"Version\":1,\"AccessKeyId\":\"\",\"SecretAccessKey\":\"S\"}"},
        {EE_AWS_PROCESS, 0,
         "{\"Version\":1,\"AccessKeyId\":\"A B\",\"SecretAccessKey\":\"S\"}"},
        {EE_AWS_PROCESS, 0, "[]"},
        {EE_AWS_PROCESS, 0, "aws: command not found"},
    };
    int right = 1;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ee_aws_credentials c = {.key_id = "before"};

        if (ee_aws_read_credentials(all(cases[i].text), cases[i].issuer, &c) !=
                (cases[i].good != 0 ? ENVELOPE_OK : ENVELOPE_UNAVAILABLE) ||
            strcmp(c.key_id, cases[i].good != 0 ? "A" : "before") != 0) {
            note("case %zu: %s", i, c.key_id);
            right = 0;
        }
    }
    ok(right, "credentials in JSON, each issuer's own way, and no others");
}

int main(void)
{
    struct fake *f = fake_new();

    ok(ee_kms_libraries(&f->call) == ENVELOPE_OK, "libraries");
    times();
    xml();
    json();
    fake_free(f);
    return done();
}
