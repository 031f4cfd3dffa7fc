/* SPDX-License-Identifier: MIT
 *
 * odd_provider.c: the example provider with everything that a provider may
 * have, and every mistake that one can make.
 *
 * The mistake is named by the environment variable ODD, so that a test can
 * change it from call to call. Calls are logged to the file $ODD_LOG. A URI
 * may have slashes before its name, and `alias-` for a name that leads to
 * another one. The same file can be a module of the core: then its scheme is
 * `vault`.
 */
#include "example_provider.c"

#include <time.h>

#define SECRET "odd-secret-5c1e"

static const char *scheme = SCHEME;

static int odd(const char *mistake)
{
    const char *now = getenv("ODD");

    return now != NULL && strcmp(now, mistake) == 0;
}

static void told(const char *call)
{
    const char *path = getenv("ODD_LOG");
    FILE *log = path != NULL ? fopen(path, "a") : NULL;

    if (log != NULL) {
        (void)fprintf(log, "%s\n", call);
        (void)fclose(log);
    }
}

/* Waits as a good provider does: asks every 20 ms whether to go on. */
static int stall(struct envelope_call *call)
{
    const struct timespec moment = {.tv_nsec = 20000000};

    while (call->now_ms(call->arg) < call->deadline_ms) {
        if (call->interrupted(call->arg)) {
            return ENVELOPE_INTERRUPTED;
        }
        (void)nanosleep(&moment, NULL);
    }
    return fail(call, ENVELOPE_UNAVAILABLE, "no answer: is it there?");
}

/* What every call that reaches the provider begins with. */
static int reach(struct envelope_call *call, const char *what)
{
    told(what);
    if (odd("cut")) {
        return fail(call, ENVELOPE_UNAVAILABLE, "not reached: is it there?");
    }
    if (odd("denied")) {
        return fail(call, ENVELOPE_DENIED, "it may not: give it the right to");
    }
    if (odd("disabled")) {
        return fail(call, ENVELOPE_KEY_STATE, "it is disabled: enable it");
    }
    if (odd("silent")) {
        return ENVELOPE_DENIED;
    }
    if (odd("garbage")) { /* no NUL, and nothing that may be shown */
        memset(call->message, '\x1b', sizeof call->message);
        memcpy(call->message, "a\nb\xff\xc2\x9b[2J\xe2\x80\xae", 12);
        return ENVELOPE_DENIED;
    }
    if (odd("result")) {
        return 99;
    }
    if (odd("negative")) {
        return -1;
    }
    return odd("stall") ? stall(call) : ENVELOPE_OK;
}

static int odd_normalize(struct envelope_call *call, const char *uri, char *out)
{
    const char *name = strchr(uri, ':') + 1;

    name += strspn(name, "/");
    if (odd("normalize")) {
        return fail(call, ENVELOPE_CONFIGURATION, "no such URI");
    }
    if (odd("normalize-no-nul")) {
        memset(out, 'a', ENVELOPE_URI_MAX);
        return ENVELOPE_OK;
    }
    (void)snprintf(out, ENVELOPE_URI_MAX, "%s:%s",
                   odd("normalize-scheme") ? "keyring" : scheme, name);
    return ENVELOPE_OK;
}

/* As the example provider knows it. */
static void resolve(const char *uri, char *out)
{
    const char *name = strchr(uri, ':') + 1;
    const size_t alias = strlen("alias-");

    name += strncmp(name, "alias-", alias) == 0 ? alias : 0;
    (void)snprintf(out, ENVELOPE_URI_MAX, SCHEME ":%s", name);
}

static int odd_open(struct envelope_call *call, const char *uri,
                    envelope_cmk **out)
{
    char name[ENVELOPE_URI_MAX];
    int result = reach(call, "open");

    *out = NULL;
    resolve(uri, name);
    return result == ENVELOPE_OK && !odd("open-nothing")
               ? example_open(call, name, out)
               : result;
}

