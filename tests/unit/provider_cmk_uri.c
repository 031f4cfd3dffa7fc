/* SPDX-License-Identifier: MIT
 *
 * provider_cmk_uri.c: URIs that are taken apart, and those that are refused.
 */
#include "provider/cmk_uri.h"
#include "tap.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    const char *scheme;
    const char *path;
    const char *fragment;
} good[] = {
    {"keyring:app.keyring", "keyring", "app.keyring", ""},
    {"keyring:/srv/a b.keyring#pii", "keyring", "/srv/a b.keyring", "pii"},
    {"keyring:a%23b%25c%3Fd%2f#x", "keyring", "a#b%c?d/", "x"},
    {"keyring:\xC3\xA9.keyring#A.b_c-9", "keyring", "\xC3\xA9.keyring",
     "A.b_c-9"},
    {"aws-kms://eu.1:2/k", "aws-kms", "//eu.1:2/k", ""},
    {"a1+.-:p", "a1+.-", "p", ""},
    {"vault://h.example:8200/transit/keys/K", "vault",
     "//h.example:8200/transit/keys/K", ""},
    {"aws-kms://arn:aws:kms:eu-west-1:111122223333:key/0a-b", "aws-kms",
     "//arn:aws:kms:eu-west-1:111122223333:key/0a-b", ""},
    {"pkcs11:token=a%20b;object=c;id=%00%7F", "pkcs11",
     "token=a%20b;object=c;id=%00%7F", ""},
};

static const struct {
    const char *text;
    const char *says; /* part of the message */
} bad[] = {
    {"", "empty"},
    {"app.keyring", "scheme"},
    {":app", "scheme"},
    {"1keyring:app", "scheme"},
    {"Keyring:app", "small letters"},
    {"key_ring:app", "scheme"},
    {"abcdefghijklmnop:app", "15"},
    {"keyring:", "no path"},
    {"keyring:#pii", "no path"},
    {"keyring:app?vfs=x", "options"},
    {"pkcs11:token=a?pin-value=1", "options"},
    {"vault://h/m/keys/a\nb", "control"},
    {"vault://h/m/keys/a%2", "two hexadecimal"},
    {"keyring:app#pii?x", "'#'"},
    {"keyring:app#", "nothing follows"},
    {"keyring:app#a b", "letters"},
    {"keyring:app#a#b", "letters"},
    {"keyring:app#a/b", "letters"},
    {"keyring:app#a%20b", "letters"},
    {"keyring:app#\xC3\xA9", "letters"},
    {"keyring:a%00b", "control"},
    {"keyring:a%0Ab", "control"},
    {"keyring:a\x1B[2Jb", "control"},
    {"keyring:a%7f", "control"},
    {"keyring:a%", "two hexadecimal"},
    {"keyring:a%2", "two hexadecimal"},
    {"keyring:a%2g", "two hexadecimal"},
    {"keyring:a%g2", "two hexadecimal"},
};

static void lengths(void)
{
    static const char head[] = "keyring:";
    struct ee_cmk_uri uri;
    struct ee_error err;
    char text[EE_CMK_URI_MAX + 8];

    memset(text, 'x', sizeof text);
    memcpy(text, head, strlen(head));
    text[EE_CMK_URI_MAX - 1] = '\0';
    ok(ee_cmk_uri_parse(&uri, text, &err) == EE_OK, "longest URI");
    text[EE_CMK_URI_MAX - 1] = 'x';
    text[EE_CMK_URI_MAX] = '\0';
    ok(ee_cmk_uri_parse(&uri, text, &err) == EE_CONFIG, "too long a URI");

    text[9] = '#';
    text[10 + 127] = '\0';
    ok(ee_cmk_uri_parse(&uri, text, &err) == EE_OK &&
           strlen(uri.fragment) == 127,
       "longest fragment");
    text[10 + 127] = 'x';
    text[10 + 128] = '\0';
    ok(ee_cmk_uri_parse(&uri, text, &err) == EE_CONFIG, "too long a fragment");
    ok(ee_cmk_uri_parse(&uri, NULL, &err) == EE_CONFIG, "no URI");
}

int main(void)
{
    struct ee_cmk_uri uri;
    struct ee_error err;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int rc = ee_cmk_uri_parse(&uri, good[i].text, &err);

        ok(rc == EE_OK && strcmp(uri.text, good[i].text) == 0 &&
               strcmp(uri.scheme, good[i].scheme) == 0 &&
               strcmp(uri.path, good[i].path) == 0 &&
               strcmp(uri.fragment, good[i].fragment) == 0,
           "takes '%s'", good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int rc = ee_cmk_uri_parse(&uri, bad[i].text, &err);

        ok(rc == EE_CONFIG && strstr(err.msg, bad[i].says) != NULL &&
               uri.scheme[0] == '\0',
           "refuses case %zu, saying '%s'", i, bad[i].says);
    }
    lengths();
    return done();
}
