/* SPDX-License-Identifier: MIT
 *
 * vault_settings.h: what the environment says of Vault, under the names that
 * its command line uses: BAO_X, or else VAULT_X.
 *
 * VAULT.md lists them. VAULT_ADDR is not among them (a URI says where), nor is
 * VAULT_SKIP_VERIFY.
 */
#ifndef EE_KMS_VAULT_SETTINGS_H
#define EE_KMS_VAULT_SETTINGS_H

#include "base/status.h"
#include "envelope_provider.h"
#include "kms/buffer.h"
#include "kms/tls.h"

/* The name as it is set, such as "BAO_TOKEN" for "TOKEN"; for messages. */
struct ee_vault_setting {
    char name[64];
    const char *value; /* the environment's; NULL: not set, or empty */
};

struct ee_vault_setting ee_vault_setting(const char *name);

/* Who else may read a file with a credential. */
enum ee_vault_file {
    EE_VAULT_FILE_SECRET, /* a group may, as of systemd, Kubernetes and Vault
                             Agent */
    EE_VAULT_FILE_MOUNTED /* all may, as of Kubernetes' own tokens */
};

/* A small file's text without its last line end, into an empty buffer. The
 * path comes from the environment, so symbolic links in it are followed. what
 * names the setting. */
int ee_vault_read_file(struct ee_buffer *out, struct envelope_call *call,
                       const char *path, const char *what,
                       enum ee_vault_file rule) EE_CHECKED;

/* The setting's own value, or else of the file that NAME_FILE names. *found:
 * one of them is set. */
int ee_vault_read_secret(struct ee_buffer *out, struct envelope_call *call,
                         const char *name, bool *found) EE_CHECKED;

/* Copies of what the environment had when the CMK was opened. */
struct ee_vault_settings {
    struct ee_http_tls tls; /* points to what follows */
    char *ca_file;
    char *ca_dir;
    char *cert_file;
    struct ee_buffer key;
    char *namespace_header; /* "X-Vault-Namespace: team1", or NULL */
};

int ee_vault_settings_read(struct ee_vault_settings *s,
                           struct envelope_call *call) EE_CHECKED;
void ee_vault_settings_free(struct ee_vault_settings *s); /* wipes */

#endif
