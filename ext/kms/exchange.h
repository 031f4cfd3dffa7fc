/* SPDX-License-Identifier: MIT
 *
 * exchange.h: one request and its reply, as libcurl's callbacks see them.
 */
#ifndef EE_KMS_EXCHANGE_H
#define EE_KMS_EXCHANGE_H

#include "kms/http.h"
#include "kms/request.h"
#include "kms/sockets.h"

#include <stdbool.h>

struct ee_exchange {
    struct envelope_call *call;
    const struct envelope_http_request *request;
    struct envelope_http_reply *reply; /* body: EE_HTTP_REPLY_MAX + 1 bytes */
    struct ee_http_peer peer;
    CURL *easy;
    struct curl_slist *headers;
    size_t header_bytes;
    unsigned long heap_failures; /* before it began */
    bool too_large;
};

/* Sets every option of x->easy. */
CURLcode ee_exchange_options(struct ee_exchange *x,
                             const struct ee_http_tls *tls,
                             struct ee_sockets *sockets);

/* What became of it, from libcurl's code: an enum envelope_result, and
 * call->message filled. On ENVELOPE_OK the status is in the reply. */
int ee_exchange_result(struct ee_exchange *x, CURLcode code);

/* The deadline has come. */
int ee_exchange_too_slow(struct ee_exchange *x);

#endif
