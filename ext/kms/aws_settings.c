/* SPDX-License-Identifier: MIT
 *
 * aws_settings.c: the environment and the two files.
 */
#include "kms/aws_settings.h"

#include "base/secret.h"
#include "kms/aws_file.h"
#include "kms/aws_ini.h"
#include "kms/fail.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PATH_BYTES 4096

const char *ee_aws_env(const char *name)
{
    const char *value = secure_getenv(name);

    return value != NULL && *value != '\0' ? value : NULL;
}

/* ~/NAME. False when there is no home, or no room. */
static bool home_path(char *out, const char *name)
{
    const char *home = ee_aws_env("HOME");
    struct passwd entry;
    struct passwd *user = NULL;
    char buffer[4096];

    if (home == NULL &&
        getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &user) == 0 &&
        user != NULL) {
        home = user->pw_dir;
    }
    return home != NULL &&
           snprintf(out, PATH_BYTES, "%s/%s", home, name) < PATH_BYTES;
}

static int read_file(struct envelope_call *call, const char *variable,
                     const char *name, enum ee_aws_file_rule rule, uint8_t *out,
                     size_t *n)
{
    const char *asked = ee_aws_env(variable);
    const char *shown = asked != NULL ? variable : name;
    char path[PATH_BYTES];
    char what[96];
    bool found = false;
    size_t bad = 0;
    int rc = ENVELOPE_OK;

    (void)snprintf(what, sizeof what, "the file %s%s",
                   asked != NULL ? "of " : "~/", shown);
    if (asked != NULL) {
        if (snprintf(path, sizeof path, "%s", asked) >= PATH_BYTES) {
            return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                               "the path in %s is too long", variable);
        }
    } else if (!home_path(path, name)) {
        return ENVELOPE_OK;
    }
    rc = ee_aws_file_read(call, path, what, rule, out, EE_AWS_FILE_MAX, n,
                          &found);
    if (rc == ENVELOPE_OK && !found && asked != NULL) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "there is no file of %s: change or unset it",
                           variable);
    }
    bad = ee_aws_ini_bad_line(ee_bytes(out, *n));
    if (rc == ENVELOPE_OK && bad != 0) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "line %zu of %s is neither [section], name = value "
                           "nor # comment",
                           bad, what);
    }
    return rc;
}

static int choose_profile(struct envelope_call *call, struct ee_aws_settings *s)
{
    const char *asked = ee_aws_env("AWS_PROFILE");

    s->profile_asked = asked != NULL;
    if (snprintf(s->profile, sizeof s->profile, "%s",
                 asked != NULL ? asked : "default") >= EE_AWS_NAME_MAX) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "the name in AWS_PROFILE is too long");
    }
    if (asked != NULL && !ee_aws_profile_exists(s, asked)) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "AWS_PROFILE names a profile that neither the "
                           "config nor the credentials file has: correct or "
                           "unset it");
    }
    return ENVELOPE_OK;
}

int ee_aws_settings_open(struct envelope_call *call,
                         struct ee_aws_settings **out)
{
    struct ee_aws_settings *s = ee_secret_pages_new(sizeof *s);
    int rc = ENVELOPE_OK;

    *out = NULL;
    if (s == NULL) {
        return ENVELOPE_NOMEM;
    }
    rc = read_file(call, "AWS_CONFIG_FILE", ".aws/config", EE_AWS_FILE_SETTINGS,
                   s->config, &s->config_bytes);
    if (rc == ENVELOPE_OK) {
        rc = read_file(call, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials",
                       EE_AWS_FILE_CREDENTIALS, s->credentials,
                       &s->credentials_bytes);
    }
    if (rc == ENVELOPE_OK) {
        rc = choose_profile(call, s);
    }
    if (rc != ENVELOPE_OK) {
        ee_aws_settings_close(s);
        return rc;
    }
    *out = s;
    return ENVELOPE_OK;
}

void ee_aws_settings_close(struct ee_aws_settings *s)
{
    ee_secret_pages_free(s, sizeof *s);
}

static struct ee_bytes config(const struct ee_aws_settings *s)
{
    return ee_bytes(s->config, s->config_bytes);
}

static struct ee_bytes credentials(const struct ee_aws_settings *s)
{
    return ee_bytes(s->credentials, s->credentials_bytes);
}

bool ee_aws_profile_exists(const struct ee_aws_settings *s, const char *profile)
{
    return ee_aws_ini_has(credentials(s), "", profile) ||
           ee_aws_ini_has(config(s), "profile", profile) ||
           (strcmp(profile, "default") == 0 &&
            ee_aws_ini_has(config(s), "", profile));
}

bool ee_aws_profile_get(const struct ee_aws_settings *s, const char *profile,
                        const char *property, struct ee_bytes *value)
{
    /* [default] needs no "profile" before it; with it, it goes first */
    return ee_aws_ini_get(credentials(s), "", profile, NULL, property, value) ||
           ee_aws_ini_get(config(s), "profile", profile, NULL, property,
                          value) ||
           (strcmp(profile, "default") == 0 &&
            ee_aws_ini_get(config(s), "", profile, NULL, property, value));
}

int ee_aws_profile_copy(struct envelope_call *call,
                        const struct ee_aws_settings *s, const char *profile,
                        const char *property, char *out, size_t size)
{
    struct ee_bytes value = {NULL, 0};

    out[0] = '\0';
    if (!ee_aws_profile_get(s, profile, property, &value)) {
        return ENVELOPE_OK;
    }
    if (value.n >= size) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "%s of AWS profile %.64s is longer than %zu bytes",
                           property, profile, size - 1);
    }
    memcpy(out, value.p, value.n);
    out[value.n] = '\0';
    return ENVELOPE_OK;
}

int ee_aws_flag(struct envelope_call *call, const struct ee_aws_settings *s,
                const char *variable, const char *property, bool *out)
{
    const char *set = ee_aws_env(variable);
    struct ee_bytes value = {NULL, 0};

    *out = false;
    if (set != NULL) {
        value = ee_bytes(set, strlen(set));
    } else if (!ee_aws_profile_get(s, s->profile, property, &value)) {
        return ENVELOPE_OK;
    }
    *out = value.n == 4 &&
           strncasecmp((const char *)value.p, "true", value.n) == 0;
    if (!*out && !(value.n == 5 &&
                   strncasecmp((const char *)value.p, "false", value.n) == 0)) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "%s must be true or false",
                           set != NULL ? variable : property);
    }
    return ENVELOPE_OK;
}
