/* SPDX-License-Identifier: MIT
 *
 * provider_foreign.c: what a provider of another file is given with a call,
 * and what is made of what it gives. What SQL can see of it is in
 * sql/test_provider_odd.py.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "provider/foreign.h"
#include "provider/module.h"
#include "provider/scheme.h"
#include "tap.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- a provider that remembers, and does what it is told ---- */

struct envelope_cmk {
    int closed;
};

static struct {
    struct envelope_cmk cmk;
    struct envelope_call call; /* the last one */
    bool interrupted;          /* what its functions said then */
    int64_t now;
    int64_t seconds;
    uint8_t random[16];
    char uri[ENVELOPE_URI_MAX];
    int result; /* to give */
    char message[ENVELOPE_MESSAGE_MAX];
    size_t wrapped_bytes;
} seen;

static int remember(struct envelope_call *call)
{
    seen.call = *call;
    seen.interrupted = call->interrupted(call->arg) != 0;
    seen.now = call->now_ms(call->arg);
    seen.seconds = call->unix_seconds(call->arg);
    if (call->random(call->arg, seen.random, sizeof seen.random) != 0) {
        return ENVELOPE_NOMEM;
    }
    memcpy(call->message, seen.message, sizeof call->message);
    return seen.result;
}

static int t_open(struct envelope_call *call, const char *uri,
                  envelope_cmk **out)
{
    (void)snprintf(seen.uri, sizeof seen.uri, "%s", uri);
    *out = &seen.cmk;
    return remember(call);
}

static int t_wrap(envelope_cmk *cmk, struct envelope_call *call,
                  const uint8_t *payload, const uint8_t *context,
                  size_t context_bytes, uint8_t *wrapped, size_t *wrapped_bytes)
{
    (void)cmk;
    (void)payload;
    (void)context;
    (void)context_bytes;
    memset(wrapped, 'w', ENVELOPE_WRAPPED_MAX);
    *wrapped_bytes = seen.wrapped_bytes;
    return remember(call);
}

static int t_unwrap(envelope_cmk *cmk, struct envelope_call *call,
                    const uint8_t *wrapped, size_t wrapped_bytes,
                    const uint8_t *context, size_t context_bytes,
                    uint8_t *payload)
{
    (void)cmk;
    (void)wrapped;
    (void)wrapped_bytes;
    (void)context;
    (void)context_bytes;
    memset(payload, 'p', ENVELOPE_PAYLOAD_BYTES);
    return remember(call);
}

static void t_close(envelope_cmk *cmk)
{
    cmk->closed++;
}

static const struct envelope_provider provider = {
    .abi = ENVELOPE_PROVIDER_ABI,
    .size = sizeof provider,
    .scheme = "remembers",
    .open = t_open,
    .wrap = t_wrap,
    .unwrap = t_unwrap,
    .close = t_close,
};

/* ---- the session ---- */

static struct ee_providers providers;
static struct ee_error err;
static bool interrupts;

static bool is_interrupted(void *arg)
{
    return arg == &interrupts && interrupts;
}

static struct ee_provider_env env = {.base_dir = "/srv/db",
                                     .interrupted = is_interrupted,
                                     .interrupted_arg = &interrupts,
                                     .timeout_ms = 1234,
                                     .may_prompt = true};

static struct ee_provider *open_it(void)
{
    struct ee_provider *p = NULL;
    struct ee_cmk_uri uri;

    memset(&seen, 0, sizeof seen);
    seen.wrapped_bytes = 10;
    ok(ee_cmk_uri_parse(&uri, "remembers:%41", &err) == EE_OK &&
           ee_provider_open(&p, &providers, &uri, &env, &err) == EE_OK,
       "opens: %s", err.msg);
    return p;
}

