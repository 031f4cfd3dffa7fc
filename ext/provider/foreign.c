/* SPDX-License-Identifier: MIT
 *
 * foreign.c: the calls to a provider of another file, and the checks of what
 * it gives.
 */
#include "provider/foreign.h"

#include "base/secret.h"
#include "db/sql.h"
#include "provider/scheme.h"

#include <string.h>
#include <unistd.h>

_Static_assert(EE_CMK_URI_MAX == ENVELOPE_URI_MAX, "URIs fit");

static struct ee_foreign_cmk *self(struct ee_provider *p)
{
    return (struct ee_foreign_cmk *)p;
}

/* ---- URIs ---- */

/* The provider's text must be a URI of its own scheme. */
static int check_uri(const struct ee_foreign *f, const char *text,
                     struct ee_error *err)
{
    struct ee_cmk_uri uri;
    struct ee_error ignored;

    if (memchr(text, '\0', EE_CMK_URI_MAX) == NULL ||
        ee_cmk_uri_parse(&uri, text, &ignored) != EE_OK ||
        strcmp(uri.scheme, f->scheme) != 0) {
        return ee_fail(err, EE_INTERNAL,
                       "the provider of %s: made something else of a CMK's "
                       "URI: report this to its makers",
                       f->scheme);
    }
    return EE_OK;
}

/* text: of this scheme. */
static int normalize(char *normal, const struct ee_foreign *f, const char *text,
                     const struct ee_provider_env *env, struct ee_error *err)
{
    struct ee_foreign_call call;
    int rc = EE_OK;

    if (f->api.normalize == NULL) {
        memcpy(normal, text, strlen(text) + 1);
        return EE_OK;
    }
    memset(normal, 0, EE_CMK_URI_MAX);
    ee_foreign_begin(&call, env);
    rc = ee_foreign_end(&call, text, f->api.normalize(&call.api, text, normal),
                        err);
    return rc == EE_OK ? check_uri(f, normal, err) : rc;
}

int ee_foreign_normalize(char *out, const struct ee_foreign *f,
                         const struct ee_cmk_uri *uri, struct ee_error *err)
{
    const struct ee_provider_env nobody = {.base_dir = NULL};
    char text[EE_CMK_URI_MAX];
    int rc = ee_scheme_text(text, uri, err);

    return rc == EE_OK ? normalize(out, f, text, &nobody, err) : rc;
}

/* A canonical URI that normalizing changes would not be found to be allowed
 * when it is read again. */
static int foreign_canonical(const struct ee_provider *p, char *out,
                             const struct ee_cmk_uri *uri, struct ee_error *err)
{
    const struct ee_foreign_cmk *c = (const struct ee_foreign_cmk *)p;
    struct ee_foreign_call call;
    char again[EE_CMK_URI_MAX];
    int rc = EE_OK;

    (void)uri;
    memcpy(out, c->uri, sizeof c->uri);
    if (c->of->api.canonical == NULL) {
        return EE_OK;
    }
    memset(out, 0, EE_CMK_URI_MAX);
    ee_foreign_begin(&call, c->env);
    rc = ee_foreign_end(&call, c->uri,
                        c->of->api.canonical(c->cmk, &call.api, out), err);
    if (rc == EE_OK) {
        rc = check_uri(c->of, out, err);
    }
    if (rc == EE_OK) {
        rc = normalize(again, c->of, out, c->env, err);
    }
    if (rc == EE_OK && strcmp(again, out) != 0) {
        rc = ee_fail(err, EE_INTERNAL,
                     "the provider of %s: stores a URI that it does not read "
                     "as the same: report this to its makers",
                     c->of->scheme);
    }
    return rc;
}

/* ---- opening ---- */

static int open_new(struct ee_foreign_cmk **out, const struct ee_foreign *f,
                    const char *uri, const struct ee_provider_env *env,
                    struct ee_error *err)
{
    struct ee_foreign_cmk *c = sqlite3_malloc64(sizeof *c);
    struct ee_foreign_call call;
    int rc = EE_OK;

