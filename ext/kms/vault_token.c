/* SPDX-License-Identifier: MIT
 *
 * vault_token.c: logs in, renews, logs in again.
 *
 * A token that the user gave is used as it is: whoever made it renews it. One
 * of a login is renewed when two thirds of its lease are over, and replaced
 * when that fails.
 */
#include "base/secret.h"
#include "kms/fail.h"
#include "kms/vault_session.h"

#include <string.h>

#define HEADER "X-Vault-Token: "

static void take(struct ee_vault *v, struct envelope_call *call,
                 const char *token, int64_t lease_s, bool renewable)
{
    const int64_t now = call->now_ms(call->arg);

    ee_buffer_reset(&v->token);
    ee_buffer_put(&v->token, HEADER);
    ee_buffer_put(&v->token, token);
    v->renewable = renewable;
    v->renew_at_ms = lease_s > 0 ? now + lease_s * 1000 / 3 * 2 : INT64_MAX;
    v->ends_at_ms = lease_s > 0 ? now + lease_s * 1000 : INT64_MAX;
}

/* A login, or the renewal of the token that is there. */
static int send_login(struct ee_vault *v, struct envelope_call *call,
                      const char *path, const struct ee_buffer *body,
                      bool is_renewal)
{
    struct ee_vault_login *login = ee_secret_pages_new(sizeof *login);
    struct envelope_http_reply reply;
    int rc = ENVELOPE_NOMEM;

    if (login == NULL) {
        return rc;
    }
    rc = ee_vault_send(v, call, "POST", path, body, is_renewal, false, &reply);
    if (rc == ENVELOPE_OK) {
        rc = ee_vault_reply_status(call, EE_VAULT_LOGIN, &reply, v->uri.server);
        if (rc == ENVELOPE_OK) {
            rc = ee_vault_reply_login(call,
                                      ee_bytes(reply.body, reply.body_bytes),
                                      v->uri.server, login);
        }
        ee_vault_release(v, call, &reply);
    }
    if (rc == ENVELOPE_OK) {
        take(v, call, login->token, login->lease_s, login->renewable);
    }
    ee_secret_pages_free(login, sizeof *login);
    return rc;
}

/* A token by the method that the environment has now. */
static int get(struct ee_vault *v, struct envelope_call *call)
{
    struct ee_vault_credential c; /* freed below, which wipes */
    int rc = ee_vault_credential_read(&c, call, v->settings.cert_file != NULL);

    if (rc == ENVELOPE_OK && c.method == EE_VAULT_TOKEN) {
        take(v, call, c.token.text, 0, false);
    } else if (rc == ENVELOPE_OK) {
        rc = send_login(v, call, c.path, &c.body, false);
    }
    if (rc == ENVELOPE_OK) {
        v->method = c.method;
    }
    ee_vault_credential_free(&c);
    return rc;
}

static bool renew(struct ee_vault *v, struct envelope_call *call)
{
    struct ee_buffer body;
    bool ok = false;

    if (v->renewable && ee_buffer_new(&body, 64)) {
        ee_buffer_put(&body, "{}");
        ok = send_login(v, call, "auth/token/renew-self", &body, true) ==
             ENVELOPE_OK;
        ee_buffer_free(&body);
    }
    return ok;
}

int ee_vault_token_ensure(struct ee_vault *v, struct envelope_call *call)
{
    int64_t now = 0;
    int rc = ENVELOPE_OK;

    if (v->token.w.used == 0) {
        return get(v, call);
    }
    now = call->now_ms(call->arg);
    if (now < v->renew_at_ms || (now < v->ends_at_ms && renew(v, call))) {
        return ENVELOPE_OK;
    }
    rc = get(v, call);
    if (rc != ENVELOPE_OK && call->now_ms(call->arg) < v->ends_at_ms) {
        return ENVELOPE_OK; /* what is there still serves */
    }
    return rc;
}

int ee_vault_token_again(struct ee_vault *v, struct envelope_call *call,
                         bool *other)
{
    struct ee_buffer before = v->token; /* freed below, which wipes */
    int rc = ENVELOPE_OK;

    *other = false;
    if (!ee_buffer_new(&v->token, before.size)) {
        v->token = before;
        return ENVELOPE_NOMEM;
    }
    rc = get(v, call);
    if (rc == ENVELOPE_OK) {
        *other = v->token.w.used != before.w.used ||
                 !ee_equal(v->token.text, before.text, before.w.used);
    }
    ee_buffer_free(&before);
    return rc;
}
