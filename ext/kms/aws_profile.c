/* SPDX-License-Identifier: MIT
 *
 * aws_profile.c: goes from profile to profile until one has credentials, and
 * then back, assuming the roles that the others name.
 */
#include "kms/aws_profile.h"

#include "base/secret.h"
#include "kms/aws_container.h"
#include "kms/aws_imds.h"
#include "kms/aws_process.h"
#include "kms/aws_reply.h"
#include "kms/aws_sts.h"
#include "kms/buffer.h"
#include "kms/fail.h"

#include <stdio.h>
#include <string.h>

#define COMMAND_MAX 4096
#define OUTPUT_MAX  65536

struct walk {
    const struct ee_aws_client *client;
    struct envelope_call *call;
    const struct ee_aws_settings *s;
    /* the profiles whose role is assumed; the session's own is the first */
    char profile[EE_AWS_PROFILE_DEPTH][EE_AWS_NAME_MAX];
    size_t roles;
};

int ee_aws_environment_credentials(struct envelope_call *call,
                                   struct ee_aws_credentials *out, bool *found)
{
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION"};
    struct ee_aws_parts parts = {0};
    struct ee_bytes *const part[] = {&parts.key_id, &parts.secret, &parts.token,
                                     &parts.expiration};

    for (size_t i = 0; i < 4; i++) {
        const char *set = ee_aws_env(names[i]);

        *part[i] = set != NULL ? ee_bytes(set, strlen(set)) : ee_bytes(NULL, 0);
    }
    *found = parts.key_id.n > 0;
    if (*found && !ee_aws_credentials_set(out, &parts)) {
        return ee_kms_fail(call, ENVELOPE_DENIED,
                           "AWS_ACCESS_KEY_ID is set, but it, "
                           "AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN or "
                           "AWS_CREDENTIAL_EXPIRATION is missing or damaged");
    }
    return ENVELOPE_OK;
}

/* aws_access_key_id and so on, in the profile itself. */
static int from_keys(struct walk *w, const char *profile,
                     struct ee_aws_credentials *out, bool *found)
{
    struct ee_aws_parts parts = {0};

    *found =
        ee_aws_profile_get(w->s, profile, "aws_access_key_id", &parts.key_id);
    (void)ee_aws_profile_get(w->s, profile, "aws_secret_access_key",
                             &parts.secret);
    (void)ee_aws_profile_get(w->s, profile, "aws_session_token", &parts.token);
    if (*found && !ee_aws_credentials_set(out, &parts)) {
        return ee_kms_fail(w->call, ENVELOPE_DENIED,
                           "aws_access_key_id, aws_secret_access_key or "
                           "aws_session_token of AWS profile %.64s is missing "
                           "or damaged",
                           profile);
    }
    return ENVELOPE_OK;
}

static int read_printed(struct walk *w, const char *profile,
                        struct ee_bytes printed, struct ee_aws_credentials *out)
{
    const int rc = ee_aws_read_credentials(printed, EE_AWS_PROCESS, out);

    return rc != ENVELOPE_UNAVAILABLE
               ? rc
               : ee_kms_fail(w->call, ENVELOPE_DENIED,
                             "the credential_process of AWS profile %.64s did "
                             "not print JSON with Version 1, AccessKeyId and "
                             "SecretAccessKey",
                             profile);
}

static int from_process(struct walk *w, const char *profile,
                        struct ee_aws_credentials *out, bool *found)
{
    struct ee_buffer printed = {0}; /* secret; freed, and so wiped, below */
    char command[COMMAND_MAX];
    size_t n = 0;
    int rc = ee_aws_profile_copy(w->call, w->s, profile, "credential_process",
                                 command, sizeof command);

