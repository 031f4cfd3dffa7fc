/* SPDX-License-Identifier: MIT
 *
 * aws_error.c: a table, and the words of it that a person sees. What the
 * server said is compared with it and never shown.
 */
#include "kms/aws_error.h"

#include "kms/fail.h"

#include <string.h>

#define KEY_STATE                                                              \
    "the key is disabled, waits for its deletion, or has no key material: "    \
    "look at it with aws kms describe-key"
#define NO_KEY                                                                 \
    "there is no such key or alias in this account and region: check the ARN"
#define REFUSED                                                                \
    "these credentials may not do that: allow it in their IAM policy and in "  \
    "the key's policy"
#define KEY_KIND                                                               \
    "the key must be symmetric, for encryption and decryption "                \
    "(SYMMETRIC_DEFAULT)"
#define OTHER_CREDENTIALS "the credentials are expired or unknown: renew them"
#define SIGNATURE         "the signature was not accepted: check the secret access key"
#define BUSY              "AWS is busy or limits requests: try again"
#define ODD               "AWS did not accept the request: check the ARN and the endpoint"

static const struct ee_aws_fault by_name[] = {
    {"InvalidCiphertextException", ENVELOPE_CORRUPT, EE_AWS_FAIL,
     "the wrap, or its context, is not authentic"},
    {"IncorrectKeyException", ENVELOPE_NOT_MINE, EE_AWS_FAIL,
     "the wrap is under another key"},
    {"NotFoundException", ENVELOPE_NOT_MINE, EE_AWS_FAIL, NO_KEY},
    {"InvalidArnException", ENVELOPE_CONFIGURATION, EE_AWS_FAIL, NO_KEY},
    {"DisabledException", ENVELOPE_KEY_STATE, EE_AWS_FAIL, KEY_STATE},
    {"KMSInvalidStateException", ENVELOPE_KEY_STATE, EE_AWS_FAIL, KEY_STATE},
    {"AccessDeniedException", ENVELOPE_DENIED, EE_AWS_FAIL, REFUSED},
    {"AccessDenied", ENVELOPE_DENIED, EE_AWS_FAIL, REFUSED},
    {"NotAuthorizedException", ENVELOPE_DENIED, EE_AWS_FAIL, REFUSED},
    {"OptInRequired", ENVELOPE_DENIED, EE_AWS_FAIL, REFUSED},
    {"MissingAuthenticationToken", ENVELOPE_DENIED, EE_AWS_FAIL, SIGNATURE},
    {"MissingAuthenticationTokenException", ENVELOPE_DENIED, EE_AWS_FAIL,
     SIGNATURE},
    {"IncompleteSignature", ENVELOPE_DENIED, EE_AWS_FAIL, SIGNATURE},
    {"IncompleteSignatureException", ENVELOPE_DENIED, EE_AWS_FAIL, SIGNATURE},
    {"InvalidKeyUsageException", ENVELOPE_CONFIGURATION, EE_AWS_FAIL, KEY_KIND},
    {"UnsupportedOperationException", ENVELOPE_CONFIGURATION, EE_AWS_FAIL,
     "the key does not allow that: a multi-Region key is rotated in its "
     "primary region, and imported key material not at all"},
    {"ConflictException", ENVELOPE_UNAVAILABLE, EE_AWS_FAIL,
     "a rotation of the key is on its way: try again when it has ended"},
    {"LimitExceededException", ENVELOPE_CONFIGURATION, EE_AWS_FAIL,
     "a quota of AWS is used up: on-demand rotations of a key are counted"},
    {"ValidationException", ENVELOPE_CONFIGURATION, EE_AWS_FAIL, ODD},
    {"ValidationError", ENVELOPE_CONFIGURATION, EE_AWS_FAIL, ODD},
    {"SerializationException", ENVELOPE_CONFIGURATION, EE_AWS_FAIL, ODD},
    {"UnknownOperationException", ENVELOPE_CONFIGURATION, EE_AWS_FAIL, ODD},
    {"ExpiredTokenException", ENVELOPE_DENIED, EE_AWS_REFRESH,
     OTHER_CREDENTIALS},
    {"ExpiredToken", ENVELOPE_DENIED, EE_AWS_REFRESH, OTHER_CREDENTIALS},
    {"UnrecognizedClientException", ENVELOPE_DENIED, EE_AWS_REFRESH,
     OTHER_CREDENTIALS},
    {"InvalidClientTokenId", ENVELOPE_DENIED, EE_AWS_REFRESH,
     OTHER_CREDENTIALS},
    {"InvalidIdentityToken", ENVELOPE_DENIED, EE_AWS_FAIL,
     "the web identity token is not accepted: check the token's file and the "
     "role's trust policy"},
    {"InvalidSignatureException", ENVELOPE_DENIED, EE_AWS_CLOCK, SIGNATURE},
    {"SignatureDoesNotMatch", ENVELOPE_DENIED, EE_AWS_CLOCK, SIGNATURE},
    {"RequestExpired", ENVELOPE_DENIED, EE_AWS_CLOCK, SIGNATURE},
    {"RequestTimeTooSkewed", ENVELOPE_DENIED, EE_AWS_CLOCK, SIGNATURE},
    {"ThrottlingException", ENVELOPE_UNAVAILABLE, EE_AWS_RETRY, BUSY},
    {"Throttling", ENVELOPE_UNAVAILABLE, EE_AWS_RETRY, BUSY},
    {"TooManyRequestsException", ENVELOPE_UNAVAILABLE, EE_AWS_RETRY, BUSY},
    {"RequestLimitExceeded", ENVELOPE_UNAVAILABLE, EE_AWS_RETRY, BUSY},
    {"KMSInternalException", ENVELOPE_UNAVAILABLE, EE_AWS_RETRY, BUSY},
    {"DependencyTimeoutException", ENVELOPE_UNAVAILABLE, EE_AWS_RETRY, BUSY},
    {"KeyUnavailableException", ENVELOPE_UNAVAILABLE, EE_AWS_RETRY, BUSY},
    {"InternalFailure", ENVELOPE_UNAVAILABLE, EE_AWS_RETRY, BUSY},
    {"ServiceUnavailable", ENVELOPE_UNAVAILABLE, EE_AWS_RETRY, BUSY},
    {"RequestTimeout", ENVELOPE_UNAVAILABLE, EE_AWS_RETRY, BUSY},
    {"IDPCommunicationError", ENVELOPE_UNAVAILABLE, EE_AWS_RETRY, BUSY},
};

