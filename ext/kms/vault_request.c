/* SPDX-License-Identifier: MIT
 *
 * vault_request.c: writes JSON for Vault.
 *
 * Encrypting under a key that is not there makes that key, of the `type` that
 * the request names, when the token may `create`. So each request to encrypt
 * names a type that is none: the server then refuses to make it. Where the key
 * is there it does not look at the type.
 */
#include "kms/vault_request.h"

#include <stdio.h>
#include <string.h>

#define NO_UPSERT "\"type\":\"must-exist\""

/* For one item, besides its wrap and context: names, quotes, a payload. */
#define ITEM_OVERHEAD 200

bool ee_vault_is_wrap(struct ee_bytes wrapped)
{
    static const char prefix[] = "vault:v";
    const size_t p = sizeof prefix - 1;
    size_t i = p;

    if (wrapped.n <= p || wrapped.n > ENVELOPE_WRAPPED_MAX ||
        strncmp((const char *)wrapped.p, prefix, p) != 0) {
        return false;
    }
    while (i < wrapped.n && wrapped.p[i] >= '0' && wrapped.p[i] <= '9') {
        i++;
    }
    if (i == p || i > p + 9 || wrapped.p[p] == '0' || i + 1 >= wrapped.n ||
        wrapped.p[i] != ':') {
        return false;
    }
    for (i++; i < wrapped.n; i++) {
        const uint8_t c = wrapped.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=')) {
            return false;
        }
    }
    return true;
}

static void put_plaintext(struct ee_buffer *b, const uint8_t *payload)
{
    ee_buffer_put(b, "\"plaintext\":\"");
    ee_buffer_put_base64(b, ee_bytes(payload, ENVELOPE_PAYLOAD_BYTES));
    ee_buffer_put(b, "\"");
}

static void put_ciphertext(struct ee_buffer *b, struct ee_bytes wrapped)
{
    ee_buffer_put(b, "\"ciphertext\":");
    ee_buffer_put_json(b, wrapped);
}

static void put_context(struct ee_buffer *b, struct ee_bytes context)
{
    ee_buffer_put(b, ",\"associated_data\":\"");
    ee_buffer_put_base64(b, context);
    ee_buffer_put(b, "\"");
}

void ee_vault_put_encrypt(struct ee_buffer *b, const uint8_t *payload,
                          struct ee_bytes context)
{
    ee_buffer_put(b, "{" NO_UPSERT ",");
    put_plaintext(b, payload);
    put_context(b, context);
    ee_buffer_put(b, "}");
}

void ee_vault_put_decrypt(struct ee_buffer *b, struct ee_bytes wrapped,
                          struct ee_bytes context)
{
    ee_buffer_put(b, "{");
    put_ciphertext(b, wrapped);
    put_context(b, context);
    ee_buffer_put(b, "}");
}

size_t ee_vault_batch_fit(const struct envelope_item *items, size_t count)
{
    size_t bytes = ITEM_OVERHEAD;
    size_t n = 0;

    while (n < count && n < EE_VAULT_BATCH_MAX) {
        bytes += items[n].old_bytes + EE_BASE64_CHARS(items[n].context_bytes) +
                 ITEM_OVERHEAD;
        if (n > 0 && bytes > EE_VAULT_BATCH_BYTES) {
            break;
        }
        n++;
    }
    return n;
}

/* The reference comes back with the result. */
static void end_item(struct ee_buffer *b, const struct envelope_item *item,
                     size_t i)
{
    char text[48];

    put_context(b, ee_bytes(item->context, item->context_bytes));
    (void)snprintf(text, sizeof text, ",\"reference\":\"%zu\"}", i);
    ee_buffer_put(b, text);
}

void ee_vault_put_decrypts(struct ee_buffer *b,
                           const struct envelope_item *items, size_t count)
{
    ee_buffer_put(b, "{\"batch_input\":[");
    for (size_t i = 0; i < count; i++) {
        ee_buffer_put(b, i > 0 ? ",{" : "{");
        put_ciphertext(b, ee_bytes(items[i].old, items[i].old_bytes));
        end_item(b, &items[i], i);
    }
    ee_buffer_put(b, "]}");
}

void ee_vault_put_encrypts(struct ee_buffer *b,
                           const struct envelope_item *items,
                           const uint8_t *payloads, size_t count)
{
    ee_buffer_put(b, "{" NO_UPSERT ",\"batch_input\":[");
    for (size_t i = 0; i < count; i++) {
        ee_buffer_put(b, i > 0 ? ",{" : "{");
        put_plaintext(b, payloads + i * ENVELOPE_PAYLOAD_BYTES);
        end_item(b, &items[i], i);
    }
    ee_buffer_put(b, "]}");
}

void ee_vault_put_pairs(struct ee_buffer *b, const char *name,
                        struct ee_bytes value, const char *name2,
                        struct ee_bytes value2)
{
    ee_buffer_put(b, "{");
    ee_buffer_put_json(b, ee_bytes(name, strlen(name)));
    ee_buffer_put(b, ":");
    ee_buffer_put_json(b, value);
    if (name2 != NULL) {
        ee_buffer_put(b, ",");
        ee_buffer_put_json(b, ee_bytes(name2, strlen(name2)));
        ee_buffer_put(b, ":");
        ee_buffer_put_json(b, value2);
    }
    ee_buffer_put(b, "}");
}