    if (c == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    memset(c, 0, sizeof *c);
    c->base.cls = &f->cls;
    c->of = f;
    c->pid = getpid();
    memcpy(c->uri, uri, strlen(uri) + 1);
    if (env->base_dir != NULL) {
        c->base_dir = sqlite3_mprintf("%s", env->base_dir);
        if (c->base_dir == NULL) {
            rc = ee_fail(err, EE_NOMEM, "out of memory");
        }
    }
    if (rc == EE_OK) {
        ee_foreign_begin(&call, env);
        rc = ee_foreign_end(&call, uri, f->api.open(&call.api, uri, &c->cmk),
                            err);
    }
    if (rc == EE_OK && c->cmk == NULL) {
        rc = ee_fail(err, EE_INTERNAL,
                     "the provider of %s: opened no CMK: report this to its "
                     "makers",
                     f->scheme);
    }
    if (rc != EE_OK) {
        sqlite3_free(c->base_dir);
        sqlite3_free(c);
        c = NULL;
    }
    *out = c;
    return rc;
}

int ee_foreign_open(struct ee_provider **out, const struct ee_foreign *f,
                    struct ee_providers *home, const struct ee_cmk_uri *uri,
                    const struct ee_provider_env *env, struct ee_error *err)
{
    struct ee_foreign_cmk *c = NULL;
    char normal[EE_CMK_URI_MAX];
    int rc = ee_foreign_normalize(normal, f, uri, err);

    *out = NULL;
    if (rc == EE_OK) {
        c = ee_foreign_kept(f, home, normal, env->base_dir);
    }
    if (rc == EE_OK && c == NULL) {
        rc = open_new(&c, f, normal, env, err);
    }
    if (c != NULL) {
        c->home = home;
        c->env = env;
        c->healthy = true;
        *out = &c->base;
    }
    return rc;
}

int ee_foreign_create(const struct ee_foreign *f, const struct ee_cmk_uri *uri,
                      const struct ee_provider_env *env, struct ee_error *err)
{
    struct ee_foreign_call call;
    char normal[EE_CMK_URI_MAX];
    int rc = EE_OK;

    if (f->api.create == NULL) {
        return ee_fail(err, EE_CONFIG,
                       "a CMK of %s: is made at its provider, not here",
                       f->scheme);
    }
    rc = ee_foreign_normalize(normal, f, uri, err);
    if (rc == EE_OK) {
        ee_foreign_begin(&call, env);
        rc = ee_foreign_end(&call, normal, f->api.create(&call.api, normal),
                            err);
    }
    return rc;
}

/* ---- an open CMK ---- */

/* The end of a call to an open CMK: is it as good as before? */
static int end(struct ee_foreign_cmk *c, struct ee_foreign_call *call,
               int result, struct ee_error *err)
{
    c->healthy = c->healthy &&
                 (result == ENVELOPE_OK || result == ENVELOPE_NOT_MINE ||
                  result == ENVELOPE_CORRUPT || result == ENVELOPE_KEY_STATE);
    return ee_foreign_end(call, c->uri, result, err);
}

static int is_broken(const struct ee_foreign_cmk *c, const char *how,
                     struct ee_error *err)
{
    return ee_fail(err, EE_INTERNAL,
                   "the provider of CMK %s %s: report this to its makers",
                   c->uri, how);
}

/* A wrap that was not written, or holds what it should hide, would be found out
 * when it is too late. payload: NULL where it is not known. */
static int check_wrap(const struct ee_foreign_cmk *c, const uint8_t *wrapped,
                      size_t n, const uint8_t *payload, struct ee_error *err)
{
    const size_t half = EE_PAYLOAD_BYTES / 2;

    if (n == 0 || n > EE_CMK_WRAPPED_MAX) {
        return is_broken(c, "gave a wrap of a length that no wrap has", err);
    }
    if (ee_is_zero(wrapped, n)) {
        return is_broken(c, "gave a wrap of zeros", err);
    }
    if (payload != NULL && (memmem(wrapped, n, payload, half) != NULL ||
                            memmem(wrapped, n, payload + half, half) != NULL)) {
        return is_broken(c, "gave a wrap with the key in clear", err);
    }
    return EE_OK;
}

static int foreign_wrap(struct ee_provider *p, uint8_t *wrapped,
                        size_t *wrapped_len, const uint8_t *payload,
                        struct ee_bytes context, struct ee_error *err)
{
    struct ee_foreign_cmk *c = self(p);
    struct ee_foreign_call call;
    size_t n = 0;
    int rc = EE_OK;

    memset(wrapped, 0, EE_CMK_WRAPPED_MAX);
    ee_foreign_begin(&call, c->env);
    rc = end(c, &call,
             c->of->api.wrap(c->cmk, &call.api, payload, context.p, context.n,
                             wrapped, &n),
             err);
    if (rc == EE_OK) {
        rc = check_wrap(c, wrapped, n, payload, err);
    }
    if (rc != EE_OK) {
        ee_wipe(wrapped, EE_CMK_WRAPPED_MAX); /* it may hold anything */
        n = 0;
    }
    *wrapped_len = n;
    return rc;
}

static int foreign_unwrap(struct ee_provider *p, uint8_t *payload,
                          struct ee_bytes wrapped, struct ee_bytes context,
                          struct ee_error *err)
{
    struct ee_foreign_cmk *c = self(p);
    struct ee_foreign_call call;
    int rc = EE_OK;

