/* SPDX-License-Identifier: MIT
 *
 * aws_container.c: one request to the address in the environment.
 */
#include "kms/aws_container.h"

#include "kms/aws_file.h"
#include "kms/aws_reply.h"
#include "kms/aws_settings.h"
#include "kms/buffer.h"
#include "kms/fail.h"

#include <stdio.h>
#include <string.h>

#define AGENT     "http://169.254.170.2"
#define LIMIT_MS  3000
#define URL_MAX   1024
#define TOKEN_MAX 16384

static const char head[] = "Authorization: ";

static int set_url(struct envelope_call *call, char *url, bool *found)
{
    const char *relative = ee_aws_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = ee_aws_env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    int n = 0;

    *found = relative != NULL || full != NULL;
    if (relative != NULL && relative[0] != '/') {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must start "
                           "with /");
    }
    if (relative != NULL) {
        n = snprintf(url, URL_MAX, "%s%s", AGENT, relative);
    } else if (full != NULL) {
        n = snprintf(url, URL_MAX, "%s", full);
    }
    if (n >= URL_MAX) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "AWS_CONTAINER_CREDENTIALS_FULL_URI is too long");
    }
    return ENVELOPE_OK;
}

/* The token goes behind "Authorization: ". EKS replaces the file, so it is read
 * each time. */
static int set_token(struct envelope_call *call, struct ee_buffer *header)
{
    const char *path = ee_aws_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = ee_aws_env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    bool found = false;
    size_t n = 0;
    int rc = ENVELOPE_OK;

    ee_buffer_put(header, head);
    if (path == NULL) {
        ee_buffer_put(header, token != NULL ? token : "");
        return !header->w.bad
                   ? ENVELOPE_OK
                   : ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                                 "AWS_CONTAINER_AUTHORIZATION_TOKEN is too "
                                 "long");
    }
    rc = ee_aws_file_read(
        call, path, "the file of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        EE_AWS_FILE_SETTINGS, (uint8_t *)header->text + sizeof head - 1,
        TOKEN_MAX - sizeof head, &n, &found);
    if (rc == ENVELOPE_OK && !found) {
        rc = ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                         "there is no file of "
                         "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    }
    n += sizeof head - 1;
    while (header->text[n - 1] == '\n' || header->text[n - 1] == '\r') {
        header->text[--n] = '\0';
    }
    return rc;
}

static int ask(const struct ee_aws_client *client, struct envelope_call *call,
               const char *url, const char *header,
               struct ee_aws_credentials *out)
{
    struct envelope_http_reply reply = {.size = sizeof reply};
    const struct ee_aws_ask what = {.method = "GET",
                                    .url = url,
                                    .header = header,
                                    .flags = ENVELOPE_HTTP_CONTAINER,
                                    .limit_ms = LIMIT_MS};
    int rc = ee_aws_local(client, call, &what, &reply);

    if (rc != ENVELOPE_OK) {
        return rc;
    }
    rc = reply.status == 200
             ? ee_aws_read_credentials(ee_bytes(reply.body, reply.body_bytes),
                                       EE_AWS_METADATA, out)
             : ENVELOPE_UNAVAILABLE;
    ee_aws_release(client, call, &reply);
    if (rc == ENVELOPE_UNAVAILABLE) {
        return ee_kms_fail(call, ENVELOPE_DENIED,
                           "the container's credential endpoint gave no "
                           "credentials: look at the role of the task or pod");
    }
    return rc;
}

int ee_aws_container(const struct ee_aws_client *client,
                     struct envelope_call *call, struct ee_aws_credentials *out,
                     bool *found)
{
    struct ee_buffer header = {0}; /* secret; freed, and so wiped, below */
    char url[URL_MAX];
    int rc = set_url(call, url, found);

    if (rc != ENVELOPE_OK || !*found) {
        return rc;
    }
    rc = ee_buffer_new(&header, TOKEN_MAX) ? set_token(call, &header)
                                           : ENVELOPE_NOMEM;
    if (rc == ENVELOPE_OK) {
        rc =
            ask(client, call, url,
                header.text[sizeof head - 1] != '\0' ? header.text : NULL, out);
    }
    ee_buffer_free(&header);
    return rc;
}
