/* SPDX-License-Identifier: MIT
 *
 * registry.c: which providers this build has, and the calls to them.
 *
 * The checks that every provider needs are made here once: an operation that
 * is not offered, and a payload that is zero after a failed unwrap.
 */
#include "base/secret.h"
#include "provider/keyring.h"
#include "provider/pem.h"

#include <stdio.h>
#include <string.h>

/* Adding a provider: its file, this line, and a row in PROVIDERS.md. */
const struct ee_provider_class *const ee_providers[] = {
    &ee_keyring_provider,
    &ee_pem_provider,
    NULL,
};

/* "keyring:, pem:" */
static void list_schemes(char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; ee_providers[i] != NULL && used < size; i++) {
        int n = snprintf(out + used, size - used, "%s%s:", i > 0 ? ", " : "",
                         ee_providers[i]->scheme);

        used += n > 0 ? (size_t)n : 0;
    }
}

/* NULL when this build has no such provider. */
static const struct ee_provider_class *class_of(const struct ee_cmk_uri *uri)
{
    for (size_t i = 0; ee_providers[i] != NULL; i++) {
        if (strcmp(ee_providers[i]->scheme, uri->scheme) == 0) {
            return ee_providers[i];
        }
    }
    return NULL;
}

bool ee_provider_exists(const struct ee_cmk_uri *uri)
{
    return class_of(uri) != NULL;
}

static const char *fragment_of(const struct ee_cmk_uri *uri,
                               const char *otherwise)
{
    return uri->fragment[0] != '\0' ? uri->fragment : otherwise;
}

bool ee_provider_covers(const struct ee_cmk_uri *allowed,
                        const struct ee_cmk_uri *asked)
{
    const struct ee_provider_class *cls = class_of(allowed);
    const char *otherwise = cls != NULL ? cls->default_fragment : "";

    if (otherwise == NULL && allowed->fragment[0] == '\0') {
        return true;
    }
    otherwise = otherwise != NULL ? otherwise : "";
    return strcmp(fragment_of(allowed, otherwise),
                  fragment_of(asked, otherwise)) == 0;
}

int ee_provider_open(struct ee_provider **out, const struct ee_cmk_uri *uri,
                     const struct ee_provider_env *env, struct ee_error *err)
{
    const struct ee_provider_class *cls = class_of(uri);
    char schemes[128];

    *out = NULL;
    if (cls != NULL) {
        return cls->open(out, uri, env, err);
    }
    list_schemes(schemes, sizeof schemes);
    return ee_fail(err, EE_CONFIG,
                   "no provider for %s: in this build, which has %s",
                   uri->scheme, schemes);
}

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

void ee_provider_close(struct ee_provider *p)
{
    if (p != NULL) {
        p->cls->close(p);
    }
}