static int odd_canonical(envelope_cmk *cmk, struct envelope_call *call,
                         char *out)
{
    static int times;

    (void)call;
    if (odd("canonical-scheme")) {
        (void)snprintf(out, ENVELOPE_URI_MAX, "keyring:app.keyring");
    } else if (odd("canonical-no-nul")) {
        memset(out, 'a', ENVELOPE_URI_MAX);
    } else if (odd("canonical-options")) {
        (void)snprintf(out, ENVELOPE_URI_MAX, SCHEME ":one?pin-value=1");
    } else if (odd("canonical-newline")) {
        (void)snprintf(out, ENVELOPE_URI_MAX, SCHEME ":one\n");
    } else if (odd("canonical-not-normal")) {
        (void)snprintf(out, ENVELOPE_URI_MAX, SCHEME ":/one");
    } else if (odd("canonical-changes")) {
        (void)snprintf(out, ENVELOPE_URI_MAX, SCHEME ":one%d", times++);
    } else {
        (void)snprintf(out, ENVELOPE_URI_MAX, "%s:%s", scheme,
                       strrchr(cmk->path, '/') + 1);
    }
    return ENVELOPE_OK;
}

static int odd_wrap(envelope_cmk *cmk, struct envelope_call *call,
                    const uint8_t *payload, const uint8_t *context,
                    size_t context_bytes, uint8_t *wrapped,
                    size_t *wrapped_bytes)
{
    int result = reach(call, "wrap");

    if (result != ENVELOPE_OK || odd("wrap-nothing")) {
        return result;
    }
    result = example_wrap(cmk, call, payload, context, context_bytes, wrapped,
                          wrapped_bytes);
    if (odd("wrap-empty")) {
        *wrapped_bytes = 0;
    } else if (odd("wrap-long")) {
        *wrapped_bytes = ENVELOPE_WRAPPED_MAX + 1;
    } else if (odd("wrap-zeros")) {
        memset(wrapped, 0, *wrapped_bytes);
    } else if (odd("wrap-clear")) {
        memcpy(wrapped + 5, payload, ENVELOPE_PAYLOAD_BYTES);
    } else if (odd("wrap-wrong")) {
        wrapped[20] ^= 1;
    } else if (odd("wrap-fails-late")) {
        memcpy(wrapped, payload, ENVELOPE_PAYLOAD_BYTES);
        return fail(call, ENVELOPE_UNAVAILABLE, "failed late: try again");
    }
    return result;
}

static int odd_unwrap(envelope_cmk *cmk, struct envelope_call *call,
                      const uint8_t *wrapped, size_t wrapped_bytes,
                      const uint8_t *context, size_t context_bytes,
                      uint8_t *payload)
{
    int result = reach(call, "unwrap");

    if (result != ENVELOPE_OK || odd("unwrap-nothing")) {
        return result;
    }
    result = example_unwrap(cmk, call, wrapped, wrapped_bytes, context,
                            context_bytes, payload);
    if (odd("unwrap-wrong")) {
        payload[3] ^= 1;
    } else if (odd("corrupt")) { /* a reason that would help an attacker */
        return fail(call, ENVELOPE_CORRUPT, SECRET ": bad padding");
    } else if (odd("unwrap-fails-late")) {
        return fail(call, ENVELOPE_UNAVAILABLE, "failed late: try again");
    }
    return result;
}

static int odd_rewrap(envelope_cmk *cmk, struct envelope_call *call,
                      struct envelope_item *items, size_t count)
{
    uint8_t payload[ENVELOPE_PAYLOAD_BYTES]; /* secret: wiped below */
    int result = reach(call, "rewrap");

    if (odd("rewrap-denied")) {
        result = ENVELOPE_DENIED;
    }
    for (size_t i = 0; result == ENVELOPE_OK && i < count; i++) {
        struct envelope_item *item = &items[i];

        result = example_unwrap(cmk, call, item->old, item->old_bytes,
                                item->context, item->context_bytes, payload);
        if (result == ENVELOPE_OK && !(odd("rewrap-some") && i > 0)) {
            payload[0] ^= odd("rewrap-wrong") ? 1 : 0;
            result = example_wrap(cmk, call, payload, item->context,
                                  item->context_bytes, item->wrapped,
                                  &item->wrapped_bytes);
        }
    }
    OPENSSL_cleanse(payload, sizeof payload);
    return result;
}