static const struct ee_aws_fault redirected = {
    "a redirect", ENVELOPE_CONFIGURATION, EE_AWS_FAIL,
    "no redirect is followed with credentials: correct the endpoint"};
static const struct ee_aws_fault denied = {"HTTP 401 or 403", ENVELOPE_DENIED,
                                           EE_AWS_FAIL, REFUSED};
static const struct ee_aws_fault refused = {"HTTP 4xx", ENVELOPE_CONFIGURATION,
                                            EE_AWS_FAIL, ODD};
static const struct ee_aws_fault busy = {
    "HTTP 429 or 5xx", ENVELOPE_UNAVAILABLE, EE_AWS_RETRY, BUSY};
static const struct ee_aws_fault strange = {
    "no answer of AWS", ENVELOPE_UNAVAILABLE, EE_AWS_FAIL,
    "what answered is not AWS: check the endpoint and proxies"};

static const struct ee_aws_fault no_memory = {
    "an answer", ENVELOPE_NOMEM, EE_AWS_RETRY, "out of memory to read it"};

const struct ee_aws_fault *ee_aws_no_memory(void)
{
    return &no_memory;
}

/* The name alone. */
static struct ee_bytes bare(struct ee_bytes type)
{
    const uint8_t *mark = type.n > 0 ? memrchr(type.p, '#', type.n) : NULL;
    const uint8_t *colon = NULL;

    if (mark != NULL) {
        const size_t skip = (size_t)(mark - type.p) + 1;

        type = ee_bytes(type.p + skip, type.n - skip);
    }
    colon = type.n > 0 ? memchr(type.p, ':', type.n) : NULL;
    return colon != NULL ? ee_bytes(type.p, (size_t)(colon - type.p)) : type;
}

const struct ee_aws_fault *ee_aws_fault(struct ee_bytes type, int status)
{
    const struct ee_bytes name = bare(type);

    for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++) {
        if (name.n == strlen(by_name[i].name) &&
            strncmp(by_name[i].name, (const char *)name.p, name.n) == 0) {
            return &by_name[i];
        }
    }
    if (status >= 500 || status == 429) {
        return &busy;
    }
    if (status == 401 || status == 403) {
        return &denied;
    }
    if (status >= 400) {
        return &refused;
    }
    return status >= 300 ? &redirected : &strange;
}

/* libcurl signs with this machine's time and no other, so a clock that is
 * wrong can only be told of. AWS allows 5 minutes. */
#define SKEW_SECONDS 240

int ee_aws_refused(struct envelope_call *call, const char *what,
                   const struct ee_aws_fault *fault, int64_t date)
{
    const int64_t ahead = date > 0 ? call->unix_seconds(call->arg) - date : 0;

    if (fault->remedy == EE_AWS_CLOCK &&
        (ahead > SKEW_SECONDS || ahead < -SKEW_SECONDS)) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "%s: %s: this machine's clock is %lld s %s AWS's, "
                           "and signatures hold for 300 s: set the clock",
                           what, fault->name,
                           (long long)(ahead > 0 ? ahead : -ahead),
                           ahead > 0 ? "ahead of" : "behind");
    }
    return ee_kms_fail(call, fault->result, "%s: %s: %s", what, fault->name,
                       fault->advice);
}
