/* SPDX-License-Identifier: MIT
 *
 * scheme.c: the table of modules' schemes.
 */
#include "provider/scheme.h"

#include <stdio.h>
#include <string.h>

/* Adding a scheme to a module: this line, and a row in PROVIDERS.md. */
const struct ee_module_scheme ee_module_schemes[] = {
    {"pkcs11", "pkcs11", {NULL, NULL}},
    {"vault", "kms", {"hcvault", "hashivault"}},
    {"aws-kms", "kms", {"awskms", NULL}},
    {NULL, NULL, {NULL, NULL}},
};

static bool is_alias(const struct ee_module_scheme *s, const char *name)
{
    const size_t count = sizeof s->aliases / sizeof s->aliases[0];

    for (size_t i = 0; i < count && s->aliases[i] != NULL; i++) {
        if (strcmp(s->aliases[i], name) == 0) {
            return true;
        }
    }
    return false;
}

const struct ee_module_scheme *ee_module_scheme(const char *name)
{
    const struct ee_module_scheme *s = ee_module_schemes;

    while (s->scheme != NULL && strcmp(s->scheme, name) != 0 &&
           !is_alias(s, name)) {
        s++;
    }
    return s->scheme != NULL ? s : NULL;
}

const char *ee_scheme_of(const struct ee_cmk_uri *uri)
{
    const struct ee_module_scheme *s = ee_module_scheme(uri->scheme);

    return s != NULL ? s->scheme : uri->scheme;
}

int ee_scheme_text(char *out, const struct ee_cmk_uri *uri,
                   struct ee_error *err)
{
    const int n = snprintf(out, EE_CMK_URI_MAX, "%s%s", ee_scheme_of(uri),
                           uri->text + strlen(uri->scheme));

    if (n < 0 || n >= EE_CMK_URI_MAX) {
        return ee_fail(err, EE_CONFIG,
                       "the CMK URI is longer than %d characters",
                       EE_CMK_URI_MAX - 1);
    }
    return EE_OK;
}
