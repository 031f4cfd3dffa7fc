/* SPDX-License-Identifier: MIT
 *
 * vault_session.h: an open Transit key, and how it is asked: with a token that
 * is valid.
 */
#ifndef EE_KMS_VAULT_SESSION_H
#define EE_KMS_VAULT_SESSION_H

#include "kms/http.h"
#include "kms/vault_auth.h"
#include "kms/vault_settings.h"
#include "kms/vault_uri.h"

struct ee_vault {
    struct ee_vault_uri uri;
    struct ee_vault_settings settings;
    struct ee_http *http;
    enum ee_vault_method method; /* by which the token came */
    struct ee_buffer token;      /* the whole header; empty: none yet */
    bool renewable;
    int64_t renew_at_ms; /* of call->now_ms(); INT64_MAX: never */
    int64_t ends_at_ms;
};

/* A request about the key: METHOD /v1/MOUNT/before/KEYafter. */
struct ee_vault_ask {
    enum ee_vault_asked asked;
    const char *method;
    const char *before;     /* "encrypt" */
    const char *after;      /* "", "/rotate" */
    struct ee_buffer *body; /* NULL: none */
    bool once; /* not repeated when it may have been done already */
};

/* Reads settings; contacts nobody. */
int ee_vault_open(struct ee_vault **out, struct envelope_call *call,
                  const char *uri) EE_CHECKED;
void ee_vault_close(struct ee_vault *v); /* NULL-safe; wipes */

/* Logs in when there is no token, renews it when its lease is running out, and
 * on 403 logs in anew and asks once more. ENVELOPE_OK: the server has done it;
 * give *reply to ee_vault_release(). */
int ee_vault_ask(struct ee_vault *v, struct envelope_call *call,
                 const struct ee_vault_ask *ask,
                 struct envelope_http_reply *reply) EE_CHECKED;
void ee_vault_release(struct ee_vault *v, struct envelope_call *call,
                      struct envelope_http_reply *reply);

/* For vault_token.c: one request, without judging the status. with_token: the
 * header goes along. */
int ee_vault_send(struct ee_vault *v, struct envelope_call *call,
                  const char *method, const char *path,
                  const struct ee_buffer *body, bool with_token, bool once,
                  struct envelope_http_reply *reply) EE_CHECKED;

/* vault_token.c: there is a token, as far as is known here. */
int ee_vault_token_ensure(struct ee_vault *v,
                          struct envelope_call *call) EE_CHECKED;

/* The token was refused: gets another. *other: it is another one. */
int ee_vault_token_again(struct ee_vault *v, struct envelope_call *call,
                         bool *other) EE_CHECKED;

#endif
