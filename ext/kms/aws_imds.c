/* SPDX-License-Identifier: MIT
 *
 * aws_imds.c: a token, the role's name, its credentials.
 */
#include "kms/aws_imds.h"

#include "kms/aws_metadata.h"
#include "kms/aws_reply.h"
#include "kms/aws_settings.h"
#include "kms/buffer.h"
#include "kms/fail.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WHERE        "latest/meta-data/iam/security-credentials/"
#define LIMIT_MS     2000 /* of each request; elsewhere nobody answers */
#define URL_MAX      512
#define TOKEN_MAX    1024
#define TOKEN_HEADER "X-aws-ec2-metadata-token: "

struct imds {
    const struct ee_aws_client *client;
    struct envelope_call *call;
    char base[URL_MAX / 2]; /* ends with '/' */
    char role[EE_AWS_ROLE_MAX];
    struct ee_buffer token; /* the header; secret */
};

static bool disabled(void)
{
    const char *set = ee_aws_env("AWS_EC2_METADATA_DISABLED");

    return set != NULL && strcasecmp(set, "true") == 0;
}

static int set_base(struct imds *m)
{
    const char *set = ee_aws_env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = ee_aws_env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");

    if (set == NULL) {
        set = mode != NULL && strcasecmp(mode, "IPv6") == 0
                  ? "http://[fd00:ec2::254]"
                  : "http://169.254.169.254";
    }
    if (snprintf(m->base, sizeof m->base, "%s%s", set,
                 set[strlen(set) - 1] == '/' ? "" : "/") >=
        (int)sizeof m->base) {
        return ee_kms_fail(m->call, ENVELOPE_CONFIGURATION,
                           "AWS_EC2_METADATA_SERVICE_ENDPOINT is too long");
    }
    return ENVELOPE_OK;
}

static int get(struct imds *m, const char *method, const char *path,
               const char *header, struct envelope_http_reply *reply)
{
    char url[URL_MAX];

    (void)snprintf(url, sizeof url, "%s%s", m->base, path);
    return ee_aws_local(m->client, m->call,
                        &(struct ee_aws_ask){.method = method,
                                             .url = url,
                                             .header = header,
                                             .flags = ENVELOPE_HTTP_INSTANCE,
                                             .limit_ms = LIMIT_MS},
                        reply);
}

/* *found: somebody gives tokens. Who took the connection is there. */
static int get_token(struct imds *m, bool *found)
{
    struct envelope_http_reply reply = {.size = sizeof reply};
    const int rc = get(m, "PUT", "latest/api/token",
                       "X-aws-ec2-metadata-token-ttl-seconds: 300", &reply);
    const size_t head = sizeof TOKEN_HEADER - 1;

    if (rc != ENVELOPE_OK) {
        *found = false;
        return rc == ENVELOPE_UNAVAILABLE && reply.connected == 0 ? ENVELOPE_OK
                                                                  : rc;
    }
    ee_buffer_put(&m->token, TOKEN_HEADER);
    *found = reply.status == 200 &&
             ee_aws_read_token(ee_bytes(reply.body, reply.body_bytes),
                               m->token.text + head, m->token.size - head);
    ee_aws_release(m->client, m->call, &reply);
    return ENVELOPE_OK;
}

/* *found: the instance has a role. */
static int get_role(struct imds *m, bool *found)
{
    struct envelope_http_reply reply = {.size = sizeof reply};
    const int rc = get(m, "GET", WHERE, m->token.text, &reply);

    if (rc != ENVELOPE_OK) {
        return rc;
    }
    *found = reply.status == 200 &&
             ee_aws_read_role(ee_bytes(reply.body, reply.body_bytes), m->role);
    ee_aws_release(m->client, m->call, &reply);
    return ENVELOPE_OK;
}

static int get_credentials(struct imds *m, struct ee_aws_credentials *out)
{
    struct envelope_http_reply reply = {.size = sizeof reply};
    char path[sizeof WHERE + EE_AWS_ROLE_MAX];
    int rc = ENVELOPE_OK;

    (void)snprintf(path, sizeof path, "%s%s", WHERE, m->role);
    rc = get(m, "GET", path, m->token.text, &reply);
    if (rc != ENVELOPE_OK) {
        return rc;
    }
    rc = reply.status == 200
             ? ee_aws_read_credentials(ee_bytes(reply.body, reply.body_bytes),
                                       EE_AWS_METADATA, out)
             : ENVELOPE_UNAVAILABLE;
    ee_aws_release(m->client, m->call, &reply);
    if (rc == ENVELOPE_UNAVAILABLE) {
        return ee_kms_fail(m->call, ENVELOPE_DENIED,
                           "the metadata service of this EC2 instance gave no "
                           "credentials of its role: look at the instance "
                           "profile");
    }
    return rc;
}

int ee_aws_imds(const struct ee_aws_client *client, struct envelope_call *call,
                struct ee_aws_credentials *out, bool *found)
{
    struct imds m = {.client = client, .call = call};
    int rc = ENVELOPE_OK;

    *found = false;
    if (disabled()) {
        return ENVELOPE_OK;
    }
    rc = set_base(&m);
    if (rc == ENVELOPE_OK && !ee_buffer_new(&m.token, TOKEN_MAX)) {
        rc = ENVELOPE_NOMEM;
    }
    if (rc == ENVELOPE_OK) {
        rc = get_token(&m, found);
    }
    if (rc == ENVELOPE_OK && *found) {
        rc = get_role(&m, found);
    }
    if (rc == ENVELOPE_OK && *found) {
        rc = get_credentials(&m, out);
    }
    ee_buffer_free(&m.token);
    return rc;
}