static int odd_state(envelope_cmk *cmk, struct envelope_call *call, int *state)
{
    (void)cmk;
    (void)call;
    *state = odd("state")            ? 77
             : odd("state-negative") ? -1
                                     : ENVELOPE_CMK_ENABLED;
    return ENVELOPE_OK;
}

static int odd_describe(envelope_cmk *cmk, struct envelope_call *call,
                        char *out, size_t out_bytes)
{
    if (odd("describe")) {
        memset(out, '\n', out_bytes);
        return ENVELOPE_OK;
    }
    return example_describe(cmk, call, out, out_bytes);
}

static void odd_close(envelope_cmk *cmk)
{
    told("close");
    example_close(cmk);
}

static const struct envelope_provider odd_provider = {
    .abi = ENVELOPE_PROVIDER_ABI,
    .flags = ENVELOPE_KEEP_OPEN,
    .size = sizeof(struct envelope_provider),
    .scheme = SCHEME,
    .normalize = odd_normalize,
    .open = odd_open,
    .canonical = odd_canonical,
    .wrap = odd_wrap,
    .unwrap = odd_unwrap,
    .rewrap = odd_rewrap,
    .create = example_create,
    .rotate = example_rotate,
    .state = odd_state,
    .describe = odd_describe,
    .close = odd_close,
};

/* ---- what is registered ---- */

/* A later version of the structure, with a member that this one lacks. */
struct later_provider {
    struct envelope_provider known;
    void (*unknown)(void);
};

/* They outlive the connection, one for each mistake. */
static const struct envelope_provider *provider(void)
{
    static struct later_provider p;
    const char *other = getenv("ODD_SCHEME");

    if (getenv("ODD") == NULL && other == NULL) {
        return &odd_provider;
    }
    p.known = odd_provider;
    p.known.scheme = other != NULL ? other : SCHEME;
    p.known.abi = odd("abi-old") ? 0 : odd("abi-new") ? 2 : p.known.abi;
    p.known.size = odd("size-small")   ? sizeof p.known - sizeof(void *)
                   : odd("size-large") ? sizeof p
                                       : sizeof p.known;
    p.known.open = odd("no-open") ? NULL : p.known.open;
    p.known.wrap = odd("no-wrap") ? NULL : p.known.wrap;
    p.known.unwrap = odd("no-unwrap") ? NULL : p.known.unwrap;
    p.known.close = odd("no-close") ? NULL : p.known.close;
    return &p.known;
}

/* As a module: it may bring `vault`, and has no business with the other two. */
__attribute__((visibility("default"))) const struct envelope_provider *const *
envelope_module_providers(void);

const struct envelope_provider *const *envelope_module_providers(void)
{
    static struct envelope_provider vault;
    static struct envelope_provider keyring;
    static const struct envelope_provider *const list[] = {
        &keyring, &odd_provider, &vault, NULL};

    scheme = "vault";
    vault = odd_provider;
    vault.scheme = scheme;
    vault.abi = odd("module-old") ? 0 : vault.abi;
    keyring = odd_provider;
    keyring.scheme = "keyring";
    return odd("module-null") ? NULL : list;
}

__attribute__((visibility("default"))) int
sqlite3_oddprovider_init(sqlite3 *db, char **message,
                         const sqlite3_api_routines *api)
{
    struct envelope_provider_registry *registry = NULL;
    int result = 0;

    SQLITE_EXTENSION_INIT2(api);
    if (registry_of(db, &registry) != SQLITE_OK || registry == NULL) {
        *message = sqlite3_mprintf("no registry");
        return SQLITE_ERROR;
    }
    result = registry->add(registry, odd("null") ? NULL : provider());
    if (result != ENVELOPE_OK) {
        *message = sqlite3_mprintf("refused: %d", result);
        return SQLITE_ERROR;
    }
    return SQLITE_OK;
}
