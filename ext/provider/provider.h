/* SPDX-License-Identifier: MIT
 *
 * provider.h: what a key provider does, as the key layer sees it.
 *
 * A provider keeps customer master keys (CMKs) and wraps a 64-byte payload
 * (KEK and name secret) under one of them. It is opened for one piece of work
 * and closed again, so its secrets live no longer than that. PROVIDERS.md is
 * the contract in prose. Providers from other files are met through
 * envelope_provider.h; foreign.h makes of them what is described here.
 */
#ifndef EE_PROVIDER_PROVIDER_H
#define EE_PROVIDER_PROVIDER_H

#include "base/bytes.h"
#include "base/status.h"
#include "envelope_provider.h"
#include "provider/cmk_uri.h"

/* KEK, then name secret S: FORMAT section 8 */
#define EE_PAYLOAD_BYTES   ENVELOPE_PAYLOAD_BYTES
#define EE_CMK_WRAPPED_MAX ENVELOPE_WRAPPED_MAX

#define EE_PROVIDER_TIMEOUT_MS 5000

/* What a provider may know of the session that calls it. Borrowed. */
struct ee_provider_env {
    const char *base_dir; /* a relative path in a URI starts here; NULL: cwd */
    bool may_create;      /* this session asked for a new key: a missing
                             keyring or CMK may be made */
    bool file_in_use;     /* but no missing keyring: keys need the one that
                             was there */
    /* Has the caller been interrupted? Ask at least every 50 ms of waiting. */
    bool (*interrupted)(void *arg); /* NULL: never */
    void *interrupted_arg;
    int64_t timeout_ms; /* that one operation may wait; 0: the default */
    bool may_prompt;    /* a terminal may be asked for a passphrase */
};

struct ee_provider;

struct ee_provider_class {
    const char *scheme; /* "keyring" */

    /* What a URI without a fragment means. NULL: the fragment is a check of
     * what the path leads to, and a URI without one leaves that open. */
    const char *default_fragment;

    /* On success *out must be closed. On failure *out is NULL. */
    int (*open)(struct ee_provider **out, const struct ee_cmk_uri *uri,
                const struct ee_provider_env *env, struct ee_error *err);

    /* Optional, else NULL: always. False when this session can wrap under the
     * CMK and not unwrap: it has a public key, or no right to decrypt. Costs
     * nothing and asks nobody. */
    bool (*can_unwrap)(const struct ee_provider *p);

    /* Optional, else NULL: the URI as given. Writes the URI to store with what
     * is wrapped (EE_CMK_URI_MAX bytes), which names this very CMK for ever: a
     * file's key pinned, an alias resolved. */
    int (*canonical)(const struct ee_provider *p, char *out,
                     const struct ee_cmk_uri *uri, struct ee_error *err);

    /* Wraps payload (EE_PAYLOAD_BYTES) under the CMK's current version.
     * context is authenticated. Writes at most EE_CMK_WRAPPED_MAX bytes. */
    int (*wrap)(struct ee_provider *p, uint8_t *wrapped, size_t *wrapped_len,
                const uint8_t *payload, struct ee_bytes context,
                struct ee_error *err);

    /* The reverse. payload is all zero on failure. */
    int (*unwrap)(struct ee_provider *p, uint8_t *payload,
                  struct ee_bytes wrapped, struct ee_bytes context,
                  struct ee_error *err);

    /* Optional, else NULL. Brings wraps under the CMK's current version without
     * their payload leaving the provider. All or nothing; nothing it gives is
     * trusted before it was unwrapped. */
    int (*rewrap)(struct ee_provider *p, struct envelope_item *items,
                  size_t count, struct ee_error *err);

    /* Optional, else NULL. Makes the CMK of the URI, which must not exist. */
    int (*create)(const struct ee_cmk_uri *uri,
                  const struct ee_provider_env *env, struct ee_error *err);

    /* Optional, else NULL. What the provider says of the CMK now. */
    int (*state)(struct ee_provider *p, int *state, struct ee_error *err);

    /* Optional, else NULL. One line about the CMK for a person. */
    int (*describe)(struct ee_provider *p, char *out, size_t size,
                    struct ee_error *err);

    /* Optional, else NULL. The version of the CMK that a wrap says it is
     * under; 0: it says none. Not verified. */
    uint32_t (*version_of)(struct ee_bytes wrapped);

    /* Optional, else NULL. Makes a new current version of the CMK; older
     * versions still unwrap. *version is the new one. */
    int (*rotate)(struct ee_provider *p, uint32_t *version,
                  struct ee_error *err);

    /* Optional, else NULL. Destroys one version, not the current one. */
    int (*destroy)(struct ee_provider *p, uint32_t version,
                   struct ee_error *err);

    void (*close)(struct ee_provider *p); /* NULL-safe; wipes */
};

/* First member of every provider's own struct. */
struct ee_provider {
    const struct ee_provider_class *cls;
};

bool ee_provider_can_unwrap(const struct ee_provider *p);
int ee_provider_canonical(const struct ee_provider *p, char *out,
                          const struct ee_cmk_uri *uri,
                          struct ee_error *err) EE_CHECKED;
int ee_provider_wrap(struct ee_provider *p, uint8_t *wrapped,
                     size_t *wrapped_len, const uint8_t *payload,
                     struct ee_bytes context, struct ee_error *err) EE_CHECKED;
int ee_provider_unwrap(struct ee_provider *p, uint8_t *payload,
                       struct ee_bytes wrapped, struct ee_bytes context,
                       struct ee_error *err) EE_CHECKED;
/* 0 where the provider has no versions. */
uint32_t ee_provider_version_of(const struct ee_provider *p,
                                struct ee_bytes wrapped);
int ee_provider_rotate(struct ee_provider *p, uint32_t *version,
                       struct ee_error *err) EE_CHECKED;
int ee_provider_destroy(struct ee_provider *p, uint32_t version,
                        struct ee_error *err) EE_CHECKED;
/* EE_CONFIG where ee_provider_can_rewrap() says no. */
bool ee_provider_can_rewrap(const struct ee_provider *p);
int ee_provider_rewrap(struct ee_provider *p, struct envelope_item *items,
                       size_t count, struct ee_error *err) EE_CHECKED;
/* ENVELOPE_CMK_UNKNOWN, and "", where the provider does not say. */
int ee_provider_state(struct ee_provider *p, int *state,
                      struct ee_error *err) EE_CHECKED;
int ee_provider_describe(struct ee_provider *p, char *out, size_t size,
                         struct ee_error *err) EE_CHECKED;
void ee_provider_close(struct ee_provider *p);

#endif
