/* SPDX-License-Identifier: MIT
 *
 * cmk_uri.c: splits the address of a customer master key.
 *
 * The text may come from a database that somebody else wrote. So everything
 * not expected is refused, control characters too: path and name are shown in
 * messages and on a terminal.
 */
#include "provider/cmk_uri.h"

#include <string.h>

#define FORM "write SCHEME:PATH, such as keyring:app.keyring"

static bool in_set(char c, const char *others)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(others, c) != NULL);
}

/* Copies the scheme and moves *text behind its colon. */
static int parse_scheme(struct ee_cmk_uri *uri, const char **text,
                        struct ee_error *err)
{
    const char *p = *text;
    size_t n = 0;

    while (in_set(p[n], "+.-")) {
        n++;
    }
    if (p[n] != ':' || p[0] < 'a' || p[0] > 'z') {
        return ee_fail(err, EE_CONFIG,
                       "a CMK URI starts with a scheme in small letters and "
                       "a colon: " FORM);
    }
    if (n >= sizeof uri->scheme) {
        return ee_fail(err, EE_CONFIG,
                       "the scheme of the CMK URI is longer than 15 "
                       "letters: " FORM);
    }
    memcpy(uri->scheme, p, n);
    uri->scheme[n] = '\0';
    *text = p + n + 1;
    return EE_OK;
}

/* The value of a hexadecimal digit, or -1. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* Decodes one character of the path and moves *text behind it; -1 for a %
 * that is not followed by two hexadecimal digits. */
static int decode(const char **text)
{
    const char *p = *text;
    int high = 0;
    int low = 0;

    if (*p != '%') {
        *text = p + 1;
        return (unsigned char)*p;
    }
    high = hex_digit(p[1]);
    low = high < 0 ? -1 : hex_digit(p[2]);
    if (low < 0) {
        return -1;
    }
    *text = p + 3;
    return high * 16 + low;
}

bool ee_cmk_uri_is_file(const struct ee_cmk_uri *uri)
{
    return strcmp(uri->scheme, "keyring") == 0 ||
           strcmp(uri->scheme, "pem") == 0;
}

/* May be shown, and be part of a path? */
static bool is_control(const struct ee_cmk_uri *uri, int c, size_t n)
{
    return c < 0x20 || c == 0x7F ||
           (c >= 0x80 && c <= 0x9F && n > 0 &&
            (uint8_t)uri->path[n - 1] == 0xC2);
}

/* Copies the path, decoded where it is a file's, and moves *text to its '#' or
 * its end. The path cannot be longer than the text, whose length was checked.
 */
static int parse_path(struct ee_cmk_uri *uri, const char **text,
                      struct ee_error *err)
{
    const bool decodes = ee_cmk_uri_is_file(uri);
    const char *p = *text;
    size_t n = 0;

    while (*p != '\0' && *p != '#') {
        const char *next = p;
        int c = 0;

        if (*p == '?') {
            return ee_fail(err, EE_CONFIG,
                           "a CMK URI takes no options after '?': remove "
                           "them, or write %%3F for a '?' in the path");
        }
        c = decode(&next);
        if (c < 0) {
            return ee_fail(err, EE_CONFIG,
                           "'%%' in a CMK URI must be followed by two "
                           "hexadecimal digits: write %%25 for a '%%'");
        }
        c = decodes ? c : (unsigned char)*p;
        if (is_control(uri, c, n)) {
            return ee_fail(err, EE_CONFIG,
                           "the path of a CMK URI holds a control character "
                           "(%%%02X): use a plain file name",
                           (unsigned)c);
        }
        uri->path[n++] = (char)c;
        p = decodes ? next : p + 1;
    }
    uri->path[n] = '\0';
    if (n == 0) {
        return ee_fail(err, EE_CONFIG, "the CMK URI has no path: " FORM);
    }
    *text = p;
    return EE_OK;
}

/* Behind the '#', or "" where there is none. */
static int parse_fragment(struct ee_cmk_uri *uri, const char *text,
                          struct ee_error *err)
{
    size_t n = 0;

    /* cppcheck-suppress arrayIndexOutOfBoundsCond ; it ends at the NUL */
    while (in_set(text[n], "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-")) {
        n++;
    }
    if (text[n] != '\0') {
        return ee_fail(err, EE_CONFIG,
                       "after '#' a CMK URI may hold letters, digits, '.', "
                       "'_' and '-' only (write %%23 for a '#' in the path)");
    }
    if (n >= sizeof uri->fragment) {
        return ee_fail(err, EE_CONFIG,
                       "the CMK URI is longer than %zu characters after '#'",
                       sizeof uri->fragment - 1);
    }
    memcpy(uri->fragment, text, n + 1);
    return EE_OK;
}

int ee_cmk_uri_parse(struct ee_cmk_uri *uri, const char *text,
                     struct ee_error *err)
{
    size_t n = text == NULL ? 0 : strnlen(text, EE_CMK_URI_MAX);
    int rc = EE_OK;

    memset(uri, 0, sizeof *uri);
    if (n == 0) {
        return ee_fail(err, EE_CONFIG, "the CMK URI is empty: " FORM);
    }
    if (n == EE_CMK_URI_MAX) {
        return ee_fail(err, EE_CONFIG,
                       "the CMK URI is longer than %d characters",
                       EE_CMK_URI_MAX - 1);
    }
    memcpy(uri->text, text, n);
    rc = parse_scheme(uri, &text, err);
    if (rc == EE_OK) {
        rc = parse_path(uri, &text, err);
    }
    if (rc == EE_OK && *text == '#' && text[1] == '\0') {
        rc = ee_fail(err, EE_CONFIG,
                     "nothing follows the '#' of the CMK URI: remove it, or "
                     "write %%23 for a '#' in the path");
    } else if (rc == EE_OK) {
        rc = parse_fragment(uri, *text == '#' ? text + 1 : "", err);
    }
    if (rc != EE_OK) {
        memset(uri, 0, sizeof *uri);
    }
    return rc;
}