    ee_foreign_begin(&call, c->env);
    rc = end(c, &call,
             c->of->api.unwrap(c->cmk, &call.api, wrapped.p, wrapped.n,
                               context.p, context.n, payload),
             err);
    if (rc == EE_OK && ee_is_zero(payload, EE_PAYLOAD_BYTES)) {
        rc = is_broken(c, "unwrapped to nothing", err);
    }
    return rc;
}

static int foreign_rewrap(struct ee_provider *p, struct envelope_item *items,
                          size_t count, struct ee_error *err)
{
    struct ee_foreign_cmk *c = self(p);
    struct ee_foreign_call call;
    int rc = EE_OK;

    for (size_t i = 0; i < count; i++) {
        memset(items[i].wrapped, 0, EE_CMK_WRAPPED_MAX);
        items[i].wrapped_bytes = 0;
    }
    ee_foreign_begin(&call, c->env);
    rc = end(c, &call, c->of->api.rewrap(c->cmk, &call.api, items, count), err);
    for (size_t i = 0; rc == EE_OK && i < count; i++) {
        rc = check_wrap(c, items[i].wrapped, items[i].wrapped_bytes, NULL, err);
    }
    return rc;
}

static int foreign_rotate(struct ee_provider *p, uint32_t *version,
                          struct ee_error *err)
{
    struct ee_foreign_cmk *c = self(p);
    struct ee_foreign_call call;

    ee_foreign_begin(&call, c->env);
    return end(c, &call, c->of->api.rotate(c->cmk, &call.api, version), err);
}

static int foreign_state(struct ee_provider *p, int *state,
                         struct ee_error *err)
{
    struct ee_foreign_cmk *c = self(p);
    struct ee_foreign_call call;
    int rc = EE_OK;

    ee_foreign_begin(&call, c->env);
    rc = end(c, &call, c->of->api.state(c->cmk, &call.api, state), err);
    if (rc == EE_OK && (*state < 0 || *state > ENVELOPE_CMK_DESTROYED)) {
        *state = ENVELOPE_CMK_UNKNOWN; /* one that is newer than we are */
    }
    return rc;
}

static int foreign_describe(struct ee_provider *p, char *out, size_t size,
                            struct ee_error *err)
{
    struct ee_foreign_cmk *c = self(p);
    struct ee_foreign_call call;
    int rc = EE_OK;

    memset(out, 0, size);
    ee_foreign_begin(&call, c->env);
    rc = end(c, &call, c->of->api.describe(c->cmk, &call.api, out, size), err);
    out[size - 1] = '\0';
    return rc;
}

/* ---- the provider itself ---- */

static bool is_scheme(const char *s)
{
    const size_t n = s != NULL ? strnlen(s, 16) : 0;

    return n > 0 && n < 16 && s[0] >= 'a' && s[0] <= 'z' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+.-") == n;
}

/* What every provider has, in the first version of the structure. */
static bool is_complete(const struct envelope_provider *api)
{
    return is_scheme(api->scheme) && api->open != NULL && api->wrap != NULL &&
           api->unwrap != NULL && api->close != NULL;
}

static struct ee_provider_class class_of(const struct ee_foreign *f)
{
    const struct envelope_provider *api = &f->api;

    return (struct ee_provider_class){
        .scheme = f->scheme,
        .canonical = foreign_canonical,
        .wrap = foreign_wrap,
        .unwrap = foreign_unwrap,
        .rewrap = api->rewrap != NULL ? foreign_rewrap : NULL,
        .rotate = api->rotate != NULL ? foreign_rotate : NULL,
        .state = api->state != NULL ? foreign_state : NULL,
        .describe = api->describe != NULL ? foreign_describe : NULL,
        .close = ee_foreign_close,
    };
}

int ee_foreign_new(struct ee_foreign **out,
                   const struct envelope_provider *given, struct ee_error *err)
{
    const size_t least =
        offsetof(struct envelope_provider, close) + sizeof given->close;
    struct ee_foreign *f = NULL;

    *out = NULL;
    if (given == NULL || given->abi != ENVELOPE_PROVIDER_ABI ||
        given->size < least) {
        return ee_fail(err, EE_CONFIG,
                       "a provider was built for another version of "
                       "envelope_provider.h: this is version %d",
                       ENVELOPE_PROVIDER_ABI);
    }
    if (!is_complete(given)) {
        return ee_fail(err, EE_CONFIG,
                       "a provider lacks its scheme, or one of open, wrap, "
                       "unwrap and close");
    }
    f = sqlite3_malloc64(sizeof *f);
    if (f == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    memset(f, 0, sizeof *f);
    f->given = given;
    memcpy(&f->api, given,
           given->size < sizeof f->api ? given->size : sizeof f->api);
    memcpy(f->scheme, given->scheme, strlen(given->scheme) + 1);
    f->cls = class_of(f);
    *out = f;
    return EE_OK;
}

void ee_foreign_free(struct ee_foreign *f)
{
    sqlite3_free(f);
}
