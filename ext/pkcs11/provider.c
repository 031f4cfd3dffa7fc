/* SPDX-License-Identifier: MIT
 *
 * provider.c: the table of functions, and the border between our errors and
 * the provider interface's.
 *
 * canonical is not there: a URI is stored as it is normalized. What names the
 * key for ever is its CKA_ID, which each wrap holds. rotate is not there:
 * PKCS11.md section 6 says why.
 */
#include "pkcs11/provider.h"

#include "base/secret.h"
#include "pkcs11/create.h"
#include "pkcs11/wrap.h"

#include <p11-kit/p11-kit.h>
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct envelope_cmk) <= EE_CELL_BYTES, "fits in a cell");

/* ---- the border ---- */

static int result_of(int rc)
{
    switch (rc) {
    case EE_OK:
        return ENVELOPE_OK;
    case EE_KEY_UNKNOWN:
        return ENVELOPE_NOT_MINE;
    case EE_AUTH:
        return ENVELOPE_CORRUPT;
    case EE_DENIED:
        return ENVELOPE_DENIED;
    case EE_KEY_STATE:
        return ENVELOPE_KEY_STATE;
    case EE_CONFIG:
    case EE_MISUSE:
        return ENVELOPE_CONFIGURATION;
    case EE_INTERRUPTED:
        return ENVELOPE_INTERRUPTED;
    case EE_NOMEM:
        return ENVELOPE_NOMEM;
    default:
        return ENVELOPE_UNAVAILABLE;
    }
}

static int result(struct envelope_call *call, int rc,
                  const struct ee_error *err)
{
    if (rc != EE_OK) {
        (void)snprintf(call->message, sizeof call->message, "%.*s",
                       (int)sizeof call->message - 1, err->msg);
    }
    return result_of(rc);
}

/* ---- operations ---- */

struct job {
    const uint8_t *payload;
    uint8_t *opened;
    struct ee_bytes wrapped;
    uint8_t *out;
    size_t *out_n;
    size_t out_size;
    struct ee_bytes context;
    int *state;
};

typedef int operation(struct ee_p11_work *w, const struct job *job,
                      struct ee_error *err);

/* A lost session, or a key that was made anew, is worth one more try. */
static int run(envelope_cmk *cmk, struct envelope_call *call, operation *op,
               const struct job *job)
{
    struct ee_error err = {.code = EE_OK};
    struct ee_p11_work w;
    int rc = EE_OK;

    if (!cmk->live) {
        rc = ee_fail(&err, EE_UNAVAILABLE,
                     "the session with the PKCS#11 token is that of the "
                     "process that forked this one: open it anew");
        return result(call, rc, &err);
    }
    for (int i = 0; i < 2; i++) {
        rc = ee_p11_work_begin(&w, cmk, call, &err);
        if (rc == EE_OK) {
            rc = op(&w, job, &err);
        }
        ee_p11_work_end(&w);
        if (rc == EE_OK || !w.lost) {
            break;
        }
    }
    if (rc == EE_KEY_STATE) {
        ee_p11_disconnect(cmk); /* look again, next time */
    }
    return result(call, rc, &err);
}

static int do_wrap(struct ee_p11_work *w, const struct job *job,
                   struct ee_error *err)
{
    return ee_p11_wrap(w, job->out, job->out_n, job->payload, job->context,
                       err);
}

static int do_unwrap(struct ee_p11_work *w, const struct job *job,
                     struct ee_error *err)
{
    return ee_p11_unwrap(w, job->opened, job->wrapped, job->context, err);
}

/* A token keeps no states. What says that a key is not to be used is that it
 * may not decrypt, or is not there. */
static int do_state(struct ee_p11_work *w, const struct job *job,
                    struct ee_error *err)
{
    const struct ee_p11_token token = {.f = w->f, .slot = w->cmk->slot};
    struct ee_p11_key key;
    P11KitUri *uri = NULL;
    int rc = ee_p11_uri_parse(&uri, w->cmk->uri, err);

    if (rc == EE_OK) {
        rc = ee_p11_key_find(&key, uri, &token, w->session, w->call, err);
    }
    p11_kit_uri_free(uri);
    if (rc == EE_KEY_UNKNOWN) {
        *job->state = ENVELOPE_CMK_DESTROYED;
        return EE_OK;
    }
    if (rc == EE_OK) {
        *job->state = ee_p11_key_is_disabled(&key) ? ENVELOPE_CMK_DISABLED
                                                   : ENVELOPE_CMK_ENABLED;
    }
    return rc;
}

static int do_describe(struct ee_p11_work *w, const struct job *job,
                       struct ee_error *err)
{
    const struct ee_p11_key *key = &w->cmk->key;
    const bool aes = key->type == CKK_AES;
    const int m = ee_p11_wrap_mechanism(w);
    CK_TOKEN_INFO token;
    CK_INFO info;

