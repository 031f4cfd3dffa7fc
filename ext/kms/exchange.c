/* SPDX-License-Identifier: MIT
 *
 * exchange.c: the options of a request, and the callbacks that take its reply.
 */
#include "kms/exchange.h"

#include "base/bytes.h"

#include <string.h>
#include <strings.h>

#define LOCAL_CONNECT_MS 1000L

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
    struct ee_exchange *x = arg;
    struct envelope_http_reply *reply = x->reply;

    (void)size; /* always 1 */
    if (n > EE_HTTP_REPLY_MAX - reply->body_bytes) {
        x->too_large = true;
        return 0;
    }
    memcpy(reply->body + reply->body_bytes, data, n);
    reply->body_bytes += n;
    return n;
}

/* The value of the header that is named, without space around it. */
static bool header_is(struct ee_bytes line, const char *name,
                      struct ee_bytes *value)
{
    const char *text = (const char *)line.p;
    const size_t n = strlen(name);
    size_t from = n + 1;
    size_t to = line.n;

    if (line.n <= n || strncasecmp(text, name, n) != 0 || text[n] != ':') {
        return false;
    }
    while (from < to && text[from] == ' ') {
        from++;
    }
    while (to > from && (text[to - 1] == '\r' || text[to - 1] == '\n' ||
                         text[to - 1] == ' ')) {
        to--;
    }
    *value = ee_bytes(text + from, to - from);
    return true;
}

static void copy(char *out, size_t size, struct ee_bytes text)
{
    const size_t n = text.n < size ? text.n : size - 1;

    memcpy(out, text.p, n);
    out[n] = '\0';
}

/* libcurl hands on whole lines. */
static size_t take_header(char *data, size_t size, size_t n, void *arg)
{
    struct ee_exchange *x = arg;
    struct envelope_http_reply *reply = x->reply;
    struct ee_bytes value = {0};
    char date[64];

    (void)size; /* always 1 */
    x->header_bytes += n;
    if (x->header_bytes > EE_HTTP_HEADERS_MAX) {
        x->too_large = true;
        return 0;
    }
    if (header_is(ee_bytes(data, n), "x-amzn-errortype", &value)) {
        copy(reply->error_type, sizeof reply->error_type, value);
    } else if (header_is(ee_bytes(data, n), "date", &value)) {
        copy(date, sizeof date, value);
        reply->date = (int64_t)curl_getdate(date, NULL);
        reply->date = reply->date > 0 ? reply->date : 0;
    }
    return n;
}

/* A list of options that all have one type of value. */
struct flag {
    CURLoption option;
    long value;
};

static CURLcode set_flags(CURL *easy)
{
    static const struct flag flags[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_NOPROGRESS, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_NETRC, CURL_NETRC_IGNORED},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1}, /* see AWS_SIGV4 below */
        {CURLOPT_HTTP09_ALLOWED, 0},
        {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
        {CURLOPT_MAXFILESIZE, EE_HTTP_REPLY_MAX},
        {CURLOPT_QUICK_EXIT, 1}, /* do not wait for a slow name server */
    };
    CURLcode rc = CURLE_OK;

    for (size_t i = 0; rc == CURLE_OK && i < sizeof flags / sizeof *flags;
         i++) {
        rc = curl_easy_setopt(easy, flags[i].option, flags[i].value);
    }
    return rc;
}

static CURLcode set_callbacks(struct ee_exchange *x, struct ee_sockets *sockets)
{
    CURL *easy = x->easy;
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);

    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    }
    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    }
    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    }
    if (rc == CURLE_OK) {
        rc =
            curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, ee_sockets_open);
    }
    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sockets);
    }
    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION,
                              ee_sockets_close);
    }
    return rc != CURLE_OK
               ? rc
               : curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sockets);
}

/* The body is not copied. */
static CURLcode set_body(struct ee_exchange *x)
{
    const struct envelope_http_request *r = x->request;
    CURLcode rc = CURLE_OK;

    if (strcmp(r->method, "GET") == 0) {
        return curl_easy_setopt(x->easy, CURLOPT_HTTPGET, 1L);
    }
    rc = curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE, (long)r->body_bytes);
    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS,
                              r->body != NULL ? r->body : "");
    }
    if (rc == CURLE_OK && strcmp(r->method, "POST") != 0) {
        rc = curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, r->method);
    }
    return rc;
}

static CURLcode set_headers(struct ee_exchange *x)
{
    for (size_t i = 0; x->request->headers[i] != NULL; i++) {
        struct curl_slist *longer =
            curl_slist_append(x->headers, x->request->headers[i]);

        if (longer == NULL) {
            return CURLE_OUT_OF_MEMORY;
        }
        x->headers = longer;
    }
    return curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
}

/* libcurl signs right where the request is HTTP/1.1, its body is one of
 * CURLOPT_POSTFIELDS, and no name of a header begins another's. */
static CURLcode set_signature(struct ee_exchange *x)
{
    const struct envelope_http_request *r = x->request;
    CURLcode rc = CURLE_OK;

    if (r->aws_sigv4 == NULL) {
        return CURLE_OK;
    }
    rc = curl_easy_setopt(x->easy, CURLOPT_AWS_SIGV4, r->aws_sigv4);
    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(x->easy, CURLOPT_USERNAME, r->aws_key_id);
    }
    return rc != CURLE_OK
               ? rc
               : curl_easy_setopt(x->easy, CURLOPT_PASSWORD, r->aws_secret);
}

/* HTTPS_PROXY and NO_PROXY are the user's to set, but not for what is on this
 * very machine. */
static CURLcode set_route(struct ee_exchange *x)
{
    const bool local = (x->request->flags & EE_HTTP_LOCAL) != 0;
    CURLcode rc = curl_easy_setopt(x->easy, CURLOPT_URL, x->request->url);

    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(x->easy, CURLOPT_PROTOCOLS_STR,
                              local ? "https,http" : "https");
    }
    if (rc == CURLE_OK && local) {
        rc = curl_easy_setopt(x->easy, CURLOPT_NOPROXY, "*");
    }
    if (rc == CURLE_OK && local) {
        rc = curl_easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS,
                              LOCAL_CONNECT_MS);
    }
    return rc;
}

CURLcode ee_exchange_options(struct ee_exchange *x,
                             const struct ee_http_tls *tls,
                             struct ee_sockets *sockets)
{
    CURLcode rc = set_flags(x->easy);

    if (rc == CURLE_OK) {
        rc = set_callbacks(x, sockets);
    }
    if (rc == CURLE_OK) {
        rc = ee_tls_options(x->easy, tls);
    }
    if (rc == CURLE_OK) {
        rc = set_route(x);
    }
    if (rc == CURLE_OK) {
        rc = set_body(x);
    }
    if (rc == CURLE_OK) {
        rc = set_headers(x);
    }
    return rc != CURLE_OK ? rc : set_signature(x);
}
