/* SPDX-License-Identifier: MIT
 *
 * foreign_call.c: what a provider of another file is given with a call, and
 * what its result means here.
 */
#include "base/clock.h"
#include "crypto/pool.h"
#include "provider/foreign.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int is_interrupted(void *arg)
{
    const struct ee_provider_env *env = arg;

    return env->interrupted != NULL && env->interrupted(env->interrupted_arg);
}

static int64_t now_ms(void *arg)
{
    (void)arg;
    return ee_monotonic_ms();
}

static int64_t unix_seconds(void *arg)
{
    (void)arg;
    return (int64_t)time(NULL);
}

static int draw(void *arg, void *out, size_t n)
{
    (void)arg;
    ee_random(out, n);
    return 0;
}

void ee_foreign_begin(struct ee_foreign_call *c,
                      const struct ee_provider_env *env)
{
    const int64_t patience =
        env->timeout_ms > 0 ? env->timeout_ms : EE_PROVIDER_TIMEOUT_MS;

    memset(c, 0, sizeof *c);
    c->env = env;
    c->api.size = sizeof c->api;
    c->api.flags = env->may_prompt ? ENVELOPE_MAY_PROMPT : 0;
    c->api.base_dir = env->base_dir;
    c->api.deadline_ms = ee_monotonic_ms() + patience;
    c->api.arg = (void *)env;
    c->api.interrupted = is_interrupted;
    c->api.now_ms = now_ms;
    c->api.unix_seconds = unix_seconds;
    c->api.random = draw;
}

/* What a result means, and the words where the provider has none. */
static const struct {
    int status;
    const char *words;
} meanings[] = {
    [ENVELOPE_OK] = {EE_OK, ""},
    [ENVELOPE_NOT_MINE] = {EE_KEY_UNKNOWN,
                           "its provider has no such CMK, or the wrap is not "
                           "under it: correct the URI"},
    [ENVELOPE_CORRUPT] = {EE_AUTH, ""},
    [ENVELOPE_DENIED] = {EE_DENIED,
                         "its provider refuses the credentials of this "
                         "process: see what they may"},
    [ENVELOPE_UNAVAILABLE] = {EE_UNAVAILABLE,
                              "its provider cannot be reached, or is too "
                              "busy: try again later"},
    [ENVELOPE_KEY_STATE] = {EE_KEY_STATE,
                            "it is disabled or destroyed at its provider: "
                            "enable it there"},
    [ENVELOPE_CONFIGURATION] = {EE_CONFIG,
                                "its provider is not configured: see its "
                                "settings"},
    [ENVELOPE_INTERRUPTED] = {EE_INTERRUPTED, "interrupted"},
    [ENVELOPE_NOMEM] = {EE_NOMEM, "out of memory"},
};

/* The provider's own words are made printable by ee_fail(), and cut here: it
 * may have forgotten the NUL. */
int ee_foreign_end(struct ee_foreign_call *c, const char *uri, int result,
                   struct ee_error *err)
{
    const int count = (int)(sizeof meanings / sizeof meanings[0]);
    const char *said = c->api.message;
    char what[EE_CMK_URI_MAX + 8];

    if (result == ENVELOPE_OK) {
        return EE_OK;
    }
    c->api.message[sizeof c->api.message - 1] = '\0';
    if (result < 0 || result >= count) {
        return ee_fail(err, EE_INTERNAL,
                       "the provider of CMK %s gave a result that means "
                       "nothing (%d): report this to its makers",
                       uri, result);
    }
    if (result == ENVELOPE_CORRUPT) {
        (void)snprintf(what, sizeof what, "CMK %s", uri);
        return ee_fail_auth(err, what);
    }
    return ee_fail(err, meanings[result].status, "%s",
                   said[0] != '\0' ? said : meanings[result].words);
}
