/* SPDX-License-Identifier: MIT
 *
 * kms_aws_provider.c: what is asked of KMS, which replies are believed, and
 * what becomes of refusals. The transport is a script; a server that is real
 * is asked in tests/providers/test_aws_kms.py.
 */
#include "awskit.h"
#include "fakehttp.h"
#include "kms/aws_kms.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNT "arn:aws:kms:eu-west-1:111122223333:"
#define KEY     ACCOUNT "key/aaaabbbb-cccc-dddd-eeee-ffff00001111"
#define OTHER   ACCOUNT "key/99999999-cccc-dddd-eeee-ffff00001111"
#define ALIAS   ACCOUNT "alias/app"
#define MRK     "key/mrk-0123456789abcdef0123456789abcdef"
#define ABROAD  "arn:aws:kms:us-east-2:111122223333:" MRK
#define BLOB    "\"CiphertextBlob\":\"d3JhcHBlZA==\"" /* wrapped */
#define ID(arn) "\"KeyId\":\"" arn "\""
#define CONTEXT "{\"sqlite-envelope\":\"Y29udGV4dA==\"}"
#define SYMM    "\"SYMMETRIC_DEFAULT\""
/* 64 bytes 'A' */
#define A12   "QUFBQUFBQUFBQUFB"
#define PLAIN A12 A12 A12 A12 A12 "QUFBQQ=="
#define DESCRIBED(arn, state)                                                  \
    "{\"KeyMetadata\":{\"Arn\":\"" arn "\",\"KeyState\":\"" state "\"}}"

static const struct envelope_provider *const p = &ee_aws_kms_provider;
static const uint8_t context[] = "context";
static struct fake *f;
static envelope_cmk *cmk;
static uint8_t payload[ENVELOPE_PAYLOAD_BYTES];
static uint8_t wrapped[ENVELOPE_WRAPPED_MAX];
static size_t wrapped_bytes;

static void reopen(const char *uri)
{
    p->close(cmk);
    cmk = NULL;
    fake_clear(f);
    if (p->open(&f->call, uri, &cmk) != ENVELOPE_OK) {
        note("%s", f->call.message);
        abort();
    }
}

static int wrap(void)
{
    memset(payload, 'A', sizeof payload);
    f->call.message[0] = '\0';
    wrapped_bytes = 0;
    return p->wrap(cmk, &f->call, payload, context, 7, wrapped, &wrapped_bytes);
}

static int unwrap(void)
{
    memset(payload, 'x', sizeof payload);
    f->call.message[0] = '\0';
    return p->unwrap(cmk, &f->call, (const uint8_t *)"wrapped", 7, context, 7,
                     payload);
}

static int payload_is(int c)
{
    for (size_t i = 0; i < sizeof payload; i++) {
        if (payload[i] != c) {
            return 0;
        }
    }
    return 1;
}

static void requests(void)
{
    const struct fake_request *r = NULL;

    reopen("aws-kms://" KEY);
    (void)fake_answer(f, 200, "{" BLOB "," ID(KEY) "}");
    ok(wrap() == ENVELOPE_OK && wrapped_bytes == 7 &&
           strncmp((char *)wrapped, "wrapped", 7) == 0,
       "a wrap is the blob as it came");
    r = fake_request(f, 0);
    ok(strcmp(r->url, "https://kms.eu-west-1.amazonaws.com/") == 0 &&
           strcmp(r->method, "POST") == 0 &&
           strcmp(r->headers, "Content-Type: application/x-amz-json-1.1\n"
                              "X-Amz-Target: TrentService.Encrypt\n"
                              "X-Amz-Security-Token: tok\n") == 0 &&
           strcmp(r->signing, "aws:amz:eu-west-1:kms|AKIA|secret") == 0,
       "the region is the ARN's; nothing is signed but these headers");
    ok(strcmp(r->body, "{" ID(KEY) ",\"Plaintext\":\"" PLAIN
                                   "\",\"EncryptionContext\":" CONTEXT
                                   ",\"EncryptionAlgorithm\":" SYMM "}") == 0,
       "Encrypt has the context, and names the algorithm");
    (void)fake_answer(f, 200,
                      "{" ID(KEY) ",\"Plaintext\":\"" PLAIN
                                  "\",\"EncryptionAlgorithm\":" SYMM "}");
    ok(unwrap() == ENVELOPE_OK && payload_is('A'), "Decrypt gives it back");
    ok(strcmp(fake_request(f, 1)->body,
              "{" ID(KEY) "," BLOB ",\"EncryptionContext\":" CONTEXT
                          ",\"EncryptionAlgorithm\":" SYMM "}") == 0,
       "it names the key");
}