    *found = rc == ENVELOPE_OK && command[0] != '\0';
    if (!*found) {
        return rc;
    }
    if (!ee_buffer_new(&printed, OUTPUT_MAX)) {
        return ENVELOPE_NOMEM;
    }
    rc = ee_aws_process_run(w->call, command, (uint8_t *)printed.text,
                            OUTPUT_MAX, &n);
    if (rc == ENVELOPE_OK) {
        rc = read_printed(w, profile, ee_bytes(printed.text, n), out);
    }
    ee_buffer_free(&printed);
    return rc;
}

/* What this version cannot do is no reason to go on with other credentials. */
static int refuse_interactive(struct walk *w, const char *profile)
{
    static const char *const properties[] = {"sso_session", "sso_start_url",
                                             "login_session", "mfa_serial"};
    struct ee_bytes value = {NULL, 0};

    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        if (ee_aws_profile_get(w->s, profile, properties[i], &value)) {
            return ee_kms_fail(
                w->call, ENVELOPE_DENIED,
                "%s of AWS profile %.64s needs a person: make a profile with "
                "credential_process = aws configure export-credentials "
                "--profile %.64s",
                properties[i], profile, profile);
        }
    }
    return ENVELOPE_OK;
}

/* Without a role. */
static int from_profile(struct walk *w, const char *profile,
                        struct ee_aws_credentials *out, bool *found)
{
    int rc = from_keys(w, profile, out, found);

    if (rc == ENVELOPE_OK && !*found) {
        rc = from_process(w, profile, out, found);
    }
    if (rc == ENVELOPE_OK && !*found) {
        rc = refuse_interactive(w, profile);
    }
    return rc;
}

static int from_source(struct walk *w, const char *source,
                       struct ee_aws_credentials *out)
{
    bool found = false;
    int rc = ENVELOPE_OK;

    if (strcmp(source, "Environment") == 0) {
        rc = ee_aws_environment_credentials(w->call, out, &found);
    } else if (strcmp(source, "Ec2InstanceMetadata") == 0) {
        rc = ee_aws_imds(w->client, w->call, out, &found);
    } else if (strcmp(source, "EcsContainer") == 0) {
        rc = ee_aws_container(w->client, w->call, out, &found);
    } else {
        return ee_kms_fail(w->call, ENVELOPE_CONFIGURATION,
                           "credential_source of an AWS profile must be "
                           "Environment, Ec2InstanceMetadata or EcsContainer");
    }
    if (rc == ENVELOPE_OK && !found) {
        rc = ee_kms_fail(w->call, ENVELOPE_DENIED,
                         "credential_source of an AWS profile is %s, and "
                         "there are no credentials",
                         source);
    }
    return rc;
}

static int read_role(struct walk *w, const char *profile,
                     struct ee_aws_role *role)
{
    int rc = ee_aws_profile_copy(w->call, w->s, profile, "role_arn", role->arn,
                                 sizeof role->arn);

    if (rc == ENVELOPE_OK) {
        rc = ee_aws_profile_copy(w->call, w->s, profile, "role_session_name",
                                 role->session_name, sizeof role->session_name);
    }
    if (rc == ENVELOPE_OK) {
        rc = ee_aws_profile_copy(w->call, w->s, profile, "external_id",
                                 role->external_id, sizeof role->external_id);
    }
    return rc;
}

/* web_identity_token_file or credential_source; *found: one of them is there,
 * and out has what comes of it. */
static int from_elsewhere(struct walk *w, const char *profile,
                          struct ee_aws_credentials *out, bool *found)
{
    char token_file[COMMAND_MAX];
    char source[EE_AWS_NAME_MAX] = "";
    struct ee_aws_role role;
    int rc =
        ee_aws_profile_copy(w->call, w->s, profile, "web_identity_token_file",
                            token_file, sizeof token_file);

