/* SPDX-License-Identifier: MIT
 *
 * kms_aws_post.c: sends standard input to AWS KMS as one signed request, and
 * prints the status of the reply.
 *
 *     kms_aws_post URL REGION TARGET CA_FILE < body
 *
 * The credentials are AWS_ACCESS_KEY_ID and so on. The tests look at what
 * arrives.
 */
#include "base/clock.h"
#include "kms/aws_client.h"
#include "kms/aws_profile.h"

#include <stdio.h>
#include <string.h>

static int64_t now_ms(void *arg)
{
    (void)arg;
    return ee_monotonic_ms();
}

static int zeros(void *arg, void *out, size_t n)
{
    (void)arg;
    memset(out, 0, n);
    return 0;
}

int main(int argc, char **argv)
{
    static struct ee_aws_credentials by;
    static char body[16384];
    const size_t n = fread(body, 1, sizeof body, stdin);
    struct envelope_call call = {.size = sizeof call,
                                 .deadline_ms = ee_monotonic_ms() + 30000,
                                 .now_ms = now_ms,
                                 .random = zeros};
    struct ee_aws_client client = {.http = NULL};
    struct envelope_http_reply reply = {.size = sizeof reply};
    bool found = false;
    int rc = argc == 5 ? ENVELOPE_OK : ENVELOPE_CONFIGURATION;

    if (rc == ENVELOPE_OK) {
        rc = ee_aws_environment_credentials(&call, &by, &found);
    }
    if (rc == ENVELOPE_OK) {
        const struct ee_http_tls tls = {.ca_file = argv[4]};
        const struct ee_aws_post post = {.url = argv[1],
                                         .service = "kms",
                                         .region = argv[2],
                                         .content_type =
                                             "application/x-amz-json-1.1",
                                         .target = argv[3],
                                         .body = ee_bytes(body, n)};

        rc = ee_http_open(&client.http, &call, &tls);
        if (rc == ENVELOPE_OK) {
            rc = ee_aws_post(&client, &call, &post, &by, &reply);
        }
    }
    if (rc == ENVELOPE_OK) {
        (void)printf("%d\n", reply.status);
        ee_aws_release(&client, &call, &reply);
    } else {
        (void)fprintf(stderr, "%d %s\n", rc, call.message);
    }
    ee_http_close(client.http);
    return rc;
}
