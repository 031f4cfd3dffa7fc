/* SPDX-License-Identifier: MIT
 *
 * envelope_exports.c: every file of tests/vectors/exports has the outcome that
 * it says; and no bit of a record can be changed, no byte cut off or added.
 */
#include "base/text.h"
#include "envelope/export_record.h"
#include "kit.h"
#include "tap.h"
#include "vec.h"

#include <stdlib.h>
#include <string.h>

static struct ee_engine engine;

static struct ee_kek *load(uint8_t suite, const uint8_t *kek, const uint8_t *s)
{
    struct ee_kek *out = NULL;
    struct ee_error err;

    if (ee_suite_by_id(suite) == NULL ||
        ee_kek_new(&out, &engine.ossl, ee_suite_by_id(suite), kek, s, &err) !=
            EE_OK) {
        note("no KEK");
        exit(1);
    }
    return out;
}

/* ---- the CMKs of a case: `uri wrapped`, both hex ---- */

struct wraps {
    size_t count;
    struct ee_bytes uri[EE_EXPORT_WRAPS_MAX];
    struct ee_bytes wrapped[EE_EXPORT_WRAPS_MAX];
};

static struct ee_bytes unhex(const char *text, size_t n)
{
    uint8_t *out = kit_alloc(n / 2 + 1);

    if (!ee_unhex(out, n / 2, text, n)) {
        note("not hexadecimal: %s", text);
        exit(1);
    }
    return ee_bytes(out, n / 2);
}

static void read_wraps(struct wraps *w, const struct vec_case *c)
{
    w->count = 0;
    for (size_t i = 0; i < c->count; i++) {
        const char *text = c->lines[i].text;
        const size_t n = strcspn(text, " ");

        if (strcmp(c->lines[i].name, "wrap") == 0) {
            w->uri[w->count] = unhex(text, n);
            w->wrapped[w->count++] = unhex(text + n + 1, strlen(text + n + 1));
        }
    }
}

static void free_wraps(struct wraps *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free((void *)w->uri[i].p);
        free((void *)w->wrapped[i].p);
    }
}

