/* SPDX-License-Identifier: MIT
 *
 * pkcs11_parse.c: a wrap and a pkcs11: URI, on any bytes. What is accepted has
 * the sizes that the rest believes; a URI has one spelling, which is its own.
 */
#include "pkcs11/uri.h"
#include "pkcs11/wrap_format.h"

#include <stdlib.h>
#include <string.h>

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void wrap(struct ee_bytes in)
{
    struct ee_p11_wrap w;
    uint8_t head[EE_P11_HEAD_MAX];
    uint8_t aad[EE_P11_AAD_MAX];

    if (!ee_p11_wrap_read(&w, in)) {
        check(w.head.p == NULL && w.sealed.p == NULL && w.mechanism == 0);
        return;
    }
    check(w.mechanism >= EE_P11_AES_GCM && w.mechanism < EE_P11_MECHANISMS);
    check(w.head.p == in.p && w.id.p == in.p + 3 && w.id.n <= EE_P11_ID_MAX);
    check(w.head.n + w.iv.n + w.carried.n + w.sealed.n == in.n);
    check(w.sealed.p + w.sealed.n == in.p + in.n);
    check(w.sealed.n == EE_P11_SEALED_BYTES);
    check((w.iv.n == 0) != (w.carried.n == 0));
    check(w.carried.n <= EE_P11_RSA_BYTES_MAX);
    check(ee_p11_wrap_head(head, w.mechanism, w.id) == w.head.n);
    check(memcmp(head, w.head.p, w.head.n) == 0);
    check(ee_p11_wrap_aad(aad, w.head, ee_bytes("c", 1)) != 0);
}

static void uri(const char *text)
{
    char one[ENVELOPE_URI_MAX];
    char two[ENVELOPE_URI_MAX];
    struct ee_error err = {0};
    P11KitUri *parsed = NULL;
    const int rc = ee_p11_uri_normalize(one, text, &err);

    check(ee_p11_uri_parse(&parsed, text, &err) == EE_OK || rc != EE_OK);
    p11_kit_uri_free(parsed);
    if (rc != EE_OK) {
        check(rc == EE_CONFIG && one[0] == '\0');
        check(strlen(err.msg) > 10 && strpbrk(err.msg, "\n\x1B") == NULL);
        return;
    }
    check(strncmp(one, "pkcs11:", 7) == 0 && strpbrk(one, "?# ") == NULL);
    check(strstr(one, "token=") != NULL || strstr(one, "serial=") != NULL);
    check(strstr(one, "object=") != NULL || strstr(one, "id=") != NULL);
    check(ee_p11_uri_normalize(two, one, &err) == EE_OK);
    check(strcmp(one, two) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[2 * ENVELOPE_URI_MAX];

    wrap(ee_bytes(data, size));
    if (size < sizeof text) {
        memcpy(text, data, size);
        text[size] = '\0';
        uri(text);
    }
    return 0;
}
