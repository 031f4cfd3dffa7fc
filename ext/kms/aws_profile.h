/* SPDX-License-Identifier: MIT
 *
 * aws_profile.h: credentials of a profile in the shared files.
 *
 * A profile has long-term or session keys, a credential_process, or a role_arn
 * with one of source_profile (another such profile), credential_source and
 * web_identity_token_file. What needs a person at a browser or a one-time
 * password (sso_*, login_session, mfa_serial) is refused with a hint: AWS's
 * own tool can be its credential_process.
 */
#ifndef EE_KMS_AWS_PROFILE_H
#define EE_KMS_AWS_PROFILE_H

#include "kms/aws_client.h"
#include "kms/aws_settings.h"

#define EE_AWS_PROFILE_DEPTH 5 /* of profiles that lead to each other */

/* Does the session's profile have a role that other credentials assume? */
bool ee_aws_profile_assumes(const struct ee_aws_settings *s);

/* *found is false, and the result ENVELOPE_OK, when the session's profile is
 * not there or has none of these. */
int ee_aws_profile_credentials(const struct ee_aws_client *client,
                               struct envelope_call *call,
                               const struct ee_aws_settings *s,
                               struct ee_aws_credentials *out,
                               bool *found) EE_CHECKED;

/* What is set in the environment: AWS_ACCESS_KEY_ID and so on. */
int ee_aws_environment_credentials(struct envelope_call *call,
                                   struct ee_aws_credentials *out,
                                   bool *found) EE_CHECKED;

#endif
