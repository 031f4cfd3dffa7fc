/* SPDX-License-Identifier: MIT
 *
 * vault_uri.c: takes the URI apart.
 *
 * It may come from a database that somebody else wrote, and becomes the path
 * of a request. So what is allowed is listed: no escapes, no "..", no query.
 */
#include "kms/vault_uri.h"

#include "base/text.h"
#include "kms/fail.h"

#include <stdio.h>
#include <string.h>

#define SCHEME       "vault://"
#define DEFAULT_PORT "8200"
#define KEYS         "/keys/"
#define FORM                                                                   \
    "write vault://HOST:PORT/MOUNT/keys/KEY, such as "                         \
    "vault://vault.example:8200/transit/keys/app"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

static bool all_in(const char *text, size_t n, const char *others)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_alnum(text[i]) &&
            (text[i] == '\0' || strchr(others, text[i]) == NULL)) {
            return false;
        }
    }
    return n > 0;
}

/* Names between slashes, none of them "." or "..". */
static bool is_path(const char *text, size_t n)
{
    size_t from = 0;

    while (from <= n) {
        const char *slash = memchr(text + from, '/', n - from);
        const size_t to = slash != NULL ? (size_t)(slash - text) : n;

        if (!all_in(text + from, to - from, "._-") ||
            strspn(text + from, ".") >= to - from) {
            return false;
        }
        from = to + 1;
    }
    return true;
}

/* A name, an IPv4 address, or an IPv6 address in brackets. */
static bool is_host(const char *text, size_t n)
{
    if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
        return all_in(text + 1, n - 2, ":.");
    }
    return all_in(text, n, ".-") && is_alnum(text[0]);
}

static bool is_port(const char *text, size_t n)
{
    uint64_t port = 0;

    return ee_number(text, n, 65535, &port);
}

static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* text: HOST or HOST:PORT, of n bytes. */
static bool take_server(struct ee_vault_uri *uri, const char *text, size_t n)
{
    size_t host = n;
    int got = 0;

    while (host > 0 && text[host - 1] != ':' && text[host - 1] != ']') {
        host--;
    }
    /* no colon, or the last one is inside the brackets of an IPv6 address */
    if (host == 0 || text[host - 1] == ']') {
        host = n;
    } else {
        host--;
    }
    if (!is_host(text, host) ||
        (host < n && !is_port(text + host + 1, n - host - 1))) {
        return false;
    }
    got = snprintf(uri->server, sizeof uri->server, "%.*s%s", (int)n, text,
                   host == n ? ":" DEFAULT_PORT : "");
    for (char *p = uri->server; *p != '\0'; p++) {
        *p = small(*p);
    }
    return got > 0 && (size_t)got < sizeof uri->server;
}

/* Where the last "/keys/" of text is; NULL. */
static const char *find_keys(const char *text)
{
    const char *found = NULL;

    for (const char *p = strstr(text, KEYS); p != NULL;
         p = strstr(p + 1, KEYS)) {
        found = p;
    }
    return found;
}

/* text: behind "vault://". */
static bool take(struct ee_vault_uri *uri, const char *text)
{
    const char *path = strchr(text, '/');
    const char *keys = path != NULL ? find_keys(path + 1) : NULL;
    const char *key = keys != NULL ? keys + strlen(KEYS) : NULL;

    if (key == NULL || !is_path(path + 1, (size_t)(keys - path - 1)) ||
        strchr(key, '/') != NULL || !is_path(key, strlen(key)) ||
        !take_server(uri, text, (size_t)(path - text))) {
        return false;
    }
    memcpy(uri->mount, path + 1, (size_t)(keys - path - 1));
    memcpy(uri->key, key, strlen(key));
    return true;
}

int ee_vault_uri_parse(struct ee_vault_uri *uri, struct envelope_call *call,
                       const char *text)
{
    memset(uri, 0, sizeof *uri);
    if (strnlen(text, ENVELOPE_URI_MAX) == ENVELOPE_URI_MAX ||
        strncmp(text, SCHEME, strlen(SCHEME)) != 0 ||
        !take(uri, text + strlen(SCHEME))) {
        memset(uri, 0, sizeof *uri);
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "this is no URI of a Transit key: " FORM);
    }
    return ENVELOPE_OK;
}

bool ee_vault_uri_write(const struct ee_vault_uri *uri, char *out)
{
    const int n = snprintf(out, ENVELOPE_URI_MAX, SCHEME "%s/%s" KEYS "%s",
                           uri->server, uri->mount, uri->key);

    return n > 0 && n < ENVELOPE_URI_MAX;
}
