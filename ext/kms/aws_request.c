/* SPDX-License-Identifier: MIT
 *
 * aws_request.c: the algorithm is always named, so that a key that is not
 * symmetric is refused, and not used without a context.
 */
#include "kms/aws_request.h"

#include "envelope_provider.h"

#include <string.h>

#define ALGORITHM "SYMMETRIC_DEFAULT"

static void put_string(struct ee_buffer *body, const char *before,
                       const char *value)
{
    ee_buffer_put(body, before);
    ee_buffer_put_json(body, ee_bytes(value, strlen(value)));
}

static void put_base64(struct ee_buffer *body, const char *before,
                       struct ee_bytes value, const char *after)
{
    ee_buffer_put(body, before);
    ee_buffer_put_base64(body, value);
    ee_buffer_put(body, after);
}

static void put_context(struct ee_buffer *body, const char *name,
                        struct ee_bytes context)
{
    ee_buffer_put(body, name);
    put_base64(body, "{\"sqlite-envelope\":\"", context, "\"}");
}

void ee_aws_put_encrypt(struct ee_buffer *body, const char *key,
                        const uint8_t *payload, struct ee_bytes context)
{
    put_string(body, "{\"KeyId\":", key);
    put_base64(body, ",\"Plaintext\":\"",
               ee_bytes(payload, ENVELOPE_PAYLOAD_BYTES), "\"");
    put_context(body, ",\"EncryptionContext\":", context);
    put_string(body, ",\"EncryptionAlgorithm\":", ALGORITHM);
    ee_buffer_put(body, "}");
}

void ee_aws_put_decrypt(struct ee_buffer *body, const char *key,
                        struct ee_bytes wrapped, struct ee_bytes context)
{
    put_string(body, "{\"KeyId\":", key);
    put_base64(body, ",\"CiphertextBlob\":\"", wrapped, "\"");
    put_context(body, ",\"EncryptionContext\":", context);
    put_string(body, ",\"EncryptionAlgorithm\":", ALGORITHM);
    ee_buffer_put(body, "}");
}

void ee_aws_put_reencrypt(struct ee_buffer *body, const char *key,
                          struct ee_bytes wrapped, struct ee_bytes context)
{
    put_string(body, "{\"SourceKeyId\":", key);
    put_string(body, ",\"DestinationKeyId\":", key);
    put_base64(body, ",\"CiphertextBlob\":\"", wrapped, "\"");
    put_context(body, ",\"SourceEncryptionContext\":", context);
    put_context(body, ",\"DestinationEncryptionContext\":", context);
    put_string(body, ",\"SourceEncryptionAlgorithm\":", ALGORITHM);
    put_string(body, ",\"DestinationEncryptionAlgorithm\":", ALGORITHM);
    ee_buffer_put(body, "}");
}

void ee_aws_put_key(struct ee_buffer *body, const char *key)
{
    put_string(body, "{\"KeyId\":", key);
    ee_buffer_put(body, "}");
}
