/* SPDX-License-Identifier: MIT
 *
 * vault_auth.h: by which method this process proves who it is, and with what.
 *
 *   token       $VAULT_TOKEN, or the file $VAULT_TOKEN_FILE
 *   approle     $VAULT_ROLE_ID and $VAULT_SECRET_ID, or their _FILEs
 *   kubernetes  $VAULT_KUBERNETES_ROLE, and the pod's service account token
 *   token       the file ~/.vault-token
 *   cert        the TLS client certificate
 *
 * $VAULT_AUTH_METHOD names one; else the first that is set is used, and one
 * that is set and unusable is an error.
 */
#ifndef EE_KMS_VAULT_AUTH_H
#define EE_KMS_VAULT_AUTH_H

#include "base/status.h"
#include "kms/buffer.h"
#include "kms/vault_reply.h"

enum ee_vault_method {
    EE_VAULT_NONE = 0,
    EE_VAULT_TOKEN,
    EE_VAULT_APPROLE,
    EE_VAULT_KUBERNETES,
    EE_VAULT_CERT
};

/* What to log in with; or the token itself. */
struct ee_vault_credential {
    enum ee_vault_method method;
    struct ee_buffer token; /* of EE_VAULT_TOKEN; secret */
    struct ee_buffer body;  /* of a login's request; secret */
    char path[128];         /* of a login: "auth/approle/login" */
};

/* Reads it anew: a file may have changed. has_certificate: a TLS client
 * certificate is set. ENVELOPE_DENIED when nothing is set. Free it after a
 * failure, too. */
int ee_vault_credential_read(struct ee_vault_credential *c,
                             struct envelope_call *call,
                             bool has_certificate) EE_CHECKED;
void ee_vault_credential_free(struct ee_vault_credential *c); /* wipes */

/* "token", "approle": for people. */
const char *ee_vault_method_name(enum ee_vault_method method);

#endif
