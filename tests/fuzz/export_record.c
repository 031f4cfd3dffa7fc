/* SPDX-License-Identifier: MIT
 *
 * export_record.c: the parser of export records, on any bytes. What it accepts
 * lies inside the input and adds up to all of it (FORMAT R30); written again
 * it is the same but for its tag; and the tag is right only under its X.
 */
#include "envelope/export_record.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t payload[EE_EXPORT_PAYLOAD_BYTES] = "KEK, then X";

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void lies_inside(const struct ee_export_record *r, struct ee_bytes in)
{
    const uint8_t *at = in.p + 1 + 1 + EE_MAC_BYTES + 1;

    check(in.p[0] == 1 && r->suite == in.p[1] && r->fingerprint == in.p + 2);
    check(r->count == at[-1] && r->count >= 1);
    check(r->count <= EE_EXPORT_WRAPS_MAX);
    for (size_t i = 0; i < r->count; i++) {
        const struct ee_export_wrap *w = &r->wraps[i];

        check(w->uri.p == at + 2 && w->uri.n >= 1);
        check(w->uri.n <= EE_EXPORT_URI_MAX);
        check(memchr(w->uri.p, '\0', w->uri.n) == NULL);
        at += 2 + w->uri.n;
        check(w->wrapped.p == at + 2 && w->wrapped.n >= 1);
        at += 2 + w->wrapped.n;
    }
    check(r->tagged.p == in.p && r->tagged.p + r->tagged.n == at);
    check(r->tag == at && at + EE_MAC_BYTES == in.p + in.n);
}

static void write_again(const struct ee_export_record *r, struct ee_bytes in)
{
    static struct ee_export_draft d;

    ee_export_begin(&d, r->suite, r->fingerprint);
    for (size_t i = 0; i < r->count; i++) {
        ee_export_add(&d, r->wraps[i].uri, r->wraps[i].wrapped);
    }
    check(ee_export_finish(&d, payload) == (in.n <= EE_RECORD_MAX));
    if (in.n <= EE_RECORD_MAX) {
        check(d.used == in.n && memcmp(d.bytes, in.p, r->tagged.n) == 0);
    }
}

/* Says why in one printable line, and leaves *r alone. */
static void refused(const struct ee_export_record *r,
                    const struct ee_error *err)
{
    check(err->code == EE_MALFORMED && r->suite == 0xaa);
    check(err->msg[0] != '\0' && strlen(err->msg) < sizeof err->msg - 1);
    for (const char *c = err->msg; *c != '\0'; c++) {
        check(*c >= ' ' && *c <= '~');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ee_export_record r = {.suite = 0xaa};
    struct ee_error err = {0};

    if (ee_export_record_parse(&r, ee_bytes(data, size), &err) == EE_OK) {
        lies_inside(&r, ee_bytes(data, size));
        write_again(&r, ee_bytes(data, size));
        check(!ee_export_authentic(&r, payload));
    } else {
        refused(&r, &err);
    }
    return 0;
}