static void rewraps(void)
{
    uint8_t second[ENVELOPE_WRAPPED_MAX];
    struct envelope_item items[] = {
        {.context = context,
         .context_bytes = 7,
         .old = (const uint8_t *)"wrapped",
         .old_bytes = 7,
         .wrapped = wrapped},
        {.context = context,
         .context_bytes = 7,
         .old = (const uint8_t *)"old",
         .old_bytes = 3,
         .wrapped = second},
    };

    reopen("aws-kms://" KEY);
    (void)fake_answer(f, 200,
                      "{" BLOB "," ID(KEY) ",\"SourceKeyId\":\"" KEY "\"}");
    (void)fake_answer(f, 200,
                      "{\"CiphertextBlob\":\"bmV3\"," ID(
                          KEY) ",\"SourceKeyId\":\"" KEY "\"}");
    ok(p->rewrap(cmk, &f->call, items, 2) == ENVELOPE_OK &&
           items[0].wrapped_bytes == 7 && items[1].wrapped_bytes == 3 &&
           strncmp((char *)second, "new", 3) == 0,
       "ReEncrypt for each wrap");
    ok(strcmp(fake_request(f, 0)->body,
              "{\"SourceKeyId\":\"" KEY "\",\"DestinationKeyId\":\"" KEY
              "\"," BLOB ",\"SourceEncryptionContext\":" CONTEXT
              ",\"DestinationEncryptionContext\":" CONTEXT
              ",\"SourceEncryptionAlgorithm\":" SYMM
              ",\"DestinationEncryptionAlgorithm\":" SYMM "}") == 0,
       "from the key to itself, in the same context");
    fake_clear(f);
    (void)fake_answer(f, 200,
                      "{" BLOB "," ID(KEY) ",\"SourceKeyId\":\"" OTHER "\"}");
    ok(p->rewrap(cmk, &f->call, items, 2) == ENVELOPE_UNAVAILABLE &&
           f->asked == 1,
       "a reply about another source ends it");
}

static void aliases(void)
{
    char uri[ENVELOPE_URI_MAX];

    reopen("aws-kms://" ALIAS);
    (void)fake_answer(f, 200, DESCRIBED(KEY, "Enabled"));
    (void)fake_answer(f, 200, "{" BLOB "," ID(KEY) "}");
    ok(wrap() == ENVELOPE_OK &&
           strcmp(fake_request(f, 0)->body, "{" ID(ALIAS) "}") == 0 &&
           strstr(fake_request(f, 1)->body, ID(KEY)) != NULL,
       "an alias is resolved, and the key itself is asked");
    (void)fake_answer(f, 200, DESCRIBED(OTHER, "Enabled"));
    ok(p->canonical(cmk, &f->call, uri) == ENVELOPE_OK &&
           strcmp(uri, "aws-kms://" OTHER) == 0,
       "one that leads elsewhere now is seen when it is stored");
    (void)fake_answer(f, 200, "{" BLOB "," ID(OTHER) "}");
    ok(wrap() == ENVELOPE_OK, "and then it wraps under that key");
    (void)fake_answer(
        f, 200,
        DESCRIBED("arn:aws:kms:eu-west-1:999922223333:key/x", "Enabled"));
    ok(p->canonical(cmk, &f->call, uri) == ENVELOPE_UNAVAILABLE,
       "an alias leads to no other account");
    reopen("aws-kms://" KEY);
    ok(p->canonical(cmk, &f->call, uri) == ENVELOPE_OK &&
           strcmp(uri, "aws-kms://" KEY) == 0 && f->asked == 0,
       "a key's ARN is what it is");
}

