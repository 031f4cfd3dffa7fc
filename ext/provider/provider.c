/* SPDX-License-Identifier: MIT
 *
 * provider.c: the calls to an open provider.
 *
 * The checks that every provider needs are made here once: an operation that
 * is not offered, and a payload that is zero after a failed unwrap.
 */
#include "provider/provider.h"

#include "base/secret.h"

#include <string.h>

bool ee_provider_can_unwrap(const struct ee_provider *p)
{
    return p->cls->can_unwrap == NULL || p->cls->can_unwrap(p);
}

int ee_provider_canonical(const struct ee_provider *p, char *out,
                          const struct ee_cmk_uri *uri, struct ee_error *err)
{
    if (p->cls->canonical != NULL) {
        return p->cls->canonical(p, out, uri, err);
    }
    memcpy(out, uri->text, sizeof uri->text);
    return EE_OK;
}

int ee_provider_wrap(struct ee_provider *p, uint8_t *wrapped,
                     size_t *wrapped_len, const uint8_t *payload,
                     struct ee_bytes context, struct ee_error *err)
{
    *wrapped_len = 0;
    return p->cls->wrap(p, wrapped, wrapped_len, payload, context, err);
}

int ee_provider_unwrap(struct ee_provider *p, uint8_t *payload,
                       struct ee_bytes wrapped, struct ee_bytes context,
                       struct ee_error *err)
{
    int rc = EE_OK;

    ee_wipe(payload, EE_PAYLOAD_BYTES);
    rc = p->cls->unwrap(p, payload, wrapped, context, err);
    if (rc != EE_OK) {
        ee_wipe(payload, EE_PAYLOAD_BYTES);
    }
    return rc;
}

uint32_t ee_provider_version_of(const struct ee_provider *p,
                                struct ee_bytes wrapped)
{
    return p->cls->version_of != NULL ? p->cls->version_of(wrapped) : 0;
}

int ee_provider_rotate(struct ee_provider *p, uint32_t *version,
                       struct ee_error *err)
{
    *version = 0;
    if (p->cls->rotate == NULL) {
        return ee_fail(err, EE_CONFIG,
                       "a CMK of %s: is rotated at its provider, not here",
                       p->cls->scheme);
    }
    return p->cls->rotate(p, version, err);
}

int ee_provider_destroy(struct ee_provider *p, uint32_t version,
                        struct ee_error *err)
{
    if (p->cls->destroy == NULL) {
        return ee_fail(err, EE_CONFIG,
                       "a CMK of %s: is destroyed at its provider, not here",
                       p->cls->scheme);
    }
    return p->cls->destroy(p, version, err);
}

bool ee_provider_can_rewrap(const struct ee_provider *p)
{
    return p->cls->rewrap != NULL;
}

int ee_provider_rewrap(struct ee_provider *p, struct envelope_item *items,
                       size_t count, struct ee_error *err)
{
    if (p->cls->rewrap == NULL) {
        return ee_fail(err, EE_CONFIG, "a CMK of %s: does not rewrap",
                       p->cls->scheme);
    }
    return p->cls->rewrap(p, items, count, err);
}

int ee_provider_state(struct ee_provider *p, int *state, struct ee_error *err)
{
    *state = ENVELOPE_CMK_UNKNOWN;
    return p->cls->state != NULL ? p->cls->state(p, state, err) : EE_OK;
}

int ee_provider_describe(struct ee_provider *p, char *out, size_t size,
                         struct ee_error *err)
{
    out[0] = '\0';
    return p->cls->describe != NULL ? p->cls->describe(p, out, size, err)
                                    : EE_OK;
}

void ee_provider_close(struct ee_provider *p)
{
    if (p != NULL) {
        p->cls->close(p);
    }
}
