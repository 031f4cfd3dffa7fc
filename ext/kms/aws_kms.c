/* SPDX-License-Identifier: MIT
 *
 * aws_kms.c: the provider: one request to KMS for each call.
 *
 * There is no create: KMS gives a key its id, so a URI cannot name one before
 * it is there, and who pays for it and who may use it are not for SQL to say.
 */
#include "kms/aws_kms.h"

#include "base/secret.h"
#include "kms/aws_cmk.h"
#include "kms/aws_reply.h"
#include "kms/fail.h"

#include <stdio.h>
#include <string.h>

static const struct ee_aws_operation encrypt = {"TrentService.Encrypt",
                                                "AWS KMS Encrypt", true};
static const struct ee_aws_operation decrypt = {"TrentService.Decrypt",
                                                "AWS KMS Decrypt", true};
static const struct ee_aws_operation reencrypt = {"TrentService.ReEncrypt",
                                                  "AWS KMS ReEncrypt", true};
static const struct ee_aws_operation describe_key = {
    "TrentService.DescribeKey", "AWS KMS DescribeKey", true};
static const struct ee_aws_operation rotate_key = {
    "TrentService.RotateKeyOnDemand", "AWS KMS RotateKeyOnDemand", false};

static int strange(struct envelope_call *call,
                   const struct ee_aws_operation *operation)
{
    return ee_kms_fail(call, ENVELOPE_UNAVAILABLE,
                       "%s: the reply is not one to this request: check the "
                       "endpoint and proxies",
                       operation->shown);
}

/* A body that did not fit is a wrap longer than KMS's. */
static int ask(envelope_cmk *cmk, struct envelope_call *call,
               const struct ee_aws_operation *operation,
               const struct ee_buffer *body, struct envelope_http_reply *reply)
{
    if (body->w.bad) {
        return ENVELOPE_CORRUPT;
    }
    return ee_aws_cmk_ask(cmk, call, operation, body, reply);
}

/* Of the key, or of what the alias leads to now. */
static int describe_now(envelope_cmk *cmk, struct envelope_call *call,
                        const char *asked, char *arn, int *state)
{
    struct ee_buffer body = {0};
    struct envelope_http_reply reply = {.size = sizeof reply};
    int rc = ENVELOPE_NOMEM;

    if (ee_buffer_new(&body, EE_AWS_BODY_MAX)) {
        ee_aws_put_key(&body, asked);
        rc = ask(cmk, call, &describe_key, &body, &reply);
    }
    if (rc == ENVELOPE_OK) {
        rc =
            ee_aws_read_key(ee_bytes(reply.body, reply.body_bytes), arn, state);
        rc = rc == ENVELOPE_UNAVAILABLE ? strange(call, &describe_key) : rc;
        ee_aws_release(&cmk->client, call, &reply);
    }
    ee_buffer_free(&body);
    return rc;
}

/* Does the alias's ARN lead to this key? Both are of one account and region. */
static bool may_be_alias_of(const char *alias, const char *key)
{
    const char *end = strstr(alias, ":alias/");

    return end != NULL && strncmp(alias, key, (size_t)(end - alias)) == 0;
}

/* An alias can be pointed elsewhere, so it is asked anew when `anew`. */
static int resolve(envelope_cmk *cmk, struct envelope_call *call, bool anew)
{
    int state = ENVELOPE_CMK_UNKNOWN;
    char arn[EE_AWS_ARN_MAX] = "";
    int rc = ENVELOPE_OK;

    if (!cmk->arn.alias || (!anew && cmk->key[0] != '\0')) {
        return ENVELOPE_OK;
    }
    rc = describe_now(cmk, call, cmk->asked, arn, &state);
    if (rc == ENVELOPE_OK && !may_be_alias_of(cmk->asked, arn)) {
        rc = strange(call, &describe_key);
    }
    if (rc == ENVELOPE_OK) {
        memcpy(cmk->key, arn, sizeof cmk->key);
    }
    return rc;
}

/* A piece of work is done: no secret stays behind but the credentials in their
 * pages. */
