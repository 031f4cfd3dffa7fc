/* SPDX-License-Identifier: MIT
 *
 * uri.c: p11-kit decodes; what it lets pass and we do not is refused here. The
 * text may be an attacker's.
 *
 * p11-kit takes unknown attributes, lets a repeated one override the first and
 * skips white space: so the names are read once more, as they stand.
 */
#include "pkcs11/uri.h"

#include "base/wire.h"

#include <p11-kit/p11-kit.h>
#include <stdbool.h>
#include <string.h>

#define FORM    "write pkcs11:token=TOKEN;object=KEY"
#define SETTING "PIN and module are settings: see provider/PKCS11.md"

/* In the order of the one spelling. */
enum attribute { TOKEN, SERIAL, MODEL, MAKER, OBJECT, ID, TYPE, ATTRIBUTES };

static const char *const names[ATTRIBUTES] = {
    "token", "serial", "model", "manufacturer", "object", "id", "type"};

static int attribute_of(const char *name, size_t n)
{
    for (int i = 0; i < ATTRIBUTES; i++) {
        if (strlen(names[i]) == n && strncmp(names[i], name, n) == 0) {
            return i;
        }
    }
    return -1;
}

/* ---- the text ---- */

static int check_characters(const char *text, struct ee_error *err)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '?') {
            return ee_fail(err, EE_CONFIG,
                           "a pkcs11: URI takes no '?' here. " SETTING);
        }
        if (*p <= ' ' || *p >= 0x7F || *p == '#') {
            return ee_fail(err, EE_CONFIG,
                           "a pkcs11: URI holds printable ASCII without "
                           "blanks and '#': write %%20 for a blank, %%23 "
                           "for a '#'");
        }
    }
    return EE_OK;
}

/* One "name=value" of n characters; adds it to what was seen. */
static int check_attribute(unsigned *seen, const char *text, size_t n,
                           struct ee_error *err)
{
    const char *equals = memchr(text, '=', n);
    const size_t name_n = equals == NULL ? n : (size_t)(equals - text);
    const int i = attribute_of(text, name_n);
    const int shown = name_n < 40 ? (int)name_n : 40;

    if (i < 0) {
        return ee_fail(err, EE_CONFIG,
                       "'%.*s' is no attribute of a pkcs11: URI here; these "
                       "are: token, serial, model, manufacturer, object, id, "
                       "type. " SETTING,
                       shown, text);
    }
    if (equals == NULL || name_n + 1 == n) {
        return ee_fail(err, EE_CONFIG,
                       "'%s' has no value in the pkcs11: URI: give it one, or "
                       "leave it out",
                       names[i]);
    }
    if ((*seen & (1U << i)) != 0) {
        return ee_fail(err, EE_CONFIG,
                       "'%s' is in the pkcs11: URI twice: leave one out",
                       names[i]);
    }
    *seen |= 1U << i;
    return EE_OK;
}

static int check_names(unsigned *seen, const char *text, struct ee_error *err)
{
    const char *p = strchr(text, ':');
    int rc = EE_OK;

    *seen = 0;
    if (p == NULL || p[1] == '\0') {
        return ee_fail(err, EE_CONFIG, "the pkcs11: URI names no key: " FORM);
    }
    do {
        const size_t n = strcspn(++p, ";");

        rc = check_attribute(seen, p, n, err);
        p += n;
    } while (rc == EE_OK && *p == ';');
    return rc;
}

/* A key that anybody's token could offer is no key that somebody chose. */
static int check_enough(unsigned seen, struct ee_error *err)
{
    if ((seen & (1U << TOKEN | 1U << SERIAL)) == 0) {
        return ee_fail(err, EE_CONFIG,
                       "the pkcs11: URI names no token: add token=LABEL or "
                       "serial=NUMBER");
    }
    if ((seen & (1U << OBJECT | 1U << ID)) == 0) {
        return ee_fail(err, EE_CONFIG,
                       "the pkcs11: URI names no key: add object=LABEL or "
                       "id=%%01 (its CKA_ID)");
    }
    return EE_OK;
}

/* ---- the values ---- */

struct ee_bytes ee_p11_uri_attribute(P11KitUri *uri, CK_ATTRIBUTE_TYPE type)
{
    const CK_ATTRIBUTE *a = p11_kit_uri_get_attribute(uri, type);

    return a == NULL ? ee_bytes(NULL, 0) : ee_bytes(a->pValue, a->ulValueLen);
}

static CK_OBJECT_CLASS class_of(P11KitUri *uri)
{
    const struct ee_bytes v = ee_p11_uri_attribute(uri, CKA_CLASS);
    CK_OBJECT_CLASS class = CKO_VENDOR_DEFINED;

    if (v.n == sizeof class) {
        memcpy(&class, v.p, sizeof class);
    }
    return class;
}

/* Fields of a token are padded with blanks. */
static struct ee_bytes unpadded(const unsigned char *field, size_t n)
{
    return ee_bytes(field, p11_kit_space_strlen(field, n));
}

static struct ee_bytes value_of(P11KitUri *uri, int i)
{
    const CK_TOKEN_INFO *t = p11_kit_uri_get_token_info(uri);
    static const char secret[] = "secret-key";
    static const char private[] = "private";

