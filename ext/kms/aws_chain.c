/* SPDX-License-Identifier: MIT */
#include "kms/aws_chain.h"

#include "base/secret.h"
#include "kms/aws_container.h"
#include "kms/aws_imds.h"
#include "kms/aws_profile.h"
#include "kms/aws_settings.h"
#include "kms/aws_sts.h"
#include "kms/fail.h"

#include <stdio.h>

#define PATIENCE_MS 60000 /* between renewals that fail */

static int copy_variable(struct envelope_call *call, const char *name,
                         char *out)
{
    const char *set = ee_aws_env(name);

    if (set != NULL &&
        snprintf(out, EE_AWS_NAME_MAX, "%s", set) >= EE_AWS_NAME_MAX) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION, "%s is too long",
                           name);
    }
    return ENVELOPE_OK;
}

/* AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, as EKS sets them. */
static int from_web_identity(const struct ee_aws_client *client,
                             struct envelope_call *call,
                             const struct ee_aws_settings *s,
                             struct ee_aws_credentials *out, bool *found)
{
    const char *token_file = ee_aws_env("AWS_WEB_IDENTITY_TOKEN_FILE");
    struct ee_aws_role role = {.arn = ""};
    int rc = copy_variable(call, "AWS_ROLE_ARN", role.arn);

    *found = token_file != NULL && role.arn[0] != '\0';
    if (rc == ENVELOPE_OK) {
        rc = copy_variable(call, "AWS_ROLE_SESSION_NAME", role.session_name);
    }
    return rc == ENVELOPE_OK && *found
               ? ee_aws_sts_web_identity(client, call, s, &role, token_file,
                                         out)
               : rc;
}

/* A role that the profile assumes comes before a web identity, and that before
 * whatever else the profile has. */
static int from_files(const struct ee_aws_client *client,
                      struct envelope_call *call,
                      const struct ee_aws_settings *s,
                      struct ee_aws_credentials *out, const char **source,
                      bool *found)
{
    int rc = ENVELOPE_OK;

    *found = false;
    if (!ee_aws_profile_assumes(s)) {
        *source = "a web identity";
        rc = from_web_identity(client, call, s, out, found);
    }
    if (rc == ENVELOPE_OK && !*found) {
        *source = "a profile";
        rc = ee_aws_profile_credentials(client, call, s, out, found);
    }
    return rc;
}

static int find(const struct ee_aws_client *client, struct envelope_call *call,
                const struct ee_aws_settings *s, struct ee_aws_credentials *out,
                const char **source)
{
    bool found = false;
    int rc = ee_aws_environment_credentials(call, out, &found);

    *source = "the environment";
    if (rc == ENVELOPE_OK && !found) {
        rc = from_files(client, call, s, out, source, &found);
    }
    if (rc == ENVELOPE_OK && !found) {
        *source = "the container's role";
        rc = ee_aws_container(client, call, out, &found);
    }
    if (rc == ENVELOPE_OK && !found) {
        *source = "the instance's role";
        rc = ee_aws_imds(client, call, out, &found);
    }
    if (rc == ENVELOPE_OK && !found) {
        rc = ee_kms_fail(call, ENVELOPE_DENIED,
                         "there are no AWS credentials: set AWS_ACCESS_KEY_ID "
                         "and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give "
                         "the machine a role");
    }
    return rc;
}

static int renew(struct ee_aws_chain *chain, const struct ee_aws_client *client,
                 struct envelope_call *call)
{
    struct ee_aws_credentials *fresh = ee_secret_pages_new(sizeof *fresh);
    struct ee_aws_settings *settings = NULL;
    const char *source = NULL;
    int rc =
        fresh != NULL ? ee_aws_settings_open(call, &settings) : ENVELOPE_NOMEM;

    if (rc == ENVELOPE_OK) {
        rc = find(client, call, settings, fresh, &source);
    }
    if (rc == ENVELOPE_OK && fresh->expires != 0 &&
        fresh->expires <= call->unix_seconds(call->arg)) {
        rc = ee_kms_fail(call, ENVELOPE_DENIED,
                         "the AWS credentials of %s have expired: renew them, "
                         "or look at this machine's clock",
                         source);
    }
    if (rc == ENVELOPE_OK) {
        chain->now = *fresh;
        chain->source = source;
    }
    ee_aws_settings_close(settings);
    ee_secret_pages_free(fresh, sizeof *fresh);
    return rc;
}

int ee_aws_chain_get(struct ee_aws_chain *chain,
                     const struct ee_aws_client *client,
                     struct envelope_call *call)
{
    const struct ee_aws_credentials *c = &chain->now;
    const bool there = c->key_id[0] != '\0';
    const int64_t left = c->expires - call->unix_seconds(call->arg);
    int rc = ENVELOPE_OK;

    if (there &&
        (c->expires == 0 || left > EE_AWS_REFRESH_SECONDS ||
         (left > 0 && call->now_ms(call->arg) < chain->not_before_ms))) {
        return ENVELOPE_OK;
    }
    rc = renew(chain, client, call);
    chain->not_before_ms = call->now_ms(call->arg) + PATIENCE_MS;
    if (rc != ENVELOPE_OK && rc != ENVELOPE_INTERRUPTED && there && left > 0) {
        call->message[0] = '\0';
        return ENVELOPE_OK;
    }
    return rc;
}

void ee_aws_chain_forget(struct ee_aws_chain *chain)
{
    ee_wipe(chain, sizeof *chain);
}