static void what_a_call_is_given(void)
{
    static const uint8_t zero[sizeof seen.random];
    const int64_t before = ee_monotonic_ms();
    struct ee_provider *p = open_it();
    uint8_t random[sizeof seen.random];

    ok(strcmp(seen.uri, "remembers:%41") == 0, "the URI, as it is written");
    ok(seen.call.size == sizeof seen.call &&
           seen.call.flags == ENVELOPE_MAY_PROMPT &&
           strcmp(seen.call.base_dir, "/srv/db") == 0 &&
           seen.call.transport == NULL,
       "its size, its flags, where paths start");
    ok(seen.call.deadline_ms >= before + 1234 &&
           seen.call.deadline_ms <= ee_monotonic_ms() + 1234,
       "a deadline of its own");
    ok(seen.now >= before && seen.now <= ee_monotonic_ms(), "a clock");
    ok(seen.seconds <= time(NULL) && seen.seconds > time(NULL) - 60,
       "the time of day");
    memcpy(random, seen.random, sizeof random);
    ok(!ee_equal(random, zero, sizeof random), "random bytes");
    ok(!seen.interrupted, "not interrupted");

    interrupts = true;
    env.may_prompt = false;
    env.timeout_ms = 0;
    (void)ee_provider_unwrap(p, (uint8_t[EE_PAYLOAD_BYTES]){0},
                             ee_bytes("w", 1), ee_bytes("c", 1), &err);
    ok(seen.interrupted && seen.call.flags == 0, "interrupted; nobody to ask");
    ok(seen.call.deadline_ms >= before + EE_PROVIDER_TIMEOUT_MS,
       "the default of time");
    ok(!ee_equal(random, seen.random, sizeof random), "other random bytes");
    interrupts = false;
    ee_provider_close(p);
    ok(seen.cmk.closed == 1, "closed");
}

static void results(void)
{
    static const struct {
        int result;
        int status;
        const char *says;
    } table[] = {
        {ENVELOPE_OK, EE_OK, ""},
        {ENVELOPE_NOT_MINE, EE_KEY_UNKNOWN, "own words"},
        {ENVELOPE_CORRUPT, EE_AUTH, "CMK remembers:%41"},
        {ENVELOPE_DENIED, EE_DENIED, "own words"},
        {ENVELOPE_UNAVAILABLE, EE_UNAVAILABLE, "own words"},
        {ENVELOPE_KEY_STATE, EE_KEY_STATE, "own words"},
        {ENVELOPE_CONFIGURATION, EE_CONFIG, "own words"},
        {ENVELOPE_INTERRUPTED, EE_INTERRUPTED, "own words"},
        {ENVELOPE_NOMEM, EE_NOMEM, "own words"},
        {ENVELOPE_NOMEM + 1, EE_INTERNAL, "means nothing"},
        {-7, EE_INTERNAL, "means nothing"},
    };
    struct ee_provider *p = open_it();
    uint8_t payload[EE_PAYLOAD_BYTES];

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int rc = EE_OK;

        err.msg[0] = '\0';
        seen.result = table[i].result;
        (void)snprintf(seen.message, sizeof seen.message, "own words");
        rc = ee_provider_unwrap(p, payload, ee_bytes("w", 1), ee_bytes("c", 1),
                                &err);
        ok(rc == table[i].status && strstr(err.msg, table[i].says) != NULL &&
               ee_is_zero(payload, sizeof payload) == (rc != EE_OK),
           "result %d: %s", table[i].result, err.msg);
        seen.message[0] = '\0';
        rc = ee_provider_unwrap(p, payload, ee_bytes("w", 1), ee_bytes("c", 1),
                                &err);
        ok(rc == table[i].status && (rc == EE_OK || strlen(err.msg) > 8),
           "and without words: %s", err.msg);
    }
    seen.result = ENVELOPE_DENIED;
    memset(seen.message, 'x', sizeof seen.message);
    (void)ee_provider_unwrap(p, payload, ee_bytes("w", 1), ee_bytes("c", 1),
                             &err);
    ok(strlen(err.msg) == ENVELOPE_MESSAGE_MAX - 1, "words without an end");
    ee_provider_close(p);
}

static void lengths_of_wraps(void)
{
    static const struct {
        size_t n;
        int status;
    } table[] = {{0, EE_INTERNAL},
                 {1, EE_OK},
                 {EE_CMK_WRAPPED_MAX, EE_OK},
                 {EE_CMK_WRAPPED_MAX + 1, EE_INTERNAL},
                 {SIZE_MAX, EE_INTERNAL}};
    uint8_t *wrapped = ee_secret_pages_new(EE_CMK_WRAPPED_MAX);
    uint8_t payload[EE_PAYLOAD_BYTES] = "a payload";
    struct ee_provider *p = open_it();

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        size_t n = 99;
        int rc = EE_OK;

        seen.wrapped_bytes = table[i].n;
        rc = ee_provider_wrap(p, wrapped, &n, payload, ee_bytes("c", 1), &err);
        ok(rc == table[i].status && n == (rc == EE_OK ? table[i].n : 0) &&
               ee_is_zero(wrapped, EE_CMK_WRAPPED_MAX) == (rc != EE_OK),
           "a wrap of %zu bytes", table[i].n);
    }
    ee_provider_close(p);
    ee_secret_pages_free(wrapped, EE_CMK_WRAPPED_MAX);
}