static int end(envelope_cmk *cmk, struct ee_buffer *body, int rc)
{
    ee_buffer_free(body);
    ee_http_hang_up(cmk->client.http);
    return rc;
}

static int canonical(envelope_cmk *cmk, struct envelope_call *call, char *out)
{
    const int rc = resolve(cmk, call, true);

    ee_http_hang_up(cmk->client.http);
    if (rc != ENVELOPE_OK) {
        return rc;
    }
    if (!cmk->arn.alias) {
        memcpy(out, cmk->uri, sizeof cmk->uri);
        return ENVELOPE_OK;
    }
    (void)snprintf(out, ENVELOPE_URI_MAX, "%s://%s", EE_AWS_URI_SCHEME,
                   cmk->key);
    return ENVELOPE_OK;
}

static int take_wrapped(envelope_cmk *cmk, struct envelope_call *call,
                        const struct ee_aws_operation *operation,
                        struct envelope_http_reply *reply, uint8_t *wrapped,
                        size_t *wrapped_bytes)
{
    const int rc =
        ee_aws_read_wrapped(ee_bytes(reply->body, reply->body_bytes), cmk->key,
                            operation == &reencrypt, wrapped, wrapped_bytes);

    ee_aws_release(&cmk->client, call, reply);
    return rc == ENVELOPE_UNAVAILABLE ? strange(call, operation) : rc;
}

static int wrap(envelope_cmk *cmk, struct envelope_call *call,
                const uint8_t *payload, const uint8_t *context,
                size_t context_bytes, uint8_t *wrapped, size_t *wrapped_bytes)
{
    struct ee_buffer body = {0}; /* secret; freed, and so wiped, below */
    struct envelope_http_reply reply = {.size = sizeof reply};
    int rc = resolve(cmk, call, false);

    if (rc == ENVELOPE_OK && !ee_buffer_new(&body, EE_AWS_BODY_MAX)) {
        rc = ENVELOPE_NOMEM;
    }
    if (rc == ENVELOPE_OK) {
        ee_aws_put_encrypt(&body, cmk->key, payload,
                           ee_bytes(context, context_bytes));
        rc = ask(cmk, call, &encrypt, &body, &reply);
    }
    if (rc == ENVELOPE_OK) {
        rc = take_wrapped(cmk, call, &encrypt, &reply, wrapped, wrapped_bytes);
    }
    return end(cmk, &body, rc);
}

static int take_payload(envelope_cmk *cmk, struct envelope_call *call,
                        struct envelope_http_reply *reply, uint8_t *payload)
{
    const int rc = ee_aws_read_payload(ee_bytes(reply->body, reply->body_bytes),
                                       cmk->key, payload);

    ee_aws_release(&cmk->client, call, reply);
    return rc == ENVELOPE_UNAVAILABLE ? strange(call, &decrypt) : rc;
}

static int unwrap(envelope_cmk *cmk, struct envelope_call *call,
                  const uint8_t *wrapped, size_t wrapped_bytes,
                  const uint8_t *context, size_t context_bytes,
                  uint8_t *payload)
{
    struct ee_buffer body = {0};
    struct envelope_http_reply reply = {.size = sizeof reply};
    int rc = ENVELOPE_OK;

    ee_wipe(payload, ENVELOPE_PAYLOAD_BYTES);
    if (wrapped_bytes == 0 || wrapped_bytes > EE_AWS_BLOB_MAX) {
        return ENVELOPE_CORRUPT;
    }
    rc = resolve(cmk, call, false);
    if (rc == ENVELOPE_OK && !ee_buffer_new(&body, EE_AWS_BODY_MAX)) {
        rc = ENVELOPE_NOMEM;
    }
    if (rc == ENVELOPE_OK) {
        ee_aws_put_decrypt(&body, cmk->key, ee_bytes(wrapped, wrapped_bytes),
                           ee_bytes(context, context_bytes));
        rc = ask(cmk, call, &decrypt, &body, &reply);
    }
    if (rc == ENVELOPE_OK) {
        rc = take_payload(cmk, call, &reply, payload);
    }
    return end(cmk, &body, rc);
}

