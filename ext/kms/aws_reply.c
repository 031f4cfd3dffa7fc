/* SPDX-License-Identifier: MIT */
#include "kms/aws_reply.h"

#include "base/base64.h"
#include "base/secret.h"
#include "kms/aws_xml.h"
#include "kms/json.h"

#include <string.h>

static struct ee_bytes body_of(const struct envelope_http_reply *reply)
{
    return ee_bytes(reply->body, reply->body_bytes);
}

const struct ee_aws_fault *
ee_aws_fault_of(const struct envelope_http_reply *reply)
{
    const char *header = reply->error_type;
    struct ee_bytes type = ee_bytes(header, strlen(header));
    const struct ee_aws_fault *fault = NULL;
    json_t *json = NULL;

    if (type.n == 0) {
        if (ee_json_read(&json, body_of(reply)) != ENVELOPE_OK) {
            return ee_aws_no_memory();
        }
        if (!ee_json_string_of(json, "__type", &type)) {
            type = ee_aws_xml_code(body_of(reply));
        }
    }
    fault = ee_aws_fault(type, reply->status);
    json_decref(json);
    return fault;
}

bool ee_aws_again(const struct envelope_http_reply *reply)
{
    return reply->status != 200 &&
           ee_aws_fault_of(reply)->remedy == EE_AWS_RETRY;
}

/* read: what ee_json_read() gave. */
static int judge(int read, bool good)
{
    return read == ENVELOPE_OK && !good ? ENVELOPE_UNAVAILABLE : read;
}

/* Is the member the ARN of this key? */
static bool is_key(const json_t *json, const char *name, const char *key)
{
    struct ee_bytes text = {NULL, 0};
    char arn[EE_AWS_ARN_MAX];

    if (!ee_json_string_of(json, name, &text) || text.n >= sizeof arn) {
        return false;
    }
    memcpy(arn, text.p, text.n);
    arn[text.n] = '\0';
    return ee_aws_arn_same_key(arn, key);
}

/* Only authenticated encryption: absent, as emulators leave it, or this. */
static bool is_symmetric(const json_t *json, const char *name)
{
    static const char word[] = "SYMMETRIC_DEFAULT";
    struct ee_bytes text = {NULL, 0};

    return json_object_get(json, name) == NULL ||
           (ee_json_string_of(json, name, &text) && text.n == sizeof word - 1 &&
            strncmp((const char *)text.p, word, text.n) == 0);
}

int ee_aws_read_wrapped(struct ee_bytes text, const char *key, bool source,
                        uint8_t *wrapped, size_t *wrapped_bytes)
{
    json_t *json = NULL;
    const int rc = ee_json_read(&json, text);
    struct ee_bytes blob = {NULL, 0};
    size_t n = 0;
    bool good = is_key(json, "KeyId", key) &&
                (!source || is_key(json, "SourceKeyId", key)) &&
                is_symmetric(json, source ? "DestinationEncryptionAlgorithm"
                                          : "EncryptionAlgorithm") &&
                ee_json_string_of(json, "CiphertextBlob", &blob) &&
                ee_unbase64(wrapped, EE_AWS_BLOB_MAX, &n, blob) && n > 0;

    if (good) {
        *wrapped_bytes = n;
    }
    json_decref(json);
    return judge(rc, good);
}

int ee_aws_read_payload(struct ee_bytes text, const char *key, uint8_t *payload)
{
    json_t *json = NULL;
    int rc = ee_json_read(&json, text);
    struct ee_bytes plain = {NULL, 0};

    ee_wipe(payload, ENVELOPE_PAYLOAD_BYTES);
    rc = judge(rc, is_key(json, "KeyId", key) &&
                       is_symmetric(json, "EncryptionAlgorithm") &&
                       ee_json_string_of(json, "Plaintext", &plain));
    if (rc == ENVELOPE_OK && !ee_json_payload_of(json, "Plaintext", payload)) {
        rc = ENVELOPE_CORRUPT;
    }
    json_decref(json);
    return rc;
}

static bool read_state(const json_t *json, int *state)
{
    static const struct {
        const char *name;
        int state;
    } states[] = {
        {"Enabled", ENVELOPE_CMK_ENABLED},
        {"Updating", ENVELOPE_CMK_ENABLED}, /* its primary region changes */
        {"Disabled", ENVELOPE_CMK_DISABLED},
        {"Creating", ENVELOPE_CMK_DISABLED},
        {"PendingImport", ENVELOPE_CMK_DISABLED},
        {"Unavailable", ENVELOPE_CMK_DISABLED},
        {"PendingDeletion", ENVELOPE_CMK_DESTROYED},
        {"PendingReplicaDeletion", ENVELOPE_CMK_DESTROYED},
    };
    struct ee_bytes text = {NULL, 0};

    if (!ee_json_string_of(json, "KeyState", &text)) {
        return false;
    }
    *state = ENVELOPE_CMK_UNKNOWN;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (text.n == strlen(states[i].name) &&
            strncmp((const char *)text.p, states[i].name, text.n) == 0) {
            *state = states[i].state;
        }
    }
    return true;
}

int ee_aws_read_key(struct ee_bytes text, char *arn, int *state)
{
    json_t *json = NULL;
    const int rc = ee_json_read(&json, text);
    const json_t *key = json_object_get(json, "KeyMetadata");
    struct ee_bytes found = {NULL, 0};
    struct ee_aws_arn parsed;
    int now = ENVELOPE_CMK_UNKNOWN;
    bool good = ee_json_string_of(key, "Arn", &found) &&
                ee_aws_arn_parse(&parsed, (const char *)found.p, found.n) &&
                !parsed.alias && read_state(key, &now);

    if (good) {
        memcpy(arn, found.p, found.n);
        arn[found.n] = '\0';
        *state = now;
    }
    json_decref(json);
    return judge(rc, good);
}

/* The metadata service has a "Code", the container's endpoint none. */
static bool is_success(const json_t *json)
{
    static const char word[] = "Success";
    struct ee_bytes text = {NULL, 0};

    return json_object_get(json, "Code") == NULL ||
           (ee_json_string_of(json, "Code", &text) &&
            text.n == sizeof word - 1 &&
            strncmp((const char *)text.p, word, text.n) == 0);
}

int ee_aws_read_credentials(struct ee_bytes text, enum ee_aws_issuer issuer,
                            struct ee_aws_credentials *out)
{
    const bool process = issuer == EE_AWS_PROCESS;
    json_t *json = NULL;
    const int rc = ee_json_read(&json, text);
    struct ee_aws_parts parts = {0};
    int64_t version = 0;
    bool good = ee_json_string_of(json, "AccessKeyId", &parts.key_id) &&
                ee_json_string_of(json, "SecretAccessKey", &parts.secret);

    (void)ee_json_string_of(json, process ? "SessionToken" : "Token",
                            &parts.token);
    (void)ee_json_string_of(json, "Expiration", &parts.expiration);
    if (process) {
        good = good && ee_json_number_of(json, "Version", 1, &version) &&
               version == 1;
    } else {
        good = good && parts.token.n > 0 && parts.expiration.n > 0 &&
               is_success(json);
    }
    good = good && ee_aws_credentials_set(out, &parts);
    json_decref(json);
    return judge(rc, good);
}
