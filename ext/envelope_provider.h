/* SPDX-License-Identifier: MIT
 *
 * envelope_provider.h: the public interface of key providers, version 1.
 *
 * A provider keeps customer master keys (CMKs) and wraps 64 bytes under one of
 * them: a key-encryption key and the secret of its name. This header is all
 * that a provider in another loadable file needs; it includes nothing of ours.
 * The contract in prose, and how to add a provider, is in
 * provider/PROVIDERS.md; a worked example is
 * tests/providers/example_provider.c.
 *
 * There are two ways in. A loadable extension of somebody else's asks for the
 * registry of its connection, as an FTS5 tokenizer asks for fts5_api, and
 * registers (struct envelope_provider_registry below). A module that is shipped
 * beside envelope.so exports ENVELOPE_MODULE_ENTRY and is loaded when a URI
 * with one of its schemes is first used.
 *
 * What grows: members are only ever added, at the end of a structure that has a
 * member `size`: its size as its maker knew it, and a member behind that is not
 * there. struct envelope_item has none and never grows. ENVELOPE_PROVIDER_ABI
 * changes only when that is not enough.
 */
#ifndef ENVELOPE_PROVIDER_H
#define ENVELOPE_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ENVELOPE_PROVIDER_ABI 1

#define ENVELOPE_PAYLOAD_BYTES 64   /* what is wrapped, always */
#define ENVELOPE_WRAPPED_MAX   8192 /* bytes of a wrap */
#define ENVELOPE_CONTEXT_MAX   1024 /* bytes that a wrap is bound to */
#define ENVELOPE_URI_MAX       1024 /* with its NUL */
#define ENVELOPE_MESSAGE_MAX   400  /* with its NUL */

/* What came of a call. What the caller does next depends on it, so the choice
 * matters more than the message. */
enum envelope_result {
    ENVELOPE_OK = 0,
    ENVELOPE_NOT_MINE,      /* no such CMK, or the wrap is not under it:
                               another CMK of the key may open it */
    ENVELOPE_CORRUPT,       /* the wrap, or its context, is not authentic */
    ENVELOPE_DENIED,        /* a credential is missing, wrong or may not */
    ENVELOPE_UNAVAILABLE,   /* may work later: not reached, busy, too slow */
    ENVELOPE_KEY_STATE,     /* the CMK is disabled or destroyed */
    ENVELOPE_CONFIGURATION, /* a URI, setting or file must be changed */
    ENVELOPE_INTERRUPTED,   /* interrupted() said so */
    ENVELOPE_NOMEM
};

/* ---- HTTP, so that a provider can be tested without a network ---- */

enum envelope_http_flags {
    /* For both: no proxy, 1 s to connect, and http:// is allowed to
     * 127.0.0.0/8, ::1, localhost and ... */
    ENVELOPE_HTTP_CONTAINER = 1, /* 169.254.170.2, .170.23, fd00:ec2::23 */
    ENVELOPE_HTTP_INSTANCE = 2   /* 169.254.169.254, fd00:ec2::254 */
};

struct envelope_http_request {
    size_t size;
    const char *method;         /* "POST" */
    const char *url;            /* https://..., no user, no fragment */
    const char *const *headers; /* "Name: value", ends with NULL */
    const void *body;           /* may hold secrets; borrowed */
    size_t body_bytes;
    uint32_t flags;         /* enum envelope_http_flags */
    const char *aws_sigv4;  /* "aws:amz:eu-west-1:kms": signed so; or NULL */
    const char *aws_key_id; /* with what it is signed */
    const char *aws_secret;
};

struct envelope_http_reply {
    size_t size;
    int status;             /* 200 */
    int64_t retry_after_ms; /* -1: the server said none */
    char error_type[96];    /* the header x-amzn-ErrorType, else "" */
    int64_t date;           /* the server's, s since 1970; 0: none */
    char *body;             /* ends with a NUL that is not counted; may hold
                               secrets: release() wipes it */
    size_t body_bytes;
    int connected; /* 0: exchange() failed, and nobody took the connection */
};