static int rewrap_one(envelope_cmk *cmk, struct envelope_call *call,
                      struct ee_buffer *body, struct envelope_item *item)
{
    struct envelope_http_reply reply = {.size = sizeof reply};
    int rc = ENVELOPE_OK;

    if (item->old_bytes == 0 || item->old_bytes > EE_AWS_BLOB_MAX) {
        return ENVELOPE_CORRUPT;
    }
    ee_buffer_reset(body);
    ee_aws_put_reencrypt(body, cmk->key, ee_bytes(item->old, item->old_bytes),
                         ee_bytes(item->context, item->context_bytes));
    rc = ask(cmk, call, &reencrypt, body, &reply);
    return rc != ENVELOPE_OK
               ? rc
               : take_wrapped(cmk, call, &reencrypt, &reply, item->wrapped,
                              &item->wrapped_bytes);
}

/* KMS has no request for many. */
static int rewrap(envelope_cmk *cmk, struct envelope_call *call,
                  struct envelope_item *items, size_t count)
{
    struct ee_buffer body = {0};
    int rc = resolve(cmk, call, false);

    if (rc == ENVELOPE_OK && !ee_buffer_new(&body, EE_AWS_BODY_MAX)) {
        rc = ENVELOPE_NOMEM;
    }
    for (size_t i = 0; rc == ENVELOPE_OK && i < count; i++) {
        rc = rewrap_one(cmk, call, &body, &items[i]);
    }
    return end(cmk, &body, rc);
}

/* KMS counts no versions. */
static int rotate(envelope_cmk *cmk, struct envelope_call *call,
                  uint32_t *version)
{
    struct ee_buffer body = {0};
    struct envelope_http_reply reply = {.size = sizeof reply};
    int rc = resolve(cmk, call, false);

    *version = 0;
    if (rc == ENVELOPE_OK && !ee_buffer_new(&body, EE_AWS_BODY_MAX)) {
        rc = ENVELOPE_NOMEM;
    }
    if (rc == ENVELOPE_OK) {
        ee_aws_put_key(&body, cmk->key);
        rc = ask(cmk, call, &rotate_key, &body, &reply);
    }
    if (rc == ENVELOPE_OK) {
        ee_aws_release(&cmk->client, call, &reply);
    }
    return end(cmk, &body, rc);
}

static int state(envelope_cmk *cmk, struct envelope_call *call, int *out)
{
    char arn[EE_AWS_ARN_MAX];
    int rc = resolve(cmk, call, false);

    if (rc == ENVELOPE_OK) {
        rc = describe_now(cmk, call, cmk->key, arn, out);
    }
    ee_http_hang_up(cmk->client.http);
    if (rc == ENVELOPE_OK && !ee_aws_arn_same_key(arn, cmk->key)) {
        rc = strange(call, &describe_key);
    }
    return rc;
}

static int describe(envelope_cmk *cmk, struct envelope_call *call, char *out,
                    size_t out_bytes)
{
    const char *source = cmk->chain->source;

    (void)call;
    (void)snprintf(out, out_bytes,
                   "AWS KMS at %s, SYMMETRIC_DEFAULT, credentials from %s",
                   cmk->url, source != NULL ? source : "no source yet");
    return ENVELOPE_OK;
}

const struct envelope_provider ee_aws_kms_provider = {
    .abi = ENVELOPE_PROVIDER_ABI,
    .flags = ENVELOPE_KEEP_OPEN,
    .size = sizeof ee_aws_kms_provider,
    .scheme = EE_AWS_URI_SCHEME,
    .normalize = ee_aws_uri_normalize,
    .open = ee_aws_cmk_open,
    .canonical = canonical,
    .wrap = wrap,
    .unwrap = unwrap,
    .rewrap = rewrap,
    .rotate = rotate,
    .state = state,
    .describe = describe,
    .close = ee_aws_cmk_close,
};