static bool same(struct ee_bytes a, struct ee_bytes b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* ---- export ---- */

static bool exports_right(struct vec_case *c, struct ee_export_draft *d)
{
    const struct ee_bytes expected = vec_bytes(c, "result");
    const uint8_t *payload = vec_exact(c, "payload", EE_EXPORT_PAYLOAD_BYTES);
    const uint8_t suite = vec_exact(c, "suite", 1)[0];
    struct ee_kek *from = load(suite, vec_exact(c, "kek", 32), payload);
    struct ee_kek *to = load(suite, payload, payload + EE_KEY_BYTES);
    struct ee_envelope e = {0};
    struct ee_error err;
    struct wraps w;
    uint8_t *out = kit_alloc(expected.n);
    bool right = false;

    read_wraps(&w, c);
    ee_export_begin(d, suite, to->fingerprint);
    for (size_t i = 0; i < w.count; i++) {
        ee_export_add(d, w.uri[i], w.wrapped[i]);
    }
    right = ee_export_finish(d, payload) &&
            ee_envelope_parse(&e, vec_bytes(c, "envelope"), &err) == EE_OK &&
            ee_export_size(&e, ee_bytes(d->bytes, d->used)) == expected.n &&
            ee_export(&engine, from, to, ee_bytes(d->bytes, d->used), out,
                      &e) == EE_OK &&
            same(ee_bytes(out, expected.n), expected);
    free(out);
    free_wraps(&w);
    ee_kek_free(from);
    ee_kek_free(to);
    return right;
}

/* ---- import ---- */

static bool opens(struct vec_case *c, const struct ee_envelope *e,
                  const struct ee_value *expected)
{
    const uint8_t *payload = vec_exact(c, "payload", EE_EXPORT_PAYLOAD_BYTES);
    struct ee_kek *kek = load(e->suite, payload, payload + EE_KEY_BYTES);
    const size_t n = vec_count(c, "context");
    struct ee_value *parts = kit_alloc(n * sizeof *parts);
    uint8_t *scratch = kit_alloc(ee_open_size(e));
    struct ee_context context;
    struct ee_value value;
    uint8_t *buf = NULL;
    bool right = false;

    for (size_t i = 0; i < n; i++) {
        parts[i] = vec_value(c, "context", i);
    }
    buf = kit_context(&context, parts, n);
    right = ee_open(&engine, kek, scratch, &value, e, &context) == EE_OK &&
            (expected == NULL || kit_same_value(&value, expected));
    free(buf);
    free(parts);
    free(scratch);
    ee_kek_free(kek);
    return right;
}

/* In the order that FORMAT section 11 asks for. */
static const char *import(struct vec_case *c, struct ee_export_record *r)
{
    struct ee_envelope e;
    struct ee_error err = {0};

    if (ee_envelope_parse(&e, vec_bytes(c, "envelope"), &err) != EE_OK) {
        return "no envelope";
    }
    if (e.record.n == 0) {
        return "refused";
    }
    if (ee_export_record_parse(r, e.record, &err) != EE_OK) {
        return err.code == EE_MALFORMED ? "malformed" : "a wrong code";
    }
    if (!ee_export_is_for(r, &e) ||
        !ee_export_authentic(r, vec_exact(c, "payload", 64)) ||
        !opens(c, &e, NULL)) {
        return "authentication";
    }
    return "ok";
}

static bool import_is_right(struct vec_case *c,
                            const struct ee_export_record *r)
{
    const struct ee_value expected = vec_value(c, "value", 0);
    const struct ee_bytes context = vec_bytes(c, "provider-context");
    uint8_t ours[EE_EXPORT_CONTEXT_BYTES];
    struct ee_envelope e;
    struct ee_error err;
    struct wraps w;
    bool right = ee_envelope_parse(&e, vec_bytes(c, "envelope"), &err) == EE_OK;

    read_wraps(&w, c);
    right = right && opens(c, &e, &expected) && r->count == w.count;
    for (size_t i = 0; right && i < w.count; i++) {
        right = same(r->wraps[i].uri, w.uri[i]) &&
                same(r->wraps[i].wrapped, w.wrapped[i]);
    }
    ee_export_context(ours, r->suite, r->fingerprint);
    free_wraps(&w);
    return right && same(ee_bytes(ours, sizeof ours), context);
}

static void run_file(const char *path, void *arg)
{
    struct ee_export_draft *draft = kit_alloc(sizeof *draft);
    struct ee_export_record record;
    struct vec_case c = {0};
    FILE *file = vec_open(path);
    bool right = false;

    (void)arg;
    while (vec_next(file, &c)) {
        if (vec_is(&c, "op", "export")) {
            right = exports_right(&c, draft);
        } else {
            right =
                vec_is(&c, "expect", import(&c, &record)) &&
                (!vec_is(&c, "expect", "ok") || import_is_right(&c, &record));
        }
        ok(right, "%s: %s", strrchr(path, '/') + 1, vec_text(&c, "expect"));
    }
    (void)fclose(file);
    free(draft);
}

/* ---- any bit, any length ---- */

static const uint8_t payload[64] = "an export KEK of thirty-two bytes, then X";

static void make(struct ee_export_draft *d, const char *uri, size_t wraps,
                 size_t wrapped)
{
    uint8_t *bytes = kit_alloc(wrapped);
    struct ee_kek *kek = load(1, payload, payload + EE_KEY_BYTES);

    kit_fill(bytes, wrapped, 7);
    ee_export_begin(d, 1, kek->fingerprint);
    for (size_t i = 0; i < wraps; i++) {
        ee_export_add(d, ee_bytes(uri, strlen(uri)), ee_bytes(bytes, wrapped));
    }
    ee_kek_free(kek);
    free(bytes);
}

/* The bytes lie in memory that is exactly as long. */
static bool accepts(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = kit_alloc(n);
    struct ee_export_record r;
    struct ee_error err;
    bool yes = false;

    memcpy(copy, bytes, n);
    yes = ee_export_record_parse(&r, ee_bytes(copy, n), &err) == EE_OK &&
          ee_export_authentic(&r, payload);
    free(copy);
    return yes;
}

static void every_bit_counts(struct ee_export_draft *d)
{
    size_t accepted = 0;

    make(d, "keyring:app.keyring", 2, 108);
    ok(ee_export_finish(d, payload) && accepts(d->bytes, d->used),
       "a record is what it was");
    for (size_t bit = 0; bit < 8 * d->used; bit++) {
        d->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        accepted += accepts(d->bytes, d->used);
        d->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ok(accepted == 0, "no bit of a record can be changed");
    for (size_t n = 0; n < d->used; n++) {
        accepted += accepts(d->bytes, n);
    }
    d->bytes[d->used] = 0;
    accepted += accepts(d->bytes, d->used + 1);
    ok(accepted == 0, "nothing can be cut off or added");
}

static void limits(struct ee_export_draft *d)
{
    struct ee_export_record r;
    struct ee_error err;
    char uri[EE_EXPORT_URI_MAX + 2];

    make(d, "keyring:schl\xc3\xbcssel", 1, 9);
    ok(ee_export_finish(d, payload) &&
           ee_export_record_parse(&r, ee_bytes(d->bytes, d->used), &err) ==
               EE_OK &&
           same(r.wraps[0].uri, ee_bytes("keyring:schl%C3%BCssel", 22)),
       "what is not ASCII in a URI is escaped");
    make(d, "keyring:x", 0, 9);
    ok(!ee_export_finish(d, payload), "a record without CMK is not made");
    make(d, "keyring:x", EE_EXPORT_WRAPS_MAX, 9);
    ok(ee_export_finish(d, payload), "16 CMKs fit");
    make(d, "keyring:x", EE_EXPORT_WRAPS_MAX + 1, 9);
    ok(!ee_export_finish(d, payload), "17 CMKs do not");
    make(d, "keyring:x", 1, EE_RECORD_MAX - 35 - 4 - 9 - 32);
    ok(ee_export_finish(d, payload) && d->used == EE_RECORD_MAX,
       "8192 bytes fit");
    make(d, "keyring:x", 1, EE_RECORD_MAX - 35 - 4 - 9 - 32 + 1);
    ok(!ee_export_finish(d, payload), "8193 bytes do not");
    make(d, "keyring:x", 1, EE_RECORD_MAX + 1);
    ok(!ee_export_finish(d, payload), "a wrap longer than any record neither");
    memset(uri, 'u', sizeof uri);
    uri[EE_EXPORT_URI_MAX + 1] = '\0';
    make(d, uri, 1, 9);
    ok(!ee_export_finish(d, payload), "a URI of 1024 bytes does not fit");
    uri[EE_EXPORT_URI_MAX] = '\0';
    make(d, uri, 1, 9);
    ok(ee_export_finish(d, payload), "one of 1023 does");
    uri[0] = '\x01';
    make(d, uri, 1, 9);
    ok(!ee_export_finish(d, payload), "but not if escapes make it longer");
}

int main(int argc, char **argv)
{
    struct ee_export_draft *draft = kit_alloc(sizeof *draft);
    struct ee_error err;
    size_t n = 0;

    if (ee_engine_init(&engine, &err) != EE_OK) {
        return 1;
    }
    n = vec_each_file(vec_folder(argc, argv), "exports", run_file, NULL);
    ok(n >= 80, "the vectors are there");
    every_bit_counts(draft);
    limits(draft);
    free(draft);
    ee_engine_clear(&engine);
    return done();
}
