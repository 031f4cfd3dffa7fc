/* SPDX-License-Identifier: MIT
 *
 * aws_settings.h: what AWS's tools and SDKs are told by the environment and
 * the two shared files, read as they read it.
 *
 *     AWS_PROFILE                  the profile; else "default"
 *     AWS_CONFIG_FILE              else ~/.aws/config
 *     AWS_SHARED_CREDENTIALS_FILE  else ~/.aws/credentials
 *
 * A default file that is not there is an empty one. Since a profile can name a
 * program to run, the files must be the caller's or root's, and nobody else
 * may write to them; a file with credentials that is the caller's own must not
 * be readable by everybody either.
 */
#ifndef EE_KMS_AWS_SETTINGS_H
#define EE_KMS_AWS_SETTINGS_H

#include "base/bytes.h"
#include "base/status.h"
#include "envelope_provider.h"

#include <stdbool.h>

#define EE_AWS_FILE_MAX 65536
#define EE_AWS_NAME_MAX 256 /* a profile's, a role's ARN; with its NUL */

/* In secret pages. */
struct ee_aws_settings {
    char profile[EE_AWS_NAME_MAX];
    bool profile_asked; /* by AWS_PROFILE */
    size_t config_bytes;
    size_t credentials_bytes;
    uint8_t config[EE_AWS_FILE_MAX];
    uint8_t credentials[EE_AWS_FILE_MAX];
};

/* Reads both files. On success *out is the caller's to close; on failure it is
 * NULL. */
int ee_aws_settings_open(struct envelope_call *call,
                         struct ee_aws_settings **out) EE_CHECKED;

/* NULL-safe; wipes. */
void ee_aws_settings_close(struct ee_aws_settings *s);

bool ee_aws_profile_exists(const struct ee_aws_settings *s,
                           const char *profile);

/* A property of a profile: from the credentials file, or else the config file.
 * False when it is not there; the value lies in s. */
bool ee_aws_profile_get(const struct ee_aws_settings *s, const char *profile,
                        const char *property, struct ee_bytes *value);

/* The same, copied with a NUL. ENVELOPE_CONFIGURATION when it is longer than
 * size; *out is empty when it is not there. */
int ee_aws_profile_copy(struct envelope_call *call,
                        const struct ee_aws_settings *s, const char *profile,
                        const char *property, char *out,
                        size_t size) EE_CHECKED;

/* A variable of the environment; NULL when it is not set, or empty. */
const char *ee_aws_env(const char *name);

/* true or false, from a variable or else the profile's property. */
int ee_aws_flag(struct envelope_call *call, const struct ee_aws_settings *s,
                const char *variable, const char *property,
                bool *out) EE_CHECKED;

#endif
