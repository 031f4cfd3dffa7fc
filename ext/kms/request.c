/* SPDX-License-Identifier: MIT
 *
 * request.c: checks URL and headers.
 *
 * A token with a line end in it would be two headers, and a URL with a user in
 * it would send a password.
 */
#include "kms/request.h"

#include "kms/fail.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The parts of a URL; libcurl's memory. */
struct parts {
    char *scheme;
    char *host;
    char *port;
    char *unwanted;
};

/* Who gives credentials to what runs here, by AWS's SDKs: an address of these,
 * whichever way it is written. */
static const struct {
    uint32_t flag;
    int family;
    const char *address;
} givers[] = {
    {ENVELOPE_HTTP_CONTAINER, AF_INET, "169.254.170.2"},
    {ENVELOPE_HTTP_CONTAINER, AF_INET, "169.254.170.23"},
    {ENVELOPE_HTTP_CONTAINER, AF_INET6, "fd00:ec2::23"},
    {ENVELOPE_HTTP_INSTANCE, AF_INET, "169.254.169.254"},
    {ENVELOPE_HTTP_INSTANCE, AF_INET6, "fd00:ec2::254"},
};

static bool is_giver(int family, const uint8_t *ip, uint32_t flags)
{
    const size_t n = family == AF_INET ? 4 : 16;
    uint8_t giver[16];

    for (size_t i = 0; i < sizeof givers / sizeof givers[0]; i++) {
        if (givers[i].family == family && (givers[i].flag & flags) != 0 &&
            inet_pton(family, givers[i].address, giver) == 1 &&
            memcmp(ip, giver, n) == 0) { /* lint: memcmp */
            return true;
        }
    }
    return false;
}

static bool is_local_4(const char *host, uint32_t flags)
{
    uint8_t ip[4];

    return inet_pton(AF_INET, host, ip) == 1 &&
           (ip[0] == 127 || is_giver(AF_INET, ip, flags));
}

static bool is_local_6(const char *host, uint32_t flags)
{
    static const uint8_t loopback[16] = {[15] = 1};
    char text[INET6_ADDRSTRLEN];
    const size_t n = strlen(host);
    uint8_t ip[16];

    if (n < 2 || n - 2 >= sizeof text || host[0] != '[' || host[n - 1] != ']') {
        return false;
    }
    memcpy(text, host + 1, n - 2);
    text[n - 2] = '\0';
    return inet_pton(AF_INET6, text, ip) == 1 &&
           (memcmp(ip, loopback, sizeof ip) == 0 || /* lint: memcmp */
            is_giver(AF_INET6, ip, flags));
}

/* libcurl resolves "localhost" to the loopback addresses and asks no server. */
static bool is_local(const char *host, uint32_t flags)
{
    return (flags & EE_HTTP_LOCAL) != 0 &&
           (strcmp(host, "localhost") == 0 || is_local_4(host, flags) ||
            is_local_6(host, flags));
}

static int check_url(struct envelope_call *call, const struct parts *p,
                     uint32_t flags)
{
    if (p->unwanted != NULL) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "a URL of a KMS holds no user, password or "
                           "fragment: take them out of the setting");
    }
    if (strcmp(p->scheme, "https") == 0) {
        return ENVELOPE_OK;
    }
    if (strcmp(p->scheme, "http") == 0 && is_local(p->host, flags)) {
        return ENVELOPE_OK;
    }
    return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                       "%s is asked over https only: write https:// in the "
                       "setting",
                       p->host);
}

/* *rc becomes ENVELOPE_NOMEM when memory runs out: a part that could not be
 * read is not one that is not there. */
static bool get(int *rc, CURLU *url, CURLUPart what, unsigned flags, char **out)
{
    const CURLUcode code = curl_url_get(url, what, out, flags);

    if (code == CURLUE_OUT_OF_MEMORY) {
        *rc = ENVELOPE_NOMEM;
    }
    return code == CURLUE_OK;
}

static int take_url(CURLU *url, const char *text)
{
    switch (curl_url_set(url, CURLUPART_URL, text, 0)) {
    case CURLUE_OK:
        return ENVELOPE_OK;
    case CURLUE_OUT_OF_MEMORY:
        return ENVELOPE_NOMEM;
    default:
        return ENVELOPE_CONFIGURATION;
    }
}

static int check_parts(struct envelope_call *call,
                       const struct envelope_http_request *request, CURLU *url,
                       struct ee_http_peer *peer)
{
    struct parts p = {0};
    int rc = take_url(url, request->url);
    const bool whole =
        rc == ENVELOPE_OK && get(&rc, url, CURLUPART_SCHEME, 0, &p.scheme) &&
        get(&rc, url, CURLUPART_HOST, 0, &p.host) &&
        get(&rc, url, CURLUPART_PORT, CURLU_DEFAULT_PORT, &p.port);

    if (whole) {
        (void)(get(&rc, url, CURLUPART_USER, 0, &p.unwanted) ||
               get(&rc, url, CURLUPART_PASSWORD, 0, &p.unwanted) ||
               get(&rc, url, CURLUPART_FRAGMENT, 0, &p.unwanted));
        (void)snprintf(peer->shown, sizeof peer->shown, "%s:%s", p.host,
                       p.port);
    }
    if (whole && rc == ENVELOPE_OK) {
        rc = check_url(call, &p, request->flags);
    } else if (rc != ENVELOPE_NOMEM) {
        rc = ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                         "a setting gives a URL that is none: write "
                         "https://HOST:PORT");
    }
    curl_free(p.scheme);
    curl_free(p.host);
    curl_free(p.port);
    curl_free(p.unwanted);
    return rc;
}

/* "Name: value", both there: libcurl takes "Name:" for "do not send it". */
static bool is_header(const char *text)
{
    const size_t name = strcspn(text, ": \t");

    if (name == 0 || text[name] != ':' ||
        text[name + 1 + strspn(text + name + 1, " ")] == '\0') {
        return false;
    }
    for (const unsigned char *p = (const unsigned char *)text; *p != 0; p++) {
        if (*p < 0x20 || *p >= 0x7F) {
            return false;
        }
    }
    return true;
}

int ee_request_check(struct envelope_call *call,
                     const struct envelope_http_request *request,
                     struct ee_http_peer *peer)
{
    CURLU *url = curl_url();
    int rc =
        url != NULL ? check_parts(call, request, url, peer) : ENVELOPE_NOMEM;

    curl_url_cleanup(url);
    for (size_t i = 0; rc == ENVELOPE_OK && request->headers[i] != NULL; i++) {
        if (!is_header(request->headers[i])) {
            rc = ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                             "a token or setting for %s is empty, or holds a "
                             "line end or another character that no header "
                             "may have",
                             peer->shown);
        }
    }
    return rc;
}
