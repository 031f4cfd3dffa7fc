/* SPDX-License-Identifier: MIT
 *
 * registry.h: the providers of one connection, found by the scheme of a URI:
 * those built in, those of modules beside the core (module.h), and those that
 * another loadable extension has registered.
 */
#ifndef EE_PROVIDER_REGISTRY_H
#define EE_PROVIDER_REGISTRY_H

#include "provider/provider.h"

#define EE_KEPT_MAX 8 /* CMKs that stay open; the oldest is closed */

struct ee_foreign;

struct ee_providers {
    /* what another extension is handed; must be first */
    struct envelope_provider_registry api;
    struct ee_foreign *foreign;            /* registered, or of a module */
    struct ee_provider *kept[EE_KEPT_MAX]; /* open and not in use */
    unsigned next_victim;
};

void ee_providers_init(struct ee_providers *r);
/* Closes what was kept open. No provider is in use any more. */
void ee_providers_clear(struct ee_providers *r);

/* Has this connection the provider of the URI, or a module it could be in? */
bool ee_provider_exists(const struct ee_providers *r,
                        const struct ee_cmk_uri *uri);

/* Finds the provider of a URI's scheme and opens it. r, uri and env live at
 * least until it is closed. */
int ee_provider_open(struct ee_provider **out, struct ee_providers *r,
                     const struct ee_cmk_uri *uri,
                     const struct ee_provider_env *env,
                     struct ee_error *err) EE_CHECKED;

/* Makes the CMK of the URI. */
int ee_provider_create(struct ee_providers *r, const struct ee_cmk_uri *uri,
                       const struct ee_provider_env *env,
                       struct ee_error *err) EE_CHECKED;

/* `allowed` is what somebody trusts, `asked` what an attacker may have
 * written. Nothing is contacted and no file of theirs opened. */

/* Have both the same provider? */
bool ee_provider_is_same(const struct ee_cmk_uri *allowed,
                         const struct ee_cmk_uri *asked);
/* Of files, whose paths are the same: does the one fragment cover the other? */
bool ee_provider_covers(const struct ee_cmk_uri *allowed,
                        const struct ee_cmk_uri *asked);
/* Of others, of one provider: do both mean the same CMK? */
bool ee_provider_means_same(struct ee_providers *r,
                            const struct ee_cmk_uri *allowed,
                            const struct ee_cmk_uri *asked);

/* The schemes there are, the i-th of them, NULL behind the last: built in,
 * registered, and those of modules whose file is there. */
const char *ee_provider_scheme(const struct ee_providers *r, size_t i);

#endif
