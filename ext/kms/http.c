/* SPDX-License-Identifier: MIT
 *
 * http.c: runs an exchange until it is over, too slow, or interrupted.
 *
 * Connections live in libcurl's multi handle. Each exchange has an easy handle
 * of its own, so that what libcurl copied of it is freed, and so wiped, at its
 * end.
 */
#include "kms/http.h"

#include "base/secret.h"
#include "kms/exchange.h"
#include "kms/fail.h"
#include "kms/heap.h"
#include "kms/sigpipe.h"

#include <unistd.h>

_Static_assert(LIBCURL_VERSION_NUM >= 0x075700,
               "libcurl 7.87 or later is needed");

#define POLL_MS     50
#define CONNECTIONS 2L

/* Pieces of a reply are left on the stack by libcurl and what it calls. */
#define SPILL_BYTES 32768

struct ee_http {
    struct envelope_transport transport;
    CURLM *multi;
    struct ee_http_tls tls;
    struct ee_sockets sockets;
    pid_t owner;
};

static bool interrupted(const struct envelope_call *call)
{
    return call->interrupted != NULL && call->interrupted(call->arg) != 0;
}

static bool make_multi(struct ee_http *http)
{
    http->multi = curl_multi_init();
    return http->multi != NULL &&
           curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS) ==
               CURLM_OK;
}

static int last_result(CURLM *multi, struct ee_exchange *x)
{
    int left = 0;
    const CURLMsg *m = curl_multi_info_read(multi, &left);

    if (m == NULL || m->msg != CURLMSG_DONE) {
        return ee_exchange_result(x, CURLE_RECV_ERROR);
    }
    return ee_exchange_result(x, m->data.result);
}

static int run(CURLM *multi, struct ee_exchange *x)
{
    struct envelope_call *call = x->call;
    CURLMcode rc = CURLM_OK;
    int running = 1;

    while (rc == CURLM_OK && running != 0) {
        const int64_t left = call->deadline_ms - call->now_ms(call->arg);

        if (interrupted(call)) {
            return ENVELOPE_INTERRUPTED;
        }
        if (left <= 0) {
            return ee_exchange_too_slow(x);
        }
        rc = curl_multi_perform(multi, &running);
        if (rc == CURLM_OK && running != 0) {
            rc = curl_multi_poll(multi, NULL, 0,
                                 left < POLL_MS ? (int)left : POLL_MS, NULL);
        }
    }
    return rc == CURLM_OK ? last_result(multi, x) : ENVELOPE_NOMEM;
}

static void take_status(struct ee_exchange *x)
{
    curl_off_t seconds = 0;
    long status = 0;

    (void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(x->easy, CURLINFO_RETRY_AFTER, &seconds);
    x->reply->status = (int)status;
    if (seconds > 0) {
        x->reply->retry_after_ms =
            seconds > 86400 ? 86400000 : (int64_t)seconds * 1000;
    }
    x->reply->body[x->reply->body_bytes] = '\0';
}

/* For those who have to know whether anybody is there. A connection that was
 * there before takes no time; who is sent a request has one. */
static void take_connected(struct ee_exchange *x)
{
    curl_off_t connect = 0;
    curl_off_t sent = 0;

    (void)curl_easy_getinfo(x->easy, CURLINFO_CONNECT_TIME_T, &connect);
    (void)curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
    x->reply->connected = connect > 0 || sent > 0 ? 1 : 0;
}

static int perform(struct ee_http *h, struct ee_exchange *x)
{
    const CURLcode set = ee_exchange_options(x, &h->tls, &h->sockets);
    struct ee_sigpipe pipe;
    int rc = ENVELOPE_OK;

    if (set != CURLE_OK) {
        return ee_exchange_result(x, set);
    }
    if (h->multi == NULL && !make_multi(h)) {
        return ENVELOPE_NOMEM;
    }
    ee_sigpipe_block(&pipe);
    if (curl_multi_add_handle(h->multi, x->easy) != CURLM_OK) {
        rc = ENVELOPE_NOMEM;
    } else {
        rc = run(h->multi, x);
        take_connected(x);
        if (rc == ENVELOPE_OK) {
            take_status(x);
        }
        (void)curl_multi_remove_handle(h->multi, x->easy);
    }
    ee_sigpipe_restore(&pipe);
    return rc;
}

static void release(void *arg, struct envelope_http_reply *reply)
{
    (void)arg;
    ee_secret_pages_free(reply->body, EE_HTTP_REPLY_MAX + 1);
    reply->body = NULL;
    reply->body_bytes = 0;
}

static int exchange(void *arg, struct envelope_call *call,
                    const struct envelope_http_request *request,
                    struct envelope_http_reply *reply)
{
    struct ee_http *h = arg;
    struct ee_exchange x = {.call = call, .request = request, .reply = reply};
    int rc = ENVELOPE_OK;

    *reply = (struct envelope_http_reply){.size = sizeof *reply,
                                          .retry_after_ms = -1};
    if (getpid() != h->owner) {
        return ee_kms_fail(call, ENVELOPE_UNAVAILABLE,
                           "this connection was opened before fork(): open "
                           "the database anew in this process");
    }
    rc = ee_request_check(call, request, &x.peer);
    if (rc != ENVELOPE_OK) {
        return rc;
    }
    x.heap_failures = ee_kms_heap_failures();
    reply->body = ee_secret_pages_new(EE_HTTP_REPLY_MAX + 1);
    x.easy = curl_easy_init();
    rc =
        reply->body != NULL && x.easy != NULL ? perform(h, &x) : ENVELOPE_NOMEM;
    curl_easy_cleanup(x.easy);
    curl_slist_free_all(x.headers);
    ee_wipe_spill(SPILL_BYTES);
    if (rc != ENVELOPE_OK) {
        release(h, reply);
    }
    return rc;
}

int ee_http_open(struct ee_http **out, struct envelope_call *call,
                 const struct ee_http_tls *tls)
{
    struct ee_http *h = NULL;
    int rc = ee_kms_libraries(call);

    *out = NULL;
    if (rc != ENVELOPE_OK) {
        return rc;
    }
    h = ee_kms_new(sizeof *h);
    if (h == NULL) {
        return ENVELOPE_NOMEM;
    }
    h->transport = (struct envelope_transport){.size = sizeof h->transport,
                                               .arg = h,
                                               .exchange = exchange,
                                               .release = release};
    h->owner = getpid();
    if (tls != NULL) {
        h->tls = *tls;
    }
    if (!make_multi(h)) {
        ee_http_close(h);
        return ENVELOPE_NOMEM;
    }
    *out = h;
    return ENVELOPE_OK;
}

const struct envelope_transport *
ee_http_transport(struct ee_http *http, const struct envelope_call *call)
{
    return call->transport != NULL ? call->transport : &http->transport;
}

/* Its connections, too. */
static void free_multi(struct ee_http *http)
{
    struct ee_sigpipe pipe;

    ee_sigpipe_block(&pipe);
    if (getpid() != http->owner) {
        ee_sockets_abandon(&http->sockets);
    }
    (void)curl_multi_cleanup(http->multi);
    http->multi = NULL;
    ee_sigpipe_restore(&pipe);
}

void ee_http_hang_up(struct ee_http *http)
{
    free_multi(http); /* the next exchange makes another */
}

void ee_http_close(struct ee_http *http)
{
    if (http != NULL) {
        free_multi(http);
        ee_kms_free(http);
    }
}
