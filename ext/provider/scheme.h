/* SPDX-License-Identifier: MIT
 *
 * scheme.h: the schemes of the modules that are shipped beside the core, and
 * other programs' names for them, which mean the same here.
 */
#ifndef EE_PROVIDER_SCHEME_H
#define EE_PROVIDER_SCHEME_H

#include "provider/cmk_uri.h"

/* A scheme that lives in a module. */
struct ee_module_scheme {
    const char *scheme; /* "vault" */
    const char *module; /* "kms": of envelope_kms.so */
    const char *aliases[2];
};

/* Ends with a NULL scheme. */
extern const struct ee_module_scheme ee_module_schemes[];

/* NULL where the scheme, or alias, is not a module's. */
const struct ee_module_scheme *ee_module_scheme(const char *name);

/* The scheme that a URI's means: `vault` for `hcvault:`. */
const char *ee_scheme_of(const struct ee_cmk_uri *uri);

/* The URI's text with that scheme. out: EE_CMK_URI_MAX chars. EE_CONFIG where
 * it is too long. */
int ee_scheme_text(char *out, const struct ee_cmk_uri *uri,
                   struct ee_error *err) EE_CHECKED;

#endif