struct envelope_call;

/* One exchange of request and reply. It never follows a redirect, never goes
 * on without a verified certificate, never reads more than the reply may have,
 * and ends at call->deadline_ms or when interrupted. It does not try again. */
struct envelope_transport {
    size_t size;
    void *arg;
    /* ENVELOPE_OK: *reply has what came, whatever its status. Then call
     * release(). */
    int (*exchange)(void *arg, struct envelope_call *call,
                    const struct envelope_http_request *request,
                    struct envelope_http_reply *reply);
    void (*release)(void *arg, struct envelope_http_reply *reply);
};

/* ---- what a provider is given with each call ---- */

enum envelope_call_flags {
    ENVELOPE_MAY_PROMPT = 1 /* a person at a terminal may be asked */
};

/* Lives as long as the call. All that it points to is borrowed. */
struct envelope_call {
    size_t size;
    uint32_t flags;
    const char *base_dir; /* relative paths start here; NULL: the process's */

    /* Of now_ms(): the call has ended by then. A provider that has a person
     * type moves it on by the time that took. */
    int64_t deadline_ms;
    void *arg; /* for the functions here */
    /* Has the user interrupted? Whoever waits asks every 50 ms. */
    int (*interrupted)(void *arg);
    int64_t (*now_ms)(void *arg);       /* only goes forward */
    int64_t (*unix_seconds)(void *arg); /* what the clock on the wall says */
    int (*random)(void *arg, void *out, size_t n); /* 0, or != 0: failed */

    /* NULL: use your own. A test puts its own in its place. */
    const struct envelope_transport *transport;

    /* When the call fails: one line that says what is wrong and what to do.
     * No secret, and nothing that a server answered. May stay empty. */
    char message[ENVELOPE_MESSAGE_MAX];
};

/* ---- the provider ---- */

/* One wrap of many. Passed in an array, so it never grows. */
struct envelope_item {
    const uint8_t *context; /* authenticated */
    size_t context_bytes;
    const uint8_t *old; /* the wrap to replace */
    size_t old_bytes;
    uint8_t *wrapped; /* room for ENVELOPE_WRAPPED_MAX */
    size_t wrapped_bytes;
};

enum envelope_cmk_state {
    ENVELOPE_CMK_UNKNOWN = 0,
    ENVELOPE_CMK_ENABLED,
    ENVELOPE_CMK_DISABLED,
    ENVELOPE_CMK_DESTROYED /* or will be at a date that is set */
};

enum envelope_provider_flags {
    /* An open CMK holds no key material and may stay open as long as the
     * connection: a session, a token, a TLS connection live in it. Without
     * this it is closed after each piece of work. */
    ENVELOPE_KEEP_OPEN = 1
};

/* An open CMK; the provider's own. It is used by one thread at a time. */
typedef struct envelope_cmk envelope_cmk;

/* Each function returns an enum envelope_result; those marked optional may be
 * NULL. The structure must outlive the connection it is registered with. */
struct envelope_provider {
    uint32_t abi; /* ENVELOPE_PROVIDER_ABI */
    uint32_t flags;
    size_t size;
    const char *scheme; /* "example": small letters, digits, +.- */

    /* Optional. Writes the one spelling of a URI (ENVELOPE_URI_MAX bytes), or
     * refuses it. Contacts nothing and opens no file: it is called with what
     * an attacker may have written, to compare it with what is allowed. Two
     * URIs mean the same CMK when this gives the same text. Without it a URI
     * is compared as it is written. No URI that comes here has a '?', a control
     * character, or another program's scheme. */
    int (*normalize)(struct envelope_call *call, const char *uri, char *out);

