/* SPDX-License-Identifier: MIT
 *
 * exchange_result.c: what libcurl found, in our words.
 *
 * Its own text may hold what a server sent.
 */
#include "kms/exchange.h"

#include "kms/fail.h"
#include "kms/heap.h"

#include <stdlib.h>

int ee_exchange_too_slow(struct ee_exchange *x)
{
    return ee_kms_fail(x->call, ENVELOPE_UNAVAILABLE,
                       "%s did not answer in time: try again, or raise the "
                       "setting provider_timeout",
                       x->peer.shown);
}

static int not_verified(struct ee_exchange *x)
{
    return ee_kms_fail(x->call, ENVELOPE_CONFIGURATION,
                       "the TLS certificate of %s was refused: %s",
                       x->peer.shown, ee_tls_refusal(x->easy));
}

static int too_large(struct ee_exchange *x)
{
    return ee_kms_fail(x->call, ENVELOPE_UNAVAILABLE,
                       "%s answered with more than %d KiB: is it the KMS?",
                       x->peer.shown, EE_HTTP_REPLY_MAX / 1024);
}

/* What the user must change. NULL: nothing of that kind. */
static const char *setting(CURLcode code)
{
    switch (code) {
    case CURLE_SSL_CACERT_BADFILE:
        return "the CA's file cannot be read, or holds no certificate";
    case CURLE_SSL_CERTPROBLEM:
        return "the client certificate cannot be used, or is not its key's";
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "the proxy of HTTPS_PROXY is not known";
    case CURLE_URL_MALFORMAT:
        return "the URL is not usable";
    case CURLE_UNKNOWN_OPTION:
    case CURLE_NOT_BUILT_IN:
        return "this libcurl lacks what is needed: install version 7.87 or "
               "later, with OpenSSL";
    default:
        return NULL;
    }
}

/* libcurl 7.87 does not tell whether it went through one. */
static const char *no_connection(void)
{
    return secure_getenv("HTTPS_PROXY") != NULL ||
                   secure_getenv("https_proxy") != NULL
               ? "no connection, or none to the proxy of HTTPS_PROXY"
               : "no connection";
}

/* What may be otherwise the next time. */
static const char *trouble(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return "its name is not known";
    case CURLE_COULDNT_CONNECT:
        return no_connection();
    case CURLE_SSL_CONNECT_ERROR:
        return "no agreement on TLS 1.2 or later";
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return "the connection broke";
    default:
        return "it does not speak HTTP as expected";
    }
}

int ee_exchange_result(struct ee_exchange *x, CURLcode code)
{
    const char *what = setting(code);

    if (code == CURLE_OK) {
        return ENVELOPE_OK;
    }
    if (code == CURLE_OUT_OF_MEMORY ||
        ee_kms_heap_failures() != x->heap_failures) {
        return ee_kms_fail(x->call, ENVELOPE_NOMEM, "out of memory");
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        return not_verified(x);
    }
    if (x->too_large || code == CURLE_FILESIZE_EXCEEDED) {
        return too_large(x);
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return ee_exchange_too_slow(x);
    }
    if (what != NULL) {
        return ee_kms_fail(x->call, ENVELOPE_CONFIGURATION, "cannot ask %s: %s",
                           x->peer.shown, what);
    }
    return ee_kms_fail(x->call, ENVELOPE_UNAVAILABLE, "cannot reach %s: %s",
                       x->peer.shown, trouble(code));
}