    *found = false;
    if (rc == ENVELOPE_OK) {
        rc = ee_aws_profile_copy(w->call, w->s, profile, "credential_source",
                                 source, sizeof source);
    }
    if (rc == ENVELOPE_OK && token_file[0] != '\0') {
        *found = true;
        w->roles--; /* this role needs no credentials to be assumed */
        rc = read_role(w, profile, &role);
        return rc != ENVELOPE_OK
                   ? rc
                   : ee_aws_sts_web_identity(w->client, w->call, w->s, &role,
                                             token_file, out);
    }
    if (rc == ENVELOPE_OK && source[0] != '\0') {
        *found = true;
        rc = from_source(w, source, out);
    }
    return rc;
}

/* The next profile behind one with a role; *ended: there is none, and out has
 * what the last role is assumed with. */
static int step(struct walk *w, const char *profile, char *next,
                struct ee_aws_credentials *out, bool *ended)
{
    int rc = refuse_interactive(w, profile);

    *ended = false;
    if (rc == ENVELOPE_OK) {
        rc = from_elsewhere(w, profile, out, ended);
    }
    if (rc == ENVELOPE_OK && !*ended) {
        rc = ee_aws_profile_copy(w->call, w->s, profile, "source_profile", next,
                                 EE_AWS_NAME_MAX);
    }
    if (rc == ENVELOPE_OK && !*ended && next[0] == '\0') {
        rc = ee_kms_fail(w->call, ENVELOPE_CONFIGURATION,
                         "AWS profile %.64s has a role_arn: it needs "
                         "source_profile, credential_source or "
                         "web_identity_token_file, too",
                         profile);
    }
    return rc;
}

static bool has(const struct ee_aws_settings *s, const char *profile,
                const char *property)
{
    struct ee_bytes value = {NULL, 0};

    return ee_aws_profile_get(s, profile, property, &value);
}

bool ee_aws_profile_assumes(const struct ee_aws_settings *s)
{
    return has(s, s->profile, "role_arn") &&
           !has(s, s->profile, "web_identity_token_file");
}

/* Down to the credentials that the last role is assumed with. */
static int descend(struct walk *w, struct ee_aws_credentials *out, bool *found)
{
    char name[EE_AWS_NAME_MAX];
    char next[EE_AWS_NAME_MAX];
    bool self = false; /* a profile may be its own source: of its keys */

    (void)snprintf(name, sizeof name, "%s", w->s->profile);
    while (!self && has(w->s, name, "role_arn")) {
        bool ended = false;
        int rc = ENVELOPE_OK;

        if (w->roles == EE_AWS_PROFILE_DEPTH) {
            return ee_kms_fail(w->call, ENVELOPE_CONFIGURATION,
                               "source_profile of AWS profile %.64s leads "
                               "through more than %d profiles, or in a circle",
                               w->s->profile, EE_AWS_PROFILE_DEPTH);
        }
        memcpy(w->profile[w->roles++], name, sizeof name);
        rc = step(w, name, next, out, &ended);
        if (rc != ENVELOPE_OK || ended) {
            *found = rc == ENVELOPE_OK;
            return rc;
        }
        self = strcmp(name, next) == 0;
        memcpy(name, next, sizeof name);
    }
    return from_profile(w, name, out, found);
}

int ee_aws_profile_credentials(const struct ee_aws_client *client,
                               struct envelope_call *call,
                               const struct ee_aws_settings *s,
                               struct ee_aws_credentials *out, bool *found)
{
    struct walk w = {.client = client, .call = call, .s = s};
    struct ee_aws_role role;
    int rc = ENVELOPE_OK;

    *found = false;
    rc = descend(&w, out, found);
    if (rc == ENVELOPE_OK && !*found && w.roles > 0) {
        rc = ee_kms_fail(call, ENVELOPE_DENIED,
                         "source_profile of AWS profile %.64s leads to a "
                         "profile without credentials",
                         w.profile[w.roles - 1]);
    }
    while (rc == ENVELOPE_OK && w.roles > 0) {
        rc = read_role(&w, w.profile[--w.roles], &role);
        if (rc == ENVELOPE_OK) {
            rc = ee_aws_sts_assume(client, call, s, &role, out, out);
        }
    }
    return rc;
}
