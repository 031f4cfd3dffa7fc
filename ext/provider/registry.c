/* SPDX-License-Identifier: MIT
 *
 * registry.c: which providers a connection has, and whose a URI is.
 */
#include "provider/registry.h"

#include "provider/foreign.h"
#include "provider/keyring.h"
#include "provider/module.h"
#include "provider/pem.h"
#include "provider/scheme.h"

#include <stdio.h>
#include <string.h>

/* Adding a provider that is built in: its file, this line, a row in
 * PROVIDERS.md, and cmk_uri.c where its path is a file's. */
static const struct ee_provider_class *const built_in[] = {
    &ee_keyring_provider,
    &ee_pem_provider,
    NULL,
};

/* NULL where the scheme is not built in. */
static const struct ee_provider_class *built_in_class(const char *scheme)
{
    for (size_t i = 0; built_in[i] != NULL; i++) {
        if (strcmp(built_in[i]->scheme, scheme) == 0) {
            return built_in[i];
        }
    }
    return NULL;
}

/* NULL where it is not registered, or its module not loaded here. */
static struct ee_foreign *foreign_of(const struct ee_providers *r,
                                     const char *scheme)
{
    struct ee_foreign *f = r->foreign;

    while (f != NULL && strcmp(f->scheme, scheme) != 0) {
        f = f->next;
    }
    return f;
}

/* ---- registering ---- */

static void add_foreign(struct ee_providers *r, struct ee_foreign *f)
{
    f->next = r->foreign;
    r->foreign = f;
}

static bool is_taken(const struct ee_providers *r, const char *scheme)
{
    return built_in_class(scheme) != NULL || ee_module_scheme(scheme) != NULL ||
           foreign_of(r, scheme) != NULL;
}

static bool is_known(const struct ee_providers *r,
                     const struct envelope_provider *given)
{
    const struct ee_foreign *f = r->foreign;

    while (f != NULL && f->given != given) {
        f = f->next;
    }
    return f != NULL;
}

/* What another extension calls. */
static int registry_add(struct envelope_provider_registry *registry,
                        const struct envelope_provider *provider)
{
    struct ee_providers *r = (struct ee_providers *)registry;
    struct ee_foreign *f = NULL;
    struct ee_error ignored;
    int rc = EE_OK;

    if (is_known(r, provider)) {
        return ENVELOPE_OK;
    }
    rc = ee_foreign_new(&f, provider, &ignored);
    if (rc != EE_OK) {
        return rc == EE_NOMEM ? ENVELOPE_NOMEM : ENVELOPE_CONFIGURATION;
    }
    if (is_taken(r, f->scheme)) {
        ee_foreign_free(f);
        return ENVELOPE_CONFIGURATION;
    }
    add_foreign(r, f);
    return ENVELOPE_OK;
}

void ee_providers_init(struct ee_providers *r)
{
    memset(r, 0, sizeof *r);
    r->api.abi = ENVELOPE_PROVIDER_ABI;
    r->api.size = sizeof r->api;
    r->api.add = registry_add;
}

void ee_providers_clear(struct ee_providers *r)
{
    for (int i = 0; i < EE_KEPT_MAX; i++) {
        ee_foreign_discard(r->kept[i]);
        r->kept[i] = NULL;
    }
    while (r->foreign != NULL) {
        struct ee_foreign *next = r->foreign->next;

        ee_foreign_free(r->foreign);
        r->foreign = next;
    }
}

/* ---- modules ---- */

/* Is it the table's provider for a scheme of this module, and new here? */
static bool is_wanted(const struct ee_providers *r, const struct ee_foreign *f,
                      const char *module)
{
    const struct ee_module_scheme *s = ee_module_scheme(f->scheme);

    return s != NULL && strcmp(s->scheme, f->scheme) == 0 &&
           strcmp(s->module, module) == 0 && foreign_of(r, f->scheme) == NULL;
}

/* The schemes of a module that the table gives to it, and no others. */
static int take_module(struct ee_providers *r,
                       const struct ee_module_scheme *wanted,
                       struct ee_error *err)
{
    const struct envelope_provider *const *list = NULL;
    int rc = ee_module_load(&list, wanted->module, wanted->scheme, err);

    for (; rc == EE_OK && *list != NULL; list++) {
        struct ee_foreign *f = NULL;

        rc = ee_foreign_new(&f, *list, err);
        if (rc == EE_OK && is_wanted(r, f, wanted->module)) {
            add_foreign(r, f);
        } else {
            ee_foreign_free(f);
        }
    }
    return rc;
}

/* "keyring:, pem:" */
static void list_schemes(const struct ee_providers *r, char *out, size_t size)
{
    const char *scheme = NULL;
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0;
         used < size && (scheme = ee_provider_scheme(r, i)) != NULL; i++) {
        const int n = snprintf(out + used, size - used,
                               "%s%s:", i > 0 ? ", " : "", scheme);

        used += n > 0 ? (size_t)n : 0;
    }
}