static void regions(void)
{
    char uri[ENVELOPE_URI_MAX];

    reopen("aws-kms://" ACCOUNT MRK);
    (void)fake_answer(f, 200, "{" BLOB "," ID(ABROAD) "}");
    ok(wrap() == ENVELOPE_OK, "a multi-Region key is the same in each region");
    aws_set("ENVELOPE_AWS_MRK_REGION", "us-east-2");
    reopen("aws-kms://" ACCOUNT MRK);
    (void)fake_answer(f, 200, "{" BLOB "," ID(ABROAD) "}");
    ok(wrap() == ENVELOPE_OK &&
           strcmp(fake_request(f, 0)->url,
                  "https://kms.us-east-2.amazonaws.com/") == 0 &&
           strncmp(fake_request(f, 0)->signing, "aws:amz:us-east-2:kms", 21) ==
               0 &&
           strstr(fake_request(f, 0)->body, ID(ABROAD)) != NULL,
       "ENVELOPE_AWS_MRK_REGION asks its replica there");
    ok(p->canonical(cmk, &f->call, uri) == ENVELOPE_OK &&
           strcmp(uri, "aws-kms://" ACCOUNT MRK) == 0,
       "under its own name");
    reopen("aws-kms://" KEY);
    (void)fake_answer(f, 200, "{" BLOB "," ID(KEY) "}");
    ok(wrap() == ENVELOPE_OK &&
           strcmp(fake_request(f, 0)->url,
                  "https://kms.eu-west-1.amazonaws.com/") == 0,
       "and no other key elsewhere");
    aws_set("ENVELOPE_AWS_MRK_REGION", "x.evil");
    p->close(cmk);
    ok(p->open(&f->call, "aws-kms://" ACCOUNT MRK, &cmk) ==
               ENVELOPE_CONFIGURATION &&
           cmk == NULL,
       "what is no region's name is refused");
    aws_set("ENVELOPE_AWS_MRK_REGION", NULL);
}

static void odd_replies(void)
{
    static const char *const wraps[] = {
        "",
        "{}",
        "[]",
        "{" BLOB "}",
        "{" ID(KEY) "}",
        "{" BLOB "," ID(OTHER) "}",
        "{" BLOB "," ID(KEY) "," ID(KEY) "}",
        "{\"CiphertextBlob\":\"\"," ID(KEY) "}",
        "{\"CiphertextBlob\":\"d3J hcHBlZA==\"," ID(KEY) "}",
        "{\"CiphertextBlob\":\"d3JhcHBlZA\"," ID(KEY) "}",
        "{\"CiphertextBlob\":7," ID(KEY) "}",
        "{" BLOB "," ID(KEY) ",\"EncryptionAlgorithm\":\"RSAES_OAEP_SHA_1\"}",
        "{" BLOB "," ID(KEY) "} x",
    };
    static const struct {
        int result;
        const char *text;
    } payloads[] = {
        {ENVELOPE_UNAVAILABLE, "{\"Plaintext\":\"" PLAIN "\"}"},
        {ENVELOPE_UNAVAILABLE, "{\"Plaintext\":\"" PLAIN "\"," ID(OTHER) "}"},
        {ENVELOPE_UNAVAILABLE, "{" ID(KEY) "}"},
        {ENVELOPE_UNAVAILABLE, "{\"Plaintext\":\"" PLAIN "\"," ID(KEY)},
        {ENVELOPE_UNAVAILABLE, "<html>"},
        {ENVELOPE_CORRUPT, "{\"Plaintext\":\"QUFB\"," ID(KEY) "}"},
        {ENVELOPE_CORRUPT, "{\"Plaintext\":\"QUFB" PLAIN "\"," ID(KEY) "}"},
        {ENVELOPE_CORRUPT, "{\"Plaintext\":\"" PLAIN "====\"," ID(KEY) "}"},
    };
    int right = 1;

    for (size_t i = 0; i < sizeof wraps / sizeof wraps[0]; i++) {
        reopen("aws-kms://" KEY);
        (void)fake_answer(f, 200, wraps[i]);
        if (wrap() != ENVELOPE_UNAVAILABLE || wrapped_bytes != 0) {
            note("%s", wraps[i]);
            right = 0;
        }
    }
    ok(right, "a reply that is none to Encrypt under this key");
    right = 1;
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        reopen("aws-kms://" KEY);
        (void)fake_answer(f, 200, payloads[i].text);
        if (unwrap() != payloads[i].result || !payload_is(0)) {
            note("%s", payloads[i].text);
            right = 0;
        }
    }
    ok(right, "nor one to Decrypt; nothing of it is left");
    reopen("aws-kms://" KEY);
    ok(p->unwrap(cmk, &f->call, wrapped, 0, context, 7, payload) ==
               ENVELOPE_CORRUPT &&
           p->unwrap(cmk, &f->call, wrapped, 6145, context, 7, payload) ==
               ENVELOPE_CORRUPT &&
           f->asked == 0,
       "what KMS can have made no wrap of is not sent");
}

