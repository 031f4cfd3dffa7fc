/* SPDX-License-Identifier: MIT
 *
 * vault_reply.h: what Vault answered.
 *
 * Bodies are whatever somebody sent. Each function returns an enum
 * envelope_result and fills call->message with words of our own; from names
 * the server in them.
 */
#ifndef EE_KMS_VAULT_REPLY_H
#define EE_KMS_VAULT_REPLY_H

#include "base/bytes.h"
#include "base/status.h"
#include "envelope_provider.h"

#include <stdbool.h>

#define EE_VAULT_TOKEN_MAX 4096 /* with its NUL */

/* What was asked for: the same status means different things. */
enum ee_vault_asked {
    EE_VAULT_ENCRYPT,
    EE_VAULT_DECRYPT,
    EE_VAULT_KEY, /* to read or rotate one */
    EE_VAULT_MAKE,
    EE_VAULT_LOGIN
};

/* The HTTP status: ENVELOPE_OK for 200 and 204, else what it means. */
int ee_vault_reply_status(struct envelope_call *call, enum ee_vault_asked asked,
                          const struct envelope_http_reply *reply,
                          const char *from) EE_CHECKED;

/* data.ciphertext: at most ENVELOPE_WRAPPED_MAX bytes. */
int ee_vault_reply_wrapped(struct envelope_call *call, struct ee_bytes body,
                           const char *from, uint8_t *wrapped,
                           size_t *n) EE_CHECKED;

/* data.plaintext: ENVELOPE_PAYLOAD_BYTES; zero on failure. */
int ee_vault_reply_payload(struct envelope_call *call, struct ee_bytes body,
                           const char *from, uint8_t *payload) EE_CHECKED;

/* data.batch_results, in the order of what was asked, and of count: into
 * item->wrapped, or into payloads, which are zero on failure. */
int ee_vault_reply_wraps(struct envelope_call *call, struct ee_bytes body,
                         const char *from, struct envelope_item *items,
                         size_t count) EE_CHECKED;
int ee_vault_reply_payloads(struct envelope_call *call, struct ee_bytes body,
                            const char *from, uint8_t *payloads,
                            size_t count) EE_CHECKED;

struct ee_vault_key {
    char type[32]; /* "aes256-gcm96": letters, digits and '-' only */
    uint32_t version;
    bool deleted; /* softly: it can be brought back */
};

int ee_vault_reply_key(struct envelope_call *call, struct ee_bytes body,
                       const char *from, struct ee_vault_key *key) EE_CHECKED;

/* Secret. */
struct ee_vault_login {
    char token[EE_VAULT_TOKEN_MAX];
    int64_t lease_s; /* 0: does not end */
    bool renewable;
};

/* Of a login or a renewal. On failure *login is zero. */
int ee_vault_reply_login(struct envelope_call *call, struct ee_bytes body,
                         const char *from,
                         struct ee_vault_login *login) EE_CHECKED;

#endif
