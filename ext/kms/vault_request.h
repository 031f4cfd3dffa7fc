/* SPDX-License-Identifier: MIT
 *
 * vault_request.h: the bodies of requests to Transit and to the auth methods.
 *
 * Each writes into a buffer, which turns bad when it is too small.
 */
#ifndef EE_KMS_VAULT_REQUEST_H
#define EE_KMS_VAULT_REQUEST_H

#include "envelope_provider.h"
#include "kms/buffer.h"

#include <stdbool.h>

/* What Transit gives out for a ciphertext: vault:vN:BASE64. Nothing else is
 * sent back to it. */
bool ee_vault_is_wrap(struct ee_bytes wrapped);

/* payload: ENVELOPE_PAYLOAD_BYTES. */
void ee_vault_put_encrypt(struct ee_buffer *b, const uint8_t *payload,
                          struct ee_bytes context);
void ee_vault_put_decrypt(struct ee_buffer *b, struct ee_bytes wrapped,
                          struct ee_bytes context);

/* How many of count items one request may have, at least 1. */
size_t ee_vault_batch_fit(const struct envelope_item *items, size_t count);

#define EE_VAULT_BATCH_MAX   64
#define EE_VAULT_BATCH_BYTES (128 * 1024) /* of a buffer for that many */

/* The wraps of the items; their payloads under their contexts, which lie one
 * behind the other. */
void ee_vault_put_decrypts(struct ee_buffer *b,
                           const struct envelope_item *items, size_t count);
void ee_vault_put_encrypts(struct ee_buffer *b,
                           const struct envelope_item *items,
                           const uint8_t *payloads, size_t count);

/* {"name":"value"}, and a second pair unless its name is NULL. */
void ee_vault_put_pairs(struct ee_buffer *b, const char *name,
                        struct ee_bytes value, const char *name2,
                        struct ee_bytes value2);

#endif
