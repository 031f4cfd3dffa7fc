/* SPDX-License-Identifier: MIT
 *
 * parse.c: the parser of envelopes, on any bytes. What it accepts lies inside
 * the input, in order, and adds up to all of it (FORMAT R1 to R6).
 */
#include "envelope/header.h"

#include <stdlib.h>
#include <string.h>

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void accepted(const struct ee_envelope *e, struct ee_bytes in)
{
    const uint8_t *at = in.p;

    check(in.n >= EE_OVERHEAD);
    check(at[0] == 0xfe && at[1] == 0x45 && at[2] == 1);
    check(e->suite == at[3] && (e->suite == 1 || e->suite == 2));
    check(e->flags == at[4] && e->flags <= 7);
    at += EE_PREFIX_BYTES;
    check(e->key_id == at);
    at += EE_KEY_ID_BYTES;
    if ((e->flags & EE_FLAG_INDEX) != 0) {
        check(e->index == at);
        at += EE_INDEX_BYTES;
    } else {
        check(e->index == NULL);
    }
    if ((e->flags & EE_FLAG_RECORD) != 0) {
        check(e->record.n == (size_t)at[0] * 256 + at[1]);
        check(e->record.n >= 1 && e->record.n <= EE_RECORD_MAX);
        check(e->record.p == at + 2);
        at += 2 + e->record.n;
    } else {
        check(e->record.n == 0);
    }
    check(e->wrapped == at);
    at += EE_WRAPPED_BYTES;
    check(e->data.p == at && e->data.n >= EE_DATA_OVERHEAD);
    check(at + e->data.n == in.p + in.n);
    check(in.n == ee_envelope_size(e->flags, e->data.n - EE_TAG_BYTES) +
                      ((e->flags & EE_FLAG_RECORD) != 0 ? 2 + e->record.n : 0));
}

/* Says why in one printable line, and leaves *e alone. */
static void refused(const struct ee_envelope *e, const struct ee_error *err)
{
    const struct ee_envelope untouched = {.suite = 0xaa};

    check(err->code == EE_MALFORMED);
    check(memchr(err->msg, '\0', sizeof err->msg) != NULL);
    check(strlen(err->msg) > 10 && strchr(err->msg, '\n') == NULL);
    check(e->suite == untouched.suite && e->key_id == NULL &&
          e->wrapped == NULL && e->data.p == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ee_envelope e = {.suite = 0xaa};
    struct ee_error err = {0};

    if (ee_envelope_parse(&e, ee_bytes(data, size), &err) == EE_OK) {
        accepted(&e, ee_bytes(data, size));
    } else {
        refused(&e, &err);
    }
    return 0;
}