static void what_it_does_not_offer(void)
{
    struct ee_provider *p = open_it();
    int state = ENVELOPE_CMK_DESTROYED;
    char text[100] = "x";
    uint32_t version = 9;
    struct ee_cmk_uri uri;

    ok(!ee_provider_can_rewrap(p) &&
           ee_provider_rewrap(p, NULL, 0, &err) == EE_CONFIG,
       "rewrap: %s", err.msg);
    ok(ee_provider_rotate(p, &version, &err) == EE_CONFIG && version == 0,
       "rotate: %s", err.msg);
    ok(ee_provider_destroy(p, 1, &err) == EE_CONFIG, "destroy: %s", err.msg);
    ok(ee_provider_state(p, &state, &err) == EE_OK &&
           state == ENVELOPE_CMK_UNKNOWN,
       "state: unknown");
    ok(ee_provider_describe(p, text, sizeof text, &err) == EE_OK &&
           text[0] == '\0',
       "describe: nothing");
    ok(ee_provider_can_unwrap(p) &&
           ee_provider_version_of(p, ee_bytes("w", 1)) == 0,
       "it can unwrap, and has no versions");
    ok(ee_cmk_uri_parse(&uri, "remembers:x", &err) == EE_OK &&
           ee_provider_create(&providers, &uri, &env, &err) == EE_CONFIG,
       "create: %s", err.msg);
    ee_provider_close(p);
}

static void schemes(void)
{
    static const char *const table[][2] = {
        {"vault://h/m/keys/k", "vault://h/m/keys/k"},
        {"hcvault://h/m/keys/k", "vault://h/m/keys/k"},
        {"hashivault://k#f", "vault://k#f"},
        {"awskms:///arn:aws:kms:x", "aws-kms:///arn:aws:kms:x"},
        {"pkcs11:token=a%20b", "pkcs11:token=a%20b"},
        {"remembers:x", "remembers:x"},
    };
    char out[EE_CMK_URI_MAX];
    char text[EE_CMK_URI_MAX];
    struct ee_cmk_uri uri;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        ok(ee_cmk_uri_parse(&uri, table[i][0], &err) == EE_OK &&
               ee_scheme_text(out, &uri, &err) == EE_OK &&
               strcmp(out, table[i][1]) == 0,
           "%s means %s", table[i][0], table[i][1]);
    }
    memset(text, 'x', sizeof text);
    memcpy(text, "awskms:", 7);
    text[sizeof text - 1] = '\0';
    ok(ee_cmk_uri_parse(&uri, text, &err) == EE_OK &&
           ee_scheme_text(out, &uri, &err) == EE_CONFIG,
       "one that gets too long: %s", err.msg);
}

static void modules(void)
{
    const struct envelope_provider *const *list = NULL;

    ok(!ee_module_is_there("kms") &&
           ee_module_load(&list, "kms", "vault", &err) == EE_CONFIG &&
           list == NULL,
       "no place to look in, before it is known: %s", err.msg);
    ee_module_locate();
    ok(ee_module_load(&list, "none", "vault", &err) == EE_CONFIG &&
           strstr(err.msg, "envelope_none.so") != NULL &&
           strstr(err.msg, "make modules") != NULL,
       "a module that is not there: %s", err.msg);
}

int main(void)
{
    ee_providers_init(&providers);
    ok(providers.api.add(&providers.api, &provider) == ENVELOPE_OK &&
           providers.api.add(&providers.api, &provider) == ENVELOPE_OK,
       "registered, and once more");
    what_a_call_is_given();
    results();
    lengths_of_wraps();
    what_it_does_not_offer();
    schemes();
    modules();
    ee_providers_clear(&providers);
    return done();
}
