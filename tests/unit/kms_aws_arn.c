/* SPDX-License-Identifier: MIT
 *
 * kms_aws_arn.c: which URIs name a key at AWS, and which ARNs the same key.
 */
#include "fakehttp.h"
#include "kms/aws_arn.h"
#include "tap.h"

#include <string.h>

#define KEY "arn:aws:kms:eu-west-1:111122223333:key/"
#define ID  "aaaabbbb-cccc-dddd-eeee-ffff00001111"
#define MRK "mrk-0123456789abcdef0123456789abcdef"

static const char *const good[] = {
    "aws-kms://" KEY ID,
    "aws-kms:///" KEY ID,
    "aws-kms://" KEY MRK,
    "aws-kms://arn:aws:kms:eu-west-1:111122223333:alias/app/pii_2-x",
    "aws-kms://arn:aws-cn:kms:cn-north-1:111122223333:key/" ID,
    "aws-kms://arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/" ID,
};

static const char *const bad[] = {
    "aws-kms:" KEY ID,
    "aws-kms://" ID,
    "aws-kms://alias/app",
    "aws-kms:////" KEY ID,
    "aws-kms://" KEY,
    "aws-kms://" KEY "a/b",
    "aws-kms://" KEY ID "?endpoint=evil.example",
    "aws-kms://" KEY ID "#x",
    "aws-kms://" KEY ID "\n",
    "aws-kms://" KEY "%41",
    "aws-kms://arn:aws:kms:eu-west-1:11112222333:key/" ID,
    "aws-kms://arn:aws:kms:eu-west-1:1111222233334:key/" ID,
    "aws-kms://arn:aws:kms:eu-west-1:11112222333x:key/" ID,
    "aws-kms://arn:aws:kms::111122223333:key/" ID,
    "aws-kms://arn:aws:kms:evil.example/:111122223333:key/" ID,
    "aws-kms://arn:aws:kms:EU-west-1:111122223333:key/" ID,
    "aws-kms://arn:aws:kms:eu-west-:111122223333:key/" ID,
    "aws-kms://arn:aws:kms:"
    "a23456789-123456789-123456789-1234:111122223333:key/" ID,
    "aws-kms://arn:aws.x:kms:eu-west-1:111122223333:key/" ID,
    "aws-kms://arn:aws:sts:eu-west-1:111122223333:key/" ID,
    "aws-kms://arn:aws:kms:eu-west-1:111122223333:alias/",
    "aws-kms://arn:aws:kms:eu-west-1:111122223333:alias/a b",
    "aws-kms://arn:aws:kms:eu-west-1:111122223333:grant/" ID,
    "aws-kms://arn:aws:kms:eu-west-1:111122223333",
    "aws-kms://arn:aws:kms:eu-west-1",
    "aws-kms://arn",
    "aws-kms://",
    "",
};

static void spellings(void)
{
    struct fake *f = fake_new();
    char out[ENVELOPE_URI_MAX];
    char again[ENVELOPE_URI_MAX];
    int right = 1;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (ee_aws_uri_normalize(&f->call, good[i], out) != ENVELOPE_OK ||
            ee_aws_uri_normalize(&f->call, out, again) != ENVELOPE_OK ||
            strcmp(out, again) != 0) {
            note("%s", good[i]);
            right = 0;
        }
    }
    ok(right, "URIs of keys and aliases have one spelling");
    (void)ee_aws_uri_normalize(&f->call, good[1], out);
    ok(strcmp(out, good[0]) == 0, "Tink's third slash is left out");
    right = 1;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        f->call.message[0] = '\0';
        if (ee_aws_uri_normalize(&f->call, bad[i], out) !=
                ENVELOPE_CONFIGURATION ||
            strstr(f->call.message, "write aws-kms://arn:") == NULL) {
            note("%s", bad[i]);
            right = 0;
        }
    }
    ok(right, "anything else is refused, and the form is said");
    fake_free(f);
}

static void same_keys(void)
{
    static const char other[] = "arn:aws:kms:eu-central-1:111122223333:key/";
    char a[EE_AWS_ARN_MAX];
    char b[EE_AWS_ARN_MAX];
    struct ee_aws_arn arn;

    (void)strcat(strcpy(a, KEY), ID);
    (void)strcat(strcpy(b, other), ID);
    ok(ee_aws_arn_same_key(a, a), "an ARN names the key it names");
    ok(!ee_aws_arn_same_key(a, b), "another region has another key");
    (void)strcat(strcpy(a, KEY), MRK);
    (void)strcat(strcpy(b, other), MRK);
    ok(ee_aws_arn_same_key(a, b), "but for multi-Region keys");
    ok(ee_aws_arn_parse(&arn, a, strlen(a)) &&
           ee_aws_arn_in_region(b, &arn, "us-east-2") &&
           strcmp(b, "arn:aws:kms:us-east-2:111122223333:key/" MRK) == 0,
       "the replica of a multi-Region key has its region in its ARN");
    ok(!ee_aws_arn_same_key(a, "arn:aws:kms:eu-west-1:999922223333:key/" MRK),
       "another account's is another key");
}

int main(void)
{
    spellings();
    same_keys();
    return done();
}