    switch (i) {
    case TOKEN:
        return unpadded(t->label, sizeof t->label);
    case SERIAL:
        return unpadded(t->serialNumber, sizeof t->serialNumber);
    case MODEL:
        return unpadded(t->model, sizeof t->model);
    case MAKER:
        return unpadded(t->manufacturerID, sizeof t->manufacturerID);
    case OBJECT:
        return ee_p11_uri_attribute(uri, CKA_LABEL);
    case ID:
        return ee_p11_uri_attribute(uri, CKA_ID);
    default:
        return class_of(uri) == CKO_SECRET_KEY
                   ? ee_bytes(secret, sizeof secret - 1)
                   : ee_bytes(private, sizeof private - 1);
    }
}

/* They are shown in messages and on a terminal. */
static bool has_control(struct ee_bytes v)
{
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < 0x20 || v.p[i] == 0x7F) {
            return true;
        }
    }
    return false;
}

static int check_values(P11KitUri *uri, unsigned seen, struct ee_error *err)
{
    for (int i = 0; i < ATTRIBUTES; i++) {
        const struct ee_bytes v = value_of(uri, i);
        const size_t most = i == ID ? EE_P11_ID_MAX : EE_P11_LABEL_MAX;

        if ((seen & (1U << i)) == 0) {
            continue;
        }
        if (v.n == 0 || v.n > most || (i != ID && has_control(v))) {
            return ee_fail(err, EE_CONFIG,
                           "'%s' of the pkcs11: URI is empty, longer than %zu "
                           "bytes, or holds a control character",
                           names[i], most);
        }
    }
    if ((seen & (1U << TYPE)) != 0 && class_of(uri) != CKO_SECRET_KEY &&
        class_of(uri) != CKO_PRIVATE_KEY) {
        return ee_fail(err, EE_CONFIG,
                       "'type' of the pkcs11: URI must be secret-key or "
                       "private: no other object can unwrap a key");
    }
    return EE_OK;
}

/* *uri is made by the caller. */
static int parse(P11KitUri *uri, unsigned *seen, const char *text,
                 struct ee_error *err)
{
    int rc = EE_OK;

    if (strnlen(text, ENVELOPE_URI_MAX) == ENVELOPE_URI_MAX) {
        return ee_fail(err, EE_CONFIG,
                       "the pkcs11: URI is longer than %d characters",
                       ENVELOPE_URI_MAX - 1);
    }
    rc = check_characters(text, err);
    if (rc == EE_OK) {
        rc = check_names(seen, text, err);
    }
    if (rc == EE_OK) {
        rc = check_enough(*seen, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    /* a type that p11-kit does not know counts as not recognized, too */
    if (p11_kit_uri_parse(text, P11_KIT_URI_FOR_OBJECT_ON_TOKEN, uri) !=
            P11_KIT_URI_OK ||
        p11_kit_uri_any_unrecognized(uri)) {
        return ee_fail(err, EE_CONFIG, "this is not a pkcs11: URI: " FORM);
    }
    return check_values(uri, *seen, err);
}

int ee_p11_uri_parse(P11KitUri **out, const char *text, struct ee_error *err)
{
    unsigned seen = 0;
    int rc = EE_OK;

    *out = p11_kit_uri_new();
    if (*out == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for a pkcs11: URI");
    }
    rc = parse(*out, &seen, text, err);
    if (rc != EE_OK) {
        p11_kit_uri_free(*out);
        *out = NULL;
    }
    return rc;
}

/* ---- the one spelling ---- */

static void write_text(struct ee_writer *w, const char *text)
{
    ee_write_bytes(w, ee_bytes(text, strlen(text)));
}

static void write_value(struct ee_writer *w, struct ee_bytes v)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < v.n; i++) {
        const uint8_t c = v.p[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || (c != 0 && strchr("-._~", c) != NULL)) {
            ee_write_u8(w, c);
        } else {
            ee_write_u8(w, '%');
            ee_write_u8(w, (uint8_t)hex[c >> 4]);
            ee_write_u8(w, (uint8_t)hex[c & 15]);
        }
    }
}

int ee_p11_uri_normalize(char *out, const char *text, struct ee_error *err)
{
    struct ee_writer w = ee_writer((uint8_t *)out, ENVELOPE_URI_MAX);
    P11KitUri *uri = p11_kit_uri_new();
    const char *between = "pkcs11:";
    unsigned seen = 0;
    int rc = EE_OK;

    out[0] = '\0';
    if (uri == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for a pkcs11: URI");
    }
    rc = parse(uri, &seen, text, err);
    for (int i = 0; rc == EE_OK && i < ATTRIBUTES; i++) {
        if ((seen & (1U << i)) != 0) {
            write_text(&w, between);
            write_text(&w, names[i]);
            write_text(&w, "=");
            write_value(&w, value_of(uri, i));
            between = ";";
        }
    }
    ee_write_u8(&w, '\0');
    if (rc == EE_OK && w.bad) {
        rc = ee_fail(err, EE_CONFIG,
                     "the pkcs11: URI is longer than %d characters with its "
                     "special characters as %%XX",
                     ENVELOPE_URI_MAX - 1);
    }
    if (rc != EE_OK) {
        out[0] = '\0';
    }
    p11_kit_uri_free(uri);
    return rc;
}