static void refusals(void)
{
    static const struct {
        int status;
        int result;
        const char *body;
        const char *says;
    } cases[] = {
        {400, ENVELOPE_CORRUPT, "{\"__type\":\"InvalidCiphertextException\"}",
         "not authentic"},
        {400, ENVELOPE_NOT_MINE, "{\"__type\":\"IncorrectKeyException\"}", ""},
        {400, ENVELOPE_NOT_MINE, "{\"__type\":\"NotFoundException\"}", "ARN"},
        {400, ENVELOPE_KEY_STATE, "{\"__type\":\"DisabledException\"}",
         "describe-key"},
        {400, ENVELOPE_KEY_STATE,
         "{\"__type\":\"com.amazonaws.kms#KMSInvalidStateException\","
         "\"message\":\"canary\"}",
         "describe-key"},
        {400, ENVELOPE_DENIED,
         "{\"__type\":\"AccessDeniedException\",\"Message\":\"canary\"}",
         "AWS KMS Decrypt: AccessDeniedException: "},
        {400, ENVELOPE_CONFIGURATION,
         "{\"__type\":\"InvalidKeyUsageException:http://x/\"}", "symmetric"},
        {400, ENVELOPE_CONFIGURATION, "{\"__type\":\"Brand New\"}", "HTTP 4xx"},
        {400, ENVELOPE_CONFIGURATION, "not json", "HTTP 4xx"},
        {403, ENVELOPE_DENIED, "<a><Code>AccessDenied</Code></a>",
         "AccessDenied"},
        {403, ENVELOPE_DENIED, "", "HTTP 401 or 403"},
        {302, ENVELOPE_CONFIGURATION, "", "redirect"},
        {204, ENVELOPE_UNAVAILABLE, "", "not AWS"},
    };
    int right = 1;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reopen("aws-kms://" KEY);
        (void)fake_answer(f, cases[i].status, cases[i].body);
        if (unwrap() != cases[i].result || f->asked != 1 || !payload_is(0) ||
            strstr(f->call.message, cases[i].says) == NULL ||
            strstr(f->call.message, "canary") != NULL) {
            note("case %zu: %s", i, f->call.message);
            right = 0;
        }
    }
    ok(right, "each refusal has its result, and the server's words go nowhere");
    reopen("aws-kms://" KEY);
    (void)snprintf(fake_answer(f, 400, "")->error_type, 96, "%s",
                   "DisabledException");
    ok(unwrap() == ENVELOPE_KEY_STATE, "a name in the header");
}

static void again(void)
{
    reopen("aws-kms://" KEY);
    (void)fake_answer(f, 400, "{\"__type\":\"ThrottlingException\"}");
    (void)fake_answer(f, 500, "{\"__type\":\"KMSInternalException\"}");
    fake_failure(f, ENVELOPE_UNAVAILABLE);
    (void)fake_answer(f, 200, "{" BLOB "," ID(KEY) "}");
    ok(wrap() == ENVELOPE_OK && f->asked == 4,
       "throttling, which is a 400, and failures are tried again");
    reopen("aws-kms://" KEY);
    for (int i = 0; i < 5; i++) {
        (void)fake_answer(f, 400, "{\"__type\":\"ThrottlingException\"}");
    }
    ok(wrap() == ENVELOPE_UNAVAILABLE && f->asked == 4, "but not for ever");
    reopen("aws-kms://" KEY);
    (void)fake_answer(f, 400, "{\"__type\":\"ExpiredTokenException\"}");
    aws_set("AWS_SESSION_TOKEN", "newer");
    (void)fake_answer(f, 200, "{" BLOB "," ID(KEY) "}");
    ok(wrap() == ENVELOPE_OK && f->asked == 2 &&
           strstr(fake_request(f, 1)->headers, "Token: newer\n") != NULL,
       "with an expired token, once with new credentials");
    reopen("aws-kms://" KEY);
    (void)fake_answer(f, 400, "{\"__type\":\"ExpiredTokenException\"}");
    (void)fake_answer(f, 400, "{\"__type\":\"ExpiredTokenException\"}");
    ok(wrap() == ENVELOPE_DENIED && f->asked == 2 &&
           strstr(f->call.message, "renew") != NULL,
       "and not twice");
}

