/* SPDX-License-Identifier: MIT
 *
 * kms_aws_reply.c: what AWS may answer, on any bytes. The first byte chooses
 * what is read. On failure nothing of the reply is left.
 */
#include "kms/aws_metadata.h"
#include "kms/aws_reply.h"
#include "kms/aws_xml.h"
#include "kms/heap.h"

#include <stdlib.h>
#include <string.h>

#define KEY                                                                    \
    "arn:aws:kms:eu-west-1:111122223333:key/"                                  \
    "aaaabbbb-cccc-dddd-eeee-ffff00001111"

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void wrapped(struct ee_bytes in, bool source)
{
    static uint8_t out[ENVELOPE_WRAPPED_MAX];
    size_t n = 0;

    check(ee_aws_read_wrapped(in, KEY, source, out, &n) == ENVELOPE_OK
              ? n > 0 && n <= EE_AWS_BLOB_MAX
              : n == 0);
}

static void payload(struct ee_bytes in)
{
    uint8_t out[ENVELOPE_PAYLOAD_BYTES];
    int rc = ENVELOPE_OK;
    int sum = 0;

    memset(out, 'x', sizeof out);
    rc = ee_aws_read_payload(in, KEY, out);
    for (size_t i = 0; i < sizeof out; i++) {
        sum += out[i];
    }
    check(rc == ENVELOPE_OK || sum == 0);
    check(rc == ENVELOPE_OK || rc == ENVELOPE_CORRUPT ||
          rc == ENVELOPE_UNAVAILABLE);
}

static void key(struct ee_bytes in)
{
    int state = ENVELOPE_CMK_UNKNOWN;
    char arn[EE_AWS_ARN_MAX] = "";
    struct ee_aws_arn parsed;

    if (ee_aws_read_key(in, arn, &state) == ENVELOPE_OK) {
        check(ee_aws_arn_parse(&parsed, arn, strlen(arn)) && !parsed.alias);
    } else {
        check(arn[0] == '\0' && state == ENVELOPE_CMK_UNKNOWN);
    }
}

/* They can be put into a header, and nothing is cut. */
static void believed(const struct ee_aws_credentials *c)
{
    check(c->key_id[0] != '\0' && c->secret[0] != '\0');
    check(strpbrk(c->key_id, " \r\n/") == NULL);
    check(strpbrk(c->secret, " \r\n") == NULL);
    check(strpbrk(c->token, " \r\n") == NULL);
}

static void credentials(struct ee_bytes in, enum ee_aws_issuer issuer)
{
    static struct ee_aws_credentials c;

    c.key_id[0] = '\0';
    if (ee_aws_read_credentials(in, issuer, &c) == ENVELOPE_OK) {
        believed(&c);
    } else {
        check(c.key_id[0] == '\0');
    }
}

/* What is taken can be put into a header, or as one step into a path. */
static void metadata(struct ee_bytes in)
{
    char token[16] = "";
    char role[EE_AWS_ROLE_MAX] = "";

    if (ee_aws_read_token(in, token, sizeof token)) {
        check(token[0] != '\0' && strpbrk(token, " \r\n") == NULL);
        check(memcmp(token, in.p, strlen(token)) == 0);
    } else {
        check(token[0] == '\0');
    }
    if (ee_aws_read_role(in, role)) {
        check(role[0] != '\0' && strpbrk(role, " \r\n/\\?#%:<") == NULL);
        check(strcmp(role, ".") != 0 && strcmp(role, "..") != 0);
        check(memcmp(role, in.p, strlen(role)) == 0);
    } else {
        check(role[0] == '\0');
    }
}

static void xml(struct ee_bytes in)
{
    static struct ee_aws_credentials c;
    struct ee_aws_parts parts = {.key_id = {NULL, 0}};
    const struct ee_bytes code = ee_aws_xml_code(in);

    check(code.n == 0 || (code.p > in.p && code.p + code.n < in.p + in.n));
    if (!ee_aws_xml_credentials(in, &parts)) {
        check(parts.key_id.p == NULL);
        return;
    }
    check(parts.key_id.n > 0 && parts.expiration.n > 0);
    check(memchr(parts.token.p, '<', parts.token.n) == NULL);
    if (ee_aws_credentials_set(&c, &parts)) {
        believed(&c);
    }
}

static void fault(struct ee_bytes in)
{
    const struct envelope_http_reply reply = {
        .size = sizeof reply,
        .status = 400,
        .body = (char *)in.p,
        .body_bytes = in.n,
    };
    const struct ee_aws_fault *found = ee_aws_fault_of(&reply);

    check(found != NULL && found->result != ENVELOPE_OK &&
          found->name != NULL && found->advice != NULL);
}

static void libraries(void)
{
    static bool ready;
    struct envelope_call call = {.size = sizeof call};

    if (!ready) {
        check(ee_kms_libraries(&call) == ENVELOPE_OK);
        ready = true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ee_bytes in = ee_bytes(data + 1, size > 0 ? size - 1 : 0);

    libraries();
    switch (size > 0 ? data[0] : 0) {
    case 'e':
        wrapped(in, false);
        break;
    case 'r':
        wrapped(in, true);
        break;
    case 'd':
        payload(in);
        break;
    case 'k':
        key(in);
        break;
    case 'm':
        credentials(in, EE_AWS_METADATA);
        break;
    case 'p':
        credentials(in, EE_AWS_PROCESS);
        break;
    case 'l':
        metadata(in);
        break;
    case 'x':
        xml(in);
        break;
    default:
        fault(in);
        break;
    }
    return 0;
}
