/* SPDX-License-Identifier: MIT
 *
 * kms_answers.c: a table; the first line that fits answers.
 */
#include "fault/kms_answers.h"

#include <stddef.h>
#include <string.h>

#define A12   "QUFBQUFBQUFBQUFB"
#define PLAIN "\"" A12 A12 A12 A12 A12 "QUFBQQ==\"" /* 64 times 'A' */
#define CREDENTIALS                                                            \
    "\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","      \
    "\"Expiration\":\"2036-01-02T04:04:05Z\"}"

struct rule {
    const char *has;     /* in the request */
    const char *has_too; /* NULL: nothing more */
    int status;
    const char *body;
};

static const struct rule rules[] = {
    {"/auth/", NULL, 200,
     "{\"auth\":{\"client_token\":\"s.new\",\"lease_duration\":60,"
     "\"renewable\":true}}"},
    {"/encrypt/", "batch_input", 200,
     "{\"data\":{\"batch_results\":[{\"ciphertext\":\"" WRAP
     "\",\"reference\":\"0\"},{\"ciphertext\":\"" WRAP
     "\",\"reference\":\"1\"}]}}"},
    {"/decrypt/", "batch_input", 200,
     "{\"data\":{\"batch_results\":[{\"plaintext\":" PLAIN
     "},{\"plaintext\":" PLAIN "}]}}"},
    {"/decrypt/gone", NULL, 400, "{\"errors\":[\"encryption key not found\"]}"},
    {"/encrypt/shut", NULL, 400, "{\"errors\":[\"version is too old\"]}"},
    {"/encrypt/", NULL, 200, "{\"data\":{\"ciphertext\":\"" WRAP "\"}}"},
    {"/decrypt/", NULL, 200, "{\"data\":{\"plaintext\":" PLAIN "}}"},
    {"GET ", "/keys/new", 404, "{\"errors\":[]}"},
    {"POST ", "/keys/", 200, "{}"},
    {"/keys/", NULL, 200,
     "{\"data\":{\"type\":\"aes256-gcm96\",\"latest_version\":3}}"},
    {".Encrypt", "key/99", 400, "{\"__type\":\"DisabledException\"}"},
    {".Encrypt", NULL, 200,
     "{\"CiphertextBlob\":\"AAAA\",\"KeyId\":\"" KEY "\"}"},
    {".ReEncrypt", NULL, 200,
     "{\"CiphertextBlob\":\"AAAA\",\"KeyId\":\"" KEY "\",\"SourceKeyId\":\"" KEY
     "\"}"},
    {".Decrypt", NULL, 200, "{\"Plaintext\":" PLAIN ",\"KeyId\":\"" KEY "\"}"},
    {".DescribeKey", NULL, 200,
     "{\"KeyMetadata\":{\"Arn\":\"" KEY "\",\"KeyState\":\"Enabled\"}}"},
    {".RotateKey", NULL, 200, "{\"KeyId\":\"" KEY "\"}"},
    {"Action=Assume", NULL, 200,
     "<R><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s"
     "</SecretAccessKey><SessionToken>t</SessionToken>"
     "<Expiration>2036-01-02T04:04:05Z</Expiration></Credentials></R>"},
    {"latest/api/token", NULL, 200, "imds-token"},
    {"security-credentials/role", NULL, 200,
     "{\"Code\":\"Success\"," CREDENTIALS},
    {"security-credentials/", NULL, 200, "role"},
    {"/task", NULL, 200, "{" CREDENTIALS},
};

int kms_answers(const char *request, const char **body)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *r = &rules[i];

        if (strstr(request, r->has) != NULL &&
            (r->has_too == NULL || strstr(request, r->has_too) != NULL)) {
            *body = r->body;
            return r->status;
        }
    }
    return 500;
}