    /* Everything slow or interactive may happen here, or later. Never makes a
     * CMK. uri is normalized. On failure *out is NULL and nothing is left. */
    int (*open)(struct envelope_call *call, const char *uri,
                envelope_cmk **out);

    /* Optional. Writes the URI that is stored with a wrap (ENVELOPE_URI_MAX
     * bytes), and names this very CMK for ever: an alias resolved. Its own
     * result gives itself. */
    int (*canonical)(envelope_cmk *cmk, struct envelope_call *call, char *out);

    /* Wraps ENVELOPE_PAYLOAD_BYTES under the CMK's current version. context is
     * authenticated. wrapped has room for ENVELOPE_WRAPPED_MAX bytes. */
    int (*wrap)(envelope_cmk *cmk, struct envelope_call *call,
                const uint8_t *payload, const uint8_t *context,
                size_t context_bytes, uint8_t *wrapped, size_t *wrapped_bytes);

    /* The reverse, all or nothing: exactly ENVELOPE_PAYLOAD_BYTES, in memory
     * that the caller protects. The wrap may be an attacker's: it may not
     * choose who is contacted, or which file is opened. */
    int (*unwrap)(envelope_cmk *cmk, struct envelope_call *call,
                  const uint8_t *wrapped, size_t wrapped_bytes,
                  const uint8_t *context, size_t context_bytes,
                  uint8_t *payload);

    /* Optional. Brings wraps of this CMK under its current version without
     * their payload leaving the provider: in as few requests as it can. All or
     * nothing. The caller unwraps what comes before it replaces anything. */
    int (*rewrap)(envelope_cmk *cmk, struct envelope_call *call,
                  struct envelope_item *items, size_t count);

    /* Optional. Makes the CMK that the URI names; it must not exist. */
    int (*create)(struct envelope_call *call, const char *uri);

    /* Optional. Makes a new current version; older ones still unwrap. *version
     * is its number, 0 where they have none. */
    int (*rotate)(envelope_cmk *cmk, struct envelope_call *call,
                  uint32_t *version);

    /* Optional. What the provider says of the CMK now: an enum
     * envelope_cmk_state. */
    int (*state)(envelope_cmk *cmk, struct envelope_call *call, int *state);

    /* Optional. One line for a person: the library, the token, the server and
     * the algorithm. No secret. */
    int (*describe)(envelope_cmk *cmk, struct envelope_call *call, char *out,
                    size_t out_bytes);

    /* NULL-safe; wipes. In a child of the process that opened it, it frees
     * memory and talks to nobody: the session is still the parent's. */
    void (*close)(envelope_cmk *cmk);
};

/* ---- registering from a loadable extension ---- */

/* Ask for it with a pointer, after envelope was loaded in the connection:
 *
 *     struct envelope_provider_registry *registry = NULL;
 *
 *     sqlite3_prepare_v2(db, "SELECT envelope_provider_registry(?1)", ...);
 *     sqlite3_bind_pointer(stmt, 1, &registry, ENVELOPE_REGISTRY_POINTER, 0);
 *     sqlite3_step(stmt);
 *     sqlite3_finalize(stmt);
 *     if (registry != NULL) registry->add(registry, &my_provider);
 *
 * It stays valid as long as the connection. SQL cannot make such a pointer. */
#define ENVELOPE_REGISTRY_POINTER "envelope_provider_registry"

struct envelope_provider_registry {
    uint32_t abi;
    size_t size;
    /* ENVELOPE_OK; ENVELOPE_CONFIGURATION: the scheme is taken, or the
     * structure is not one of this ABI. To add the same structure twice is no
     * error. */
    int (*add)(struct envelope_provider_registry *registry,
               const struct envelope_provider *provider);
};

/* ---- modules beside envelope.so ---- */

/* const struct envelope_provider *const *envelope_module_providers(void);
 * The list ends with NULL. */
#define ENVELOPE_MODULE_ENTRY "envelope_module_providers"

#ifdef __cplusplus
}
#endif

#endif
