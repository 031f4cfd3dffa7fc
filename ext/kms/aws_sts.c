/* SPDX-License-Identifier: MIT
 *
 * aws_sts.c: a form goes out, XML comes back.
 */
#include "kms/aws_sts.h"

#include "kms/aws_endpoint.h"
#include "kms/aws_file.h"
#include "kms/aws_reply.h"
#include "kms/aws_xml.h"
#include "kms/buffer.h"
#include "kms/fail.h"

#include <string.h>

#define WEB_TOKEN_MAX 20480 /* STS takes 20000 characters */
#define FORM_MAX      (4 * WEB_TOKEN_MAX)

/* &NAME=VALUE, with what is not unreserved as %XX. */
static void put_field(struct ee_buffer *form, const char *name,
                      struct ee_bytes value)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] = "-._~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    ee_buffer_put(form, "&");
    ee_buffer_put(form, name);
    ee_buffer_put(form, "=");
    for (size_t i = 0; i < value.n; i++) {
        const uint8_t c = value.p[i];
        const char escaped[] = {'%', hex[c >> 4], hex[c & 15], '\0'};

        if (c != '\0' && strchr(plain, c) != NULL) {
            ee_buffer_put_bytes(form, ee_bytes(value.p + i, 1));
        } else {
            ee_buffer_put(form, escaped);
        }
    }
}

static void put_role(struct ee_buffer *form, const char *action,
                     const struct ee_aws_role *role)
{
    const char *session =
        role->session_name[0] != '\0' ? role->session_name : "sqlite-envelope";

    ee_buffer_put(form, "Version=2011-06-15&Action=");
    ee_buffer_put(form, action);
    put_field(form, "RoleArn", ee_bytes(role->arn, strlen(role->arn)));
    put_field(form, "RoleSessionName", ee_bytes(session, strlen(session)));
    if (role->external_id[0] != '\0') {
        put_field(form, "ExternalId",
                  ee_bytes(role->external_id, strlen(role->external_id)));
    }
}

/* The region whose STS is asked: the session's, or else the key's. */
static int region_of(const struct ee_aws_client *client,
                     struct envelope_call *call,
                     const struct ee_aws_settings *s, char *region)
{
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    struct ee_bytes found = {NULL, 0};

    for (size_t i = 0; found.n == 0 && i < 2; i++) {
        const char *set = ee_aws_env(variables[i]);

        if (set != NULL) {
            found = ee_bytes(set, strlen(set));
        }
    }
    if (found.n == 0 && !ee_aws_profile_get(s, s->profile, "region", &found)) {
        found = ee_bytes(client->region, strlen(client->region));
    }
    if (!ee_aws_region_ok(found)) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "AWS_REGION or the profile's region is no region's "
                           "name: write one such as eu-west-1");
    }
    memcpy(region, found.p, found.n);
    region[found.n] = '\0';
    return ENVELOPE_OK;
}

static int take(struct envelope_call *call, const char *what,
                const struct envelope_http_reply *reply,
                struct ee_aws_credentials *out)
{
    struct ee_aws_parts parts = {0};

    if (reply->status != 200) {
        return ee_aws_refused(call, what, ee_aws_fault_of(reply), reply->date);
    }
    if (!ee_aws_xml_credentials(ee_bytes(reply->body, reply->body_bytes),
                                &parts) ||
        !ee_aws_credentials_set(out, &parts)) {
        return ee_kms_fail(call, ENVELOPE_UNAVAILABLE,
                           "%s: the reply has no credentials: check "
                           "AWS_ENDPOINT_URL_STS and proxies",
                           what);
    }
    return ENVELOPE_OK;
}

static int ask(const struct ee_aws_client *client, struct envelope_call *call,
               const struct ee_aws_settings *s, const char *what,
               const struct ee_buffer *form,
               const struct ee_aws_credentials *by,
               struct ee_aws_credentials *out)
{
    struct envelope_http_reply reply = {.size = sizeof reply};
    char region[EE_AWS_REGION_MAX];
    char url[EE_AWS_URL_MAX];
    const struct ee_aws_post post = {
        .url = url,
        .service = "sts",
        .region = region,
        .content_type = "application/x-www-form-urlencoded",
        .body = ee_bytes(form->text, form->w.used),
        .harmless = true,
    };
    int rc = region_of(client, call, s, region);

    if (rc == ENVELOPE_OK) {
        rc = ee_aws_endpoint(call, s, "sts", client->partition, region, url);
    }
    if (rc == ENVELOPE_OK) {
        rc = ee_aws_post(client, call, &post, by, &reply);
    }
    if (rc == ENVELOPE_OK) {
        rc = take(call, what, &reply, out);
        ee_aws_release(client, call, &reply);
    }
    return rc;
}

int ee_aws_sts_assume(const struct ee_aws_client *client,
                      struct envelope_call *call,
                      const struct ee_aws_settings *s,
                      const struct ee_aws_role *role,
                      const struct ee_aws_credentials *by,
                      struct ee_aws_credentials *out)
{
    struct ee_buffer form = {0};
    int rc = ENVELOPE_NOMEM;

    if (ee_buffer_new(&form, 8 * EE_AWS_NAME_MAX * 3)) {
        put_role(&form, "AssumeRole", role);
        rc = ask(client, call, s, "AWS STS AssumeRole", &form, by, out);
    }
    ee_buffer_free(&form);
    return rc;
}

static int put_token(struct envelope_call *call, struct ee_buffer *form,
                     struct ee_buffer *file, const char *path)
{
    static const char what[] = "the web identity token's file";
    bool found = false;
    size_t n = 0;
    int rc = ee_aws_file_read(call, path, what, EE_AWS_FILE_SETTINGS,
                              (uint8_t *)file->text, WEB_TOKEN_MAX, &n, &found);

    while (n > 0 && (file->text[n - 1] == '\n' || file->text[n - 1] == '\r')) {
        n--;
    }
    if (rc == ENVELOPE_OK && (!found || n == 0)) {
        rc = ee_kms_fail(call, ENVELOPE_DENIED,
                         "%s is not there, or empty: check "
                         "AWS_WEB_IDENTITY_TOKEN_FILE or the profile",
                         what);
    }
    put_field(form, "WebIdentityToken", ee_bytes(file->text, n));
    return rc;
}

int ee_aws_sts_web_identity(const struct ee_aws_client *client,
                            struct envelope_call *call,
                            const struct ee_aws_settings *s,
                            const struct ee_aws_role *role,
                            const char *token_file,
                            struct ee_aws_credentials *out)
{
    struct ee_buffer form = {0}; /* both secret; freed, and so wiped, below */
    struct ee_buffer file = {0};
    int rc = ENVELOPE_NOMEM;

    if (ee_buffer_new(&form, FORM_MAX) && ee_buffer_new(&file, WEB_TOKEN_MAX)) {
        put_role(&form, "AssumeRoleWithWebIdentity", role);
        rc = put_token(call, &form, &file, token_file);
        if (rc == ENVELOPE_OK) {
            rc = ask(client, call, s, "AWS STS AssumeRoleWithWebIdentity",
                     &form, NULL, out);
        }
    }
    ee_buffer_free(&file);
    ee_buffer_free(&form);
    return rc;
}
