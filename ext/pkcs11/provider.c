/* SPDX-License-Identifier: MIT
 *
 * provider.c: the table of functions, and the border between our errors and
 * the provider interface's.
 *
 * canonical is not there: a URI is stored as it is normalized. What names the
 * key for ever is its CKA_ID, which each wrap holds. rotate is not there:
 * PKCS11.md section 6 says why. What touches a module is done by the worker's
 * thread (worker.h); this is what goes there and comes back.
 */
#include "pkcs11/provider.h"

#include "pkcs11/operations.h"

#include <stdio.h>
#include <string.h>

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

/* ---- jobs ---- */

/* At most one byte more than is right: then it is refused. */
static size_t copy(uint8_t *out, size_t size, const uint8_t *from, size_t n)
{
    const size_t m = n < size ? n : size;

    if (m > 0) {
        memcpy(out, from, m);
    }
    return m;
}

static void copy_context(struct ee_p11_job *job, const uint8_t *context,
                         size_t n)
{
    job->context_n = copy(job->context, sizeof job->context, context, n);
}

static int begin(envelope_cmk *cmk, struct envelope_call *call)
{
    struct ee_error err = {.code = EE_OK};

    return result(call, ee_p11_worker_begin(&cmk->worker, call, &err), &err);
}

static int run(envelope_cmk *cmk, ee_p11_operation *op,
               struct envelope_call *call)
{
    struct ee_error err = {.code = EE_OK};

    return result(call, ee_p11_worker_run(&cmk->worker, op, call, &err), &err);
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
    ee_p11_worker_close((struct ee_p11_worker *)cmk, sizeof *cmk);
}

/* Begins with the CMK of a URI. On failure *out is NULL. */
static int begin_new(envelope_cmk **out, struct envelope_call *call,
                     const char *uri)
{
    envelope_cmk *cmk =
        (envelope_cmk *)ee_p11_worker_new(sizeof *cmk, ee_p11_do_close);
    struct ee_error err = {.code = EE_OK};
    int rc = ENVELOPE_NOMEM;

    *out = NULL;
    if (cmk == NULL) {
        (void)ee_fail(&err, EE_NOMEM, "out of memory for a session");
        return result(call, EE_NOMEM, &err);
    }
    rc = result(call, ee_p11_uri_normalize(cmk->cmk.uri, uri, &err), &err);
    if (rc == ENVELOPE_OK) {
        rc = begin(cmk, call);
    }
    if (rc != ENVELOPE_OK) {
        p11_close(cmk);
        return rc;
    }
    *out = cmk;
    return ENVELOPE_OK;
}

static int p11_open(struct envelope_call *call, const char *uri,
                    envelope_cmk **out)
{
    int rc = begin_new(out, call, uri);

    if (rc == ENVELOPE_OK) {
        rc = run(*out, ee_p11_do_open, call);
        ee_p11_worker_done(&(*out)->worker);
    }
    if (rc != ENVELOPE_OK) {
        p11_close(*out);
        *out = NULL;
    }
    return rc;
}

static int p11_create(struct envelope_call *call, const char *uri)
{
    envelope_cmk *cmk = NULL;
    int rc = begin_new(&cmk, call, uri);

    if (rc == ENVELOPE_OK) {
        rc = run(cmk, ee_p11_do_create, call);
        ee_p11_worker_done(&cmk->worker);
    }
    p11_close(cmk);
    return rc;
}

static int p11_wrap(envelope_cmk *cmk, struct envelope_call *call,
                    const uint8_t *payload, const uint8_t *context,
                    size_t context_bytes, uint8_t *wrapped,
                    size_t *wrapped_bytes)
{
    struct ee_p11_job *job = &cmk->worker.job;
    int rc = begin(cmk, call);

    *wrapped_bytes = 0;
    if (rc != ENVELOPE_OK) {
        return rc;
    }
    memcpy(job->payload, payload, sizeof job->payload);
    copy_context(job, context, context_bytes);
    rc = run(cmk, ee_p11_do_wrap, call);
    if (rc == ENVELOPE_OK) {
        memcpy(wrapped, job->wrapped, job->wrapped_n);
        *wrapped_bytes = job->wrapped_n;
    }
    ee_p11_worker_done(&cmk->worker);
    return rc;
}

static int p11_unwrap(envelope_cmk *cmk, struct envelope_call *call,
                      const uint8_t *wrapped, size_t wrapped_bytes,
                      const uint8_t *context, size_t context_bytes,
                      uint8_t *payload)
{
    struct ee_p11_job *job = &cmk->worker.job;
    int rc = begin(cmk, call);

    memset(payload, 0, ENVELOPE_PAYLOAD_BYTES);
    if (rc != ENVELOPE_OK) {
        return rc;
    }
    job->wrapped_n =
        copy(job->wrapped, sizeof job->wrapped, wrapped, wrapped_bytes);
    copy_context(job, context, context_bytes);
    rc = run(cmk, ee_p11_do_unwrap, call);
    if (rc == ENVELOPE_OK) {
        memcpy(payload, job->payload, sizeof job->payload);
    }
    ee_p11_worker_done(&cmk->worker);
    return rc;
}

static int p11_state(envelope_cmk *cmk, struct envelope_call *call, int *state)
{
    int rc = begin(cmk, call);

    *state = ENVELOPE_CMK_UNKNOWN;
    if (rc != ENVELOPE_OK) {
        return rc;
    }
    rc = run(cmk, ee_p11_do_state, call);
    if (rc == ENVELOPE_OK) {
        *state = cmk->worker.job.state;
    }
    ee_p11_worker_done(&cmk->worker);
    return rc;
}

static int p11_describe(envelope_cmk *cmk, struct envelope_call *call,
                        char *out, size_t out_bytes)
{
    int rc = begin(cmk, call);

    if (rc != ENVELOPE_OK) {
        return rc;
    }
    rc = run(cmk, ee_p11_do_describe, call);
    if (rc == ENVELOPE_OK) {
        (void)snprintf(out, out_bytes, "%s", cmk->worker.job.line);
    }
    ee_p11_worker_done(&cmk->worker);
    return rc;
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