/* The provider of a scheme that is not built in. */
static int find_foreign(struct ee_foreign **out, struct ee_providers *r,
                        const struct ee_cmk_uri *uri, struct ee_error *err)
{
    const char *scheme = ee_scheme_of(uri);
    const struct ee_module_scheme *module = ee_module_scheme(scheme);
    char schemes[128];
    int rc = EE_OK;

    *out = foreign_of(r, scheme);
    if (*out == NULL && module != NULL) {
        rc = take_module(r, module, err);
        *out = foreign_of(r, scheme);
    }
    if (rc == EE_OK && *out == NULL) {
        list_schemes(r, schemes, sizeof schemes);
        rc = ee_fail(err, EE_CONFIG,
                     "no provider for %s: in this build, which has %s",
                     uri->scheme, schemes);
    }
    return rc;
}

bool ee_provider_exists(const struct ee_providers *r,
                        const struct ee_cmk_uri *uri)
{
    return is_taken(r, uri->scheme);
}

const char *ee_provider_scheme(const struct ee_providers *r, size_t i)
{
    const struct ee_foreign *f = r->foreign;
    const struct ee_module_scheme *s = ee_module_schemes;

    for (size_t k = 0; built_in[k] != NULL; k++) {
        if (i-- == 0) {
            return built_in[k]->scheme;
        }
    }
    for (; s->scheme != NULL; s++) {
        if (ee_module_is_there(s->module) && i-- == 0) {
            return s->scheme;
        }
    }
    for (; f != NULL; f = f->next) {
        if (ee_module_scheme(f->scheme) == NULL && i-- == 0) {
            return f->scheme;
        }
    }
    return NULL;
}

/* ---- opening ---- */

int ee_provider_open(struct ee_provider **out, struct ee_providers *r,
                     const struct ee_cmk_uri *uri,
                     const struct ee_provider_env *env, struct ee_error *err)
{
    const struct ee_provider_class *cls = built_in_class(uri->scheme);
    struct ee_foreign *f = NULL;
    int rc = EE_OK;

    *out = NULL;
    if (cls != NULL) {
        return cls->open(out, uri, env, err);
    }
    rc = find_foreign(&f, r, uri, err);
    return rc == EE_OK ? ee_foreign_open(out, f, r, uri, env, err) : rc;
}

int ee_provider_create(struct ee_providers *r, const struct ee_cmk_uri *uri,
                       const struct ee_provider_env *env, struct ee_error *err)
{
    const struct ee_provider_class *cls = built_in_class(uri->scheme);
    struct ee_foreign *f = NULL;
    int rc = EE_OK;

    if (cls != NULL && cls->create != NULL) {
        return cls->create(uri, env, err);
    }
    if (cls != NULL) {
        return ee_fail(err, EE_CONFIG, "a CMK of %s: is not made here",
                       cls->scheme);
    }
    rc = find_foreign(&f, r, uri, err);
    return rc == EE_OK ? ee_foreign_create(f, uri, env, err) : rc;
}

/* ---- comparing ---- */

bool ee_provider_is_same(const struct ee_cmk_uri *allowed,
                         const struct ee_cmk_uri *asked)
{
    return strcmp(ee_scheme_of(allowed), ee_scheme_of(asked)) == 0;
}

static const char *fragment_of(const struct ee_cmk_uri *uri,
                               const char *otherwise)
{
    return uri->fragment[0] != '\0' ? uri->fragment : otherwise;
}

bool ee_provider_covers(const struct ee_cmk_uri *allowed,
                        const struct ee_cmk_uri *asked)
{
    const struct ee_provider_class *cls = built_in_class(allowed->scheme);
    const char *otherwise = cls != NULL ? cls->default_fragment : "";

    if (otherwise == NULL && allowed->fragment[0] == '\0') {
        return true;
    }
    otherwise = otherwise != NULL ? otherwise : "";
    return strcmp(fragment_of(allowed, otherwise),
                  fragment_of(asked, otherwise)) == 0;
}

/* Where the provider is not there, or refuses a URI, only the same text means
 * the same. */
bool ee_provider_means_same(struct ee_providers *r,
                            const struct ee_cmk_uri *allowed,
                            const struct ee_cmk_uri *asked)
{
    char a[EE_CMK_URI_MAX];
    char b[EE_CMK_URI_MAX];
    struct ee_foreign *f = NULL;
    struct ee_error ignored;

    if (strcmp(allowed->text, asked->text) == 0) {
        return true;
    }
    return find_foreign(&f, r, asked, &ignored) == EE_OK &&
           ee_foreign_normalize(a, f, allowed, &ignored) == EE_OK &&
           ee_foreign_normalize(b, f, asked, &ignored) == EE_OK &&
           strcmp(a, b) == 0;
}
