/* SPDX-License-Identifier: MIT
 *
 * vault_uri.h: vault://HOST[:PORT]/MOUNT/keys/KEY, a key of the Transit engine
 * of HashiCorp Vault or OpenBao.
 */
#ifndef EE_KMS_VAULT_URI_H
#define EE_KMS_VAULT_URI_H

#include "base/status.h"
#include "envelope_provider.h"

#include <stdbool.h>

struct ee_vault_uri {
    char server[ENVELOPE_URI_MAX]; /* "vault.example:8200": with its port */
    char mount[ENVELOPE_URI_MAX];  /* "transit", "team/transit" */
    char key[ENVELOPE_URI_MAX];    /* "app" */
};

/* Names the mistake. The host is made small, a missing port is 8200. */
int ee_vault_uri_parse(struct ee_vault_uri *uri, struct envelope_call *call,
                       const char *text) EE_CHECKED;

/* Its one spelling, at most ENVELOPE_URI_MAX bytes. False: it would be
 * longer. */
bool ee_vault_uri_write(const struct ee_vault_uri *uri, char *out) EE_CHECKED;

#endif
