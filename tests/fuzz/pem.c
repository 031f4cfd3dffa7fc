/* SPDX-License-Identifier: MIT
 *
 * pem.c: a PEM file's text and DER, and a wrap under one, on any bytes. What
 * is accepted lies inside the input and has the sizes that the rest of the
 * code believes.
 */
#include "crypto/pbes2.h"
#include "crypto/pubkey.h"
#include "provider/pem_wrap.h"

#include <stdlib.h>
#include <string.h>

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void inside(struct ee_bytes part, struct ee_bytes whole)
{
    check(part.n == 0 ||
          (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void key(int label, struct ee_bytes der)
{
    struct ee_key_der k;

    if (!ee_key_der_parse(&k, label, der)) {
        check(k.algorithm == 0 && k.other == NULL && k.x.p == NULL);
        return;
    }
    check(k.has_private == ee_pem_is_private(label));
    for (int i = 0; i < EE_RSA_NUMBERS; i++) {
        inside(k.number[i], der);
        check(k.number[i].n == 0 || k.number[i].p[0] != 0);
    }
    inside(k.x, der);
    check(k.algorithm != EE_PUBKEY_X25519 || k.x.n == EE_X25519_BYTES);
    check(k.algorithm != EE_PUBKEY_OTHER || k.other != NULL);
}

static void encrypted(struct ee_bytes der)
{
    struct ee_pbes2 p;

    if (ee_pbes2_parse(&p, der)) {
        inside(p.salt, der);
        inside(p.iv, der);
        inside(p.data, der);
        check(p.data.n > 0 && (p.cipher == NULL || p.iv.n == 16));
    } else {
        check(p.cipher == NULL && p.data.p == NULL);
    }
}

static void text(struct ee_bytes in)
{
    static uint8_t der[EE_PEM_MAX];
    struct ee_error err = {0};
    int label = 0;
    size_t n = 0;

    if (ee_pem_read(&label, der, &n, in, "a.pem", &err) != EE_OK) {
        check(err.code == EE_CONFIG && n == 0);
        check(strlen(err.msg) > 10 && strpbrk(err.msg, "\n\x1B") == NULL);
        return;
    }
    check(n > 0 && n <= sizeof der);
    key(label, ee_bytes(der, n));
    encrypted(ee_bytes(der, n));
}

static void wrap(struct ee_bytes in)
{
    struct ee_pem_wrap w;

    if (!ee_pem_wrap_read(&w, in)) {
        check(w.sealed.p == NULL);
        return;
    }
    check(in.p[0] == 1 && (in.p[1] == 1 || in.p[1] == 2));
    check(w.algorithm == in.p[1] && w.id.p == in.p + 2 && w.id.n == 32);
    check(w.sealed.p == in.p + 34 && w.sealed.n == in.n - 34);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The DER is reached without base64, too: mutations of it get further. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ee_bytes in = ee_bytes(data, size);

    if (size <= EE_PEM_MAX) {
        text(in);
        for (int label = EE_PEM_PUBLIC; label <= EE_PEM_ENCRYPTED; label++) {
            key(label, in);
        }
        encrypted(in);
        wrap(in);
    }
    return 0;
}
