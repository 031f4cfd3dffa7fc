/* SPDX-License-Identifier: MIT
 *
 * pkcs11_uri.c: one spelling for what means the same; everything that is not
 * the address of a key is refused.
 */
#include "pkcs11/uri.h"
#include "tap.h"

#include <p11-kit/uri.h>
#include <stdio.h>
#include <string.h>

static char out[ENVELOPE_URI_MAX];

static void gives(const char *uri, const char *expected, const char *name)
{
    struct ee_error err = {0};
    int rc = ee_p11_uri_normalize(out, uri, &err);

    ok(rc == EE_OK && strcmp(out, expected) == 0, "%s", name);
    if (rc != EE_OK || strcmp(out, expected) != 0) {
        note("%s gave %s (%s)", uri, out, rc != EE_OK ? err.msg : "");
    }
    rc = ee_p11_uri_normalize(out, expected, &err);
    ok(rc == EE_OK && strcmp(out, expected) == 0, "%s: gives itself", name);
}

static void refuses(const char *uri, const char *says, const char *name)
{
    struct ee_error err = {0};
    P11KitUri *parsed = NULL;
    int rc = ee_p11_uri_normalize(out, uri, &err);

    ok(rc == EE_CONFIG && strstr(err.msg, says) != NULL && out[0] == '\0', "%s",
       name);
    if (rc != EE_CONFIG || strstr(err.msg, says) == NULL) {
        note("%s gave %d: %s", uri, rc, err.msg);
    }
    rc = ee_p11_uri_parse(&parsed, uri, &err);
    ok(rc == EE_CONFIG && parsed == NULL, "%s: parsed neither", name);
}

#define KEY "pkcs11:token=t;object=k"

static void spellings(void)
{
    gives("pkcs11:token=t;object=k", KEY, "as it is");
    gives("pkcs11:object=k;token=t", KEY, "another order");
    gives("pkcs11:object=%6b;token=%74", KEY, "letters escaped");
    gives("pkcs11:type=secret-key;id=%01%ab;object=k;manufacturer=m;model=o;"
          "serial=s;token=t",
          "pkcs11:token=t;serial=s;model=o;manufacturer=m;object=k;"
          "id=%01%AB;type=secret-key",
          "all attributes");
    gives("pkcs11:serial=00112233;id=kek-1", "pkcs11:serial=00112233;id=kek-1",
          "a serial number and an id");
    gives("pkcs11:token=My%20token%20(1);object=a/b:c",
          "pkcs11:token=My%20token%20%281%29;object=a%2Fb%3Ac",
          "characters that RFC 7512 lets stand are escaped");
    gives("pkcs11:token=t;object=k;type=private",
          "pkcs11:token=t;object=k;type=private", "a private key");
    gives("pkcs11:token=caf%C3%A9;object=k", "pkcs11:token=caf%C3%A9;object=k",
          "UTF-8");
}

static void what_names_no_key(void)
{
    refuses("pkcs11:", "names no key", "nothing");
    refuses("pkcs11:token=t", "names no key", "a token alone");
    refuses("pkcs11:object=k", "names no token", "a key on any token");
    refuses("pkcs11:manufacturer=m;model=o;object=k", "names no token",
            "a key on any token of a maker");
    refuses("pkcs11:token=t;object=", "no value", "an empty value");
    refuses("pkcs11:token;object=k", "no value", "an attribute alone");
    refuses("pkcs11:token=t;object=k;", "no attribute", "a last semicolon");
    refuses("pkcs11:token=t;;object=k", "no attribute", "two semicolons");
    refuses("pkcs11:token=t;object=k;object=k", "twice", "one given twice");
    refuses("pkcs11:token=t;object=k;type=public", "secret-key or private",
            "a public key");
    refuses("pkcs11:token=t;object=k;type=cert", "secret-key or private",
            "a certificate");
    refuses("pkcs11:token=t;object=k;type=bogus", "not a pkcs11: URI",
            "an object of no type");
}

static void what_is_a_setting(void)
{
    refuses(KEY "?pin-value=1234", "'?'", "a PIN");
    refuses(KEY "?pin-source=file:/etc/pin", "'?'", "the place of a PIN");
    refuses(KEY "?module-path=/tmp/evil.so", "'?'", "a module's path");
    refuses(KEY "?module-name=evil", "'?'", "a module's name");
    refuses(KEY "?", "'?'", "an empty query");
    refuses(KEY ";pin-value=1234", "'pin-value'", "a PIN in the path");
    refuses(KEY ";pinfile=/etc/pin", "'pinfile'", "an old spelling of it");
    refuses(KEY ";module-path=/tmp/evil.so", "'module-path'",
            "a module in the path");
    refuses(KEY ";slot-id=1", "'slot-id'", "a slot, which changes");
    refuses(KEY ";library-manufacturer=m", "'library-manufacturer'",
            "a library");
    refuses(KEY ";x-vendor=1", "'x-vendor'", "a vendor's attribute");
    refuses(KEY ";Token=t", "'Token'", "an attribute in capitals");
    refuses(KEY ";%74oken=t", "'%74oken'", "an escaped attribute");
}

static void characters(void)
{
    char uri[2 * ENVELOPE_URI_MAX];

    refuses("pkcs11:token=t;object=a b", "printable", "a blank");
    refuses("pkcs11:token=t;object=k\n", "printable", "a line end");
    refuses("pkcs11:token=t;object=k#1", "printable", "a fragment");
    refuses("pkcs11:token=t;object=\xC3\xA9", "printable", "bytes over 7F");
    refuses("pkcs11:token=t;object=%1B[2J", "control", "an escape sequence");
    refuses("pkcs11:token=%00;object=k", "control", "a NUL in a token");
    refuses("pkcs11:token=t;object=k%00", "control", "a NUL in a label");
    refuses("pkcs11:token=t;object=%4", "not a pkcs11", "half an escape");
    refuses("pkcs11:token=t;object=%zz", "not a pkcs11", "no hexadecimal");
    refuses("keyring:token=t;object=k", "not a pkcs11", "another scheme");
    gives("pkcs11:token=t;id=%00%1B", "pkcs11:token=t;id=%00%1B",
          "an id is any bytes");
    (void)snprintf(uri, sizeof uri, "pkcs11:token=t;object=%0*d", 129, 0);
    refuses(uri, "longer than 128", "a label of 129 bytes");
    (void)snprintf(uri, sizeof uri, "pkcs11:token=t;id=%0*d", 65, 0);
    refuses(uri, "longer than 64", "an id of 65 bytes");
    (void)snprintf(uri, sizeof uri, "pkcs11:token=%0*d;object=k", 33, 0);
    refuses(uri, "", "a token of 33 bytes");
    (void)snprintf(uri, sizeof uri, "pkcs11:token=t;object=%0*d", 1100, 0);
    refuses(uri, "longer than 1023", "a URI that is too long");
}

int main(void)
{
    spellings();
    what_names_no_key();
    what_is_a_setting();
    characters();
    return done();
}