    if (w->f->C_GetInfo(&info) != CKR_OK ||
        w->f->C_GetTokenInfo(w->cmk->slot, &token) != CKR_OK) {
        return ee_fail(err, EE_UNAVAILABLE,
                       "the PKCS#11 module does not describe its token");
    }
    (void)snprintf((char *)job->out, job->out_size,
                   "PKCS#11 %.*s %u.%u, token %.*s, %s of %lu bits%s, %s",
                   (int)p11_kit_space_strlen(info.libraryDescription,
                                             sizeof info.libraryDescription),
                   (const char *)info.libraryDescription,
                   info.libraryVersion.major, info.libraryVersion.minor,
                   (int)p11_kit_space_strlen(token.label, sizeof token.label),
                   (const char *)token.label, aes ? "AES" : "RSA",
                   key->bytes * 8,
                   key->protected ? "" : " that is not protected",
                   m == 0 ? "no mechanism to wrap" : ee_p11_mechanism_name(m));
    return EE_OK;
}

/* ---- the provider ---- */

/* NOLINTBEGIN(readability-non-const-parameter): the types are the interface's
 */

static int p11_normalize(struct envelope_call *call, const char *uri, char *out)
{
    struct ee_error err = {.code = EE_OK};

    return result(call, ee_p11_uri_normalize(out, uri, &err), &err);
}

static void p11_close(envelope_cmk *cmk)
{
    if (cmk != NULL && cmk->live) {
        ee_p11_disconnect(cmk);
    }
    ee_cell_free(cmk);
}

static int p11_open(struct envelope_call *call, const char *uri,
                    envelope_cmk **out)
{
    envelope_cmk *cmk = ee_cell_new();
    struct ee_error err = {.code = EE_OK};
    int rc = EE_OK;

    *out = NULL;
    if (cmk == NULL) {
        rc = ee_fail(&err, EE_NOMEM, "out of memory for a session");
        return result(call, rc, &err);
    }
    cmk->live = true;
    rc = ee_p11_uri_normalize(cmk->uri, uri, &err);
    if (rc == EE_OK) {
        rc = ee_p11_connect(cmk, call, &err);
    }
    if (rc != EE_OK) {
        p11_close(cmk);
        return result(call, rc, &err);
    }
    *out = cmk;
    return ENVELOPE_OK;
}

static int p11_wrap(envelope_cmk *cmk, struct envelope_call *call,
                    const uint8_t *payload, const uint8_t *context,
                    size_t context_bytes, uint8_t *wrapped,
                    size_t *wrapped_bytes)
{
    const struct job job = {.payload = payload,
                            .context = ee_bytes(context, context_bytes),
                            .out = wrapped,
                            .out_n = wrapped_bytes};

    *wrapped_bytes = 0;
    return run(cmk, call, do_wrap, &job);
}

static int p11_unwrap(envelope_cmk *cmk, struct envelope_call *call,
                      const uint8_t *wrapped, size_t wrapped_bytes,
                      const uint8_t *context, size_t context_bytes,
                      uint8_t *payload)
{
    const struct job job = {.opened = payload,
                            .context = ee_bytes(context, context_bytes),
                            .wrapped = ee_bytes(wrapped, wrapped_bytes)};

    memset(payload, 0, ENVELOPE_PAYLOAD_BYTES);
    return run(cmk, call, do_unwrap, &job);
}

static int p11_create(struct envelope_call *call, const char *uri)
{
    struct ee_error err = {.code = EE_OK};

    return result(call, ee_p11_create(uri, call, &err), &err);
}

static int p11_state(envelope_cmk *cmk, struct envelope_call *call, int *state)
{
    const struct job job = {.state = state};

    *state = ENVELOPE_CMK_UNKNOWN;
    return run(cmk, call, do_state, &job);
}

static int p11_describe(envelope_cmk *cmk, struct envelope_call *call,
                        char *out, size_t out_bytes)
{
    const struct job job = {.out = (uint8_t *)out, .out_size = out_bytes};

    return run(cmk, call, do_describe, &job);
}

/* NOLINTEND(readability-non-const-parameter) */

const struct envelope_provider ee_pkcs11_provider = {
    .abi = ENVELOPE_PROVIDER_ABI,
    .flags = ENVELOPE_KEEP_OPEN,
    .size = sizeof(struct envelope_provider),
    .scheme = "pkcs11",
    .normalize = p11_normalize,
    .open = p11_open,
    .wrap = p11_wrap,
    .unwrap = p11_unwrap,
    .create = p11_create,
    .state = p11_state,
    .describe = p11_describe,
    .close = p11_close,
};

__attribute__((visibility("default"))) const struct envelope_provider *const *
envelope_module_providers(void)
{
    static const struct envelope_provider *const all[] = {&ee_pkcs11_provider,
                                                          NULL};

    return all;
}