static void clocks(void)
{
    const char *refusal = "{\"__type\":\"InvalidSignatureException\"}";

    reopen("aws-kms://" KEY);
    fake_answer(f, 400, refusal)->date = f->unix_seconds - 3600;
    ok(wrap() == ENVELOPE_CONFIGURATION &&
           strstr(f->call.message, "3600 s ahead of") != NULL &&
           strstr(f->call.message, "set the clock") != NULL,
       "a clock that is ahead is told of");
    reopen("aws-kms://" KEY);
    fake_answer(f, 400, refusal)->date = f->unix_seconds + 600;
    ok(wrap() == ENVELOPE_CONFIGURATION &&
           strstr(f->call.message, "600 s behind") != NULL,
       "and one that is behind");
    reopen("aws-kms://" KEY);
    fake_answer(f, 400, refusal)->date = f->unix_seconds - 10;
    ok(wrap() == ENVELOPE_DENIED &&
           strstr(f->call.message, "secret access key") != NULL,
       "with the right time it is the secret");
}

static void states(void)
{
    static const struct {
        const char *reply;
        int state;
    } cases[] = {
        {DESCRIBED(KEY, "Enabled"), ENVELOPE_CMK_ENABLED},
        {DESCRIBED(KEY, "Updating"), ENVELOPE_CMK_ENABLED},
        {DESCRIBED(KEY, "Disabled"), ENVELOPE_CMK_DISABLED},
        {DESCRIBED(KEY, "PendingImport"), ENVELOPE_CMK_DISABLED},
        {DESCRIBED(KEY, "Unavailable"), ENVELOPE_CMK_DISABLED},
        {DESCRIBED(KEY, "PendingDeletion"), ENVELOPE_CMK_DESTROYED},
        {DESCRIBED(KEY, "PendingReplicaDeletion"), ENVELOPE_CMK_DESTROYED},
        {DESCRIBED(KEY, "Whatever"), ENVELOPE_CMK_UNKNOWN},
    };
    int now = ENVELOPE_CMK_UNKNOWN;
    uint32_t version = 7;
    char line[256];
    int right = 1;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reopen("aws-kms://" KEY);
        (void)fake_answer(f, 200, cases[i].reply);
        right &= p->state(cmk, &f->call, &now) == ENVELOPE_OK &&
                 now == cases[i].state;
    }
    ok(right, "the states of a key");
    reopen("aws-kms://" KEY);
    (void)fake_answer(f, 200, DESCRIBED(OTHER, "Enabled"));
    ok(p->state(cmk, &f->call, &now) == ENVELOPE_UNAVAILABLE,
       "and not another's");
    reopen("aws-kms://" KEY);
    (void)fake_answer(f, 200, "{" ID(KEY) "}");
    ok(p->rotate(cmk, &f->call, &version) == ENVELOPE_OK && version == 0 &&
           strcmp(fake_request(f, 0)->body, "{" ID(KEY) "}") == 0,
       "RotateKeyOnDemand; there are no numbers");
    reopen("aws-kms://" KEY);
    (void)fake_answer(f, 500, "");
    ok(p->rotate(cmk, &f->call, &version) == ENVELOPE_UNAVAILABLE &&
           f->asked == 1,
       "is never asked for twice");
    ok(p->describe(cmk, &f->call, line, sizeof line) == ENVELOPE_OK &&
           strcmp(line, "AWS KMS at https://kms.eu-west-1.amazonaws.com/, "
                        "SYMMETRIC_DEFAULT, credentials from the "
                        "environment") == 0,
       "a line for a person");
}

int main(void)
{
    f = fake_new();
    aws_clean();
    aws_set("AWS_ACCESS_KEY_ID", "AKIA");
    aws_set("AWS_SECRET_ACCESS_KEY", "secret");
    aws_set("AWS_SESSION_TOKEN", "tok");
    requests();
    rewraps();
    aliases();
    regions();
    odd_replies();
    refusals();
    again();
    clocks();
    states();
    p->close(cmk);
    p->close(NULL);
    ok(f->open_replies == 0, "every reply was released");
    fake_free(f);
    return done();
}
