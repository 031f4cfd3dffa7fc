/* SPDX-License-Identifier: MIT
 *
 * envelope_bitflip.c: every changed bit, every cut and every added byte of an
 * envelope is refused, for each suite, type, length and flag. The one thing
 * that may change is the body of an embedded record (FORMAT R6, R21).
 */
#include "base/secret.h"
#include "kit.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

#define RECORD_BYTES 9

static struct kit kit;

/* A scope, a row id and a NULL. */
static struct ee_value parts[3];

struct part {
    size_t start;
    size_t end;
};

static bool is_in(struct part p, size_t at)
{
    return at >= p.start && at < p.end;
}

static struct part index_of(const struct shape *s)
{
    const bool has = (s->flags & EE_FLAG_INDEX) != 0;

    return (struct part){EE_HEADER_BYTES,
                         EE_HEADER_BYTES + (has ? EE_INDEX_BYTES : 0)};
}

/* The record's body, without its length. */
static struct part record_of(const struct shape *s)
{
    const bool has = (s->flags & EE_FLAG_RECORD) != 0;
    const size_t start = index_of(s).end + (has ? 2 : 0);

    return (struct part){start, start + (has ? s->record_bytes : 0)};
}

static struct part wrap_of(const struct shape *s)
{
    const size_t start = record_of(s).end;

    return (struct part){start, start + EE_WRAPPED_BYTES};
}

/* ---- what becomes of a changed envelope ---- */

static bool opens(struct ee_bytes blob, const struct shape *s)
{
    bool equal = false;
    int rc = kit_opens(&kit, kit.kek[s->suite], blob, s, &equal);

    if (rc == EE_OK && !equal) {
        note("it opens, and is another value");
        exit(1);
    }
    return rc == EE_OK;
}

/* Rewraps into a copy; is the envelope accepted, and untouched if not? */
static bool rewraps(struct ee_bytes blob, const struct shape *s)
{
    uint8_t *out = kit_alloc(blob.n);
    struct ee_envelope e;
    struct ee_error err;
    int rc = ee_envelope_parse(&e, blob, &err);

    memcpy(out, blob.p, blob.n);
    if (rc == EE_OK) {
        rc = ee_rewrap(&kit.engine, kit.kek[s->suite], kit.target[s->suite],
                       out, &e);
    }
    if (rc != EE_OK && memcmp(out, blob.p, blob.n) != 0) {
        note("a refused rewrap changed its output");
        exit(1);
    }
    free(out);
    return rc == EE_OK;
}

/* Rewrap verifies header, index, W and commitment, not what follows. */
static bool rewrap_may_pass(const struct shape *s, size_t at)
{
    return is_in(record_of(s), at) || at >= wrap_of(s).end + EE_COMMIT_BYTES;
}

struct verdict {
    bool good;     /* the untouched envelope opens and rewraps */
    bool flips;    /* every flip that must be refused is */
    bool rewraps;  /* and by rewrap, what it must refuse */
    bool record;   /* flips in a record's body, and only these, are free */
    bool cuts;     /* every shorter envelope is refused */
    bool appended; /* every longer one, by one byte */
    bool splices;  /* W, index, key id or C of another row */
    size_t tried;
};

static void flip_all(struct verdict *v, uint8_t *p, size_t n,
                     const struct shape *s)
{
    for (size_t bit = 0; bit < 8 * n; bit++) {
        const size_t at = bit / 8;
        const bool is_free = is_in(record_of(s), at);
        bool opened = false;

        p[at] ^= (uint8_t)(1 << bit % 8);
        opened = opens(ee_bytes(p, n), s);
        v->flips = v->flips && (is_free || !opened);
        v->record = v->record && (!is_free || opened);
        v->rewraps =
            v->rewraps && rewraps(ee_bytes(p, n), s) == rewrap_may_pass(s, at);
        p[at] ^= (uint8_t)(1 << bit % 8);
    }
    v->tried += 8 * n;
}

/* Exact allocations, so that a checker sees a read past the end. */
static bool resized_opens(struct ee_bytes blob, size_t n, uint8_t last,
                          const struct shape *s)
{
    uint8_t *p = kit_alloc(n);
    bool opened = false;

    memcpy(p, blob.p, n < blob.n ? n : blob.n);
    if (n > blob.n) {
        p[n - 1] = last;
    }
    opened = opens(ee_bytes(p, n), s);
    free(p);
    return opened;
}

static void cut_and_append(struct verdict *v, struct ee_bytes blob,
                           const struct shape *s)
{
    for (size_t n = 0; n < blob.n; n++) {
        v->cuts = v->cuts && !resized_opens(blob, n, 0, s);
    }
    for (unsigned last = 0; last < 256; last++) {
        v->appended =
            v->appended && !resized_opens(blob, blob.n + 1, (uint8_t)last, s);
    }
    v->tried += blob.n + 256;
}

/* One part of another row's envelope, of the same shape and key. */
static bool spliced_opens(struct ee_bytes blob, struct ee_bytes other,
                          struct part p, const struct shape *s)
{
    uint8_t *out = kit_alloc(blob.n);
    bool opened = false;

    memcpy(out, blob.p, blob.n);
    memcpy(out + p.start, other.p + p.start, p.end - p.start);
    opened =
        memcmp(out, blob.p, blob.n) != 0 && opens(ee_bytes(out, blob.n), s);
    free(out);
    return opened;
}

static void splice(struct verdict *v, struct ee_bytes blob,
                   const struct shape *s)
{
    struct shape row = *s;
    struct ee_value moved[3] = {parts[0], ee_value_integer(8), parts[2]};
    const struct part w = wrap_of(s);
    const struct part pieces[] = {
        w,
        {w.start, w.start + EE_KEY_BYTES},
        {w.end, w.end + EE_WRAP_NONCE_BYTES},
        {w.end, w.end + EE_COMMIT_BYTES},
        {w.end + EE_COMMIT_BYTES, blob.n},
        {w.end, blob.n},
        {w.start, blob.n},
        {blob.n - EE_TAG_BYTES, blob.n},
    };
    struct ee_bytes other;

    row.parts = moved;
    other = kit_seal(&kit, &row);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        v->splices = v->splices && !spliced_opens(blob, other, pieces[i], s);
        v->tried++;
    }
    v->splices = v->splices && !opens(other, s);
    free((void *)other.p);
}

static struct verdict judge(const struct shape *s)
{
    struct verdict v = {true, true, true, true, true, true, true, 0};
    struct ee_bytes blob = kit_seal(&kit, s);
    uint8_t *copy = kit_alloc(blob.n);

    memcpy(copy, blob.p, blob.n);
    v.good = opens(blob, s) && rewraps(blob, s);
    flip_all(&v, copy, blob.n, s);
    cut_and_append(&v, blob, s);
    splice(&v, blob, s);
    v.good = v.good && memcmp(copy, blob.p, blob.n) == 0;
    free(copy);
    free((void *)blob.p);
    return v;
}

/* ---- shapes ---- */

static uint8_t bytes[300];

/* INTEGER, REAL, and TEXT and BLOB of several lengths. */
static struct ee_value value_number(size_t i)
{
    switch (i) {
    case 0:
        return ee_value_integer(-2);
    case 1:
        return ee_value_real(0.5);
    case 2:
        return ee_value_text(ee_bytes(NULL, 0));
    case 3:
        return ee_value_text(ee_bytes(bytes, 22));
    case 4:
        return ee_value_blob(ee_bytes(bytes, 1));
    case 5:
        return ee_value_blob(ee_bytes(bytes, 64));
    default:
        return ee_value_text(ee_bytes(bytes, sizeof bytes));
    }
}

#define VALUES 7
#define FLAGS  8

static void merge(struct verdict *all, struct verdict v)
{
    all->good = all->good && v.good;
    all->flips = all->flips && v.flips;
    all->rewraps = all->rewraps && v.rewraps;
    all->record = all->record && v.record;
    all->cuts = all->cuts && v.cuts;
    all->appended = all->appended && v.appended;
    all->splices = all->splices && v.splices;
    all->tried += v.tried;
}

static void every_shape(uint8_t suite, size_t step)
{
    struct verdict all = {true, true, true, true, true, true, true, 0};
    size_t shapes = 0;

    for (size_t i = 0; i < FLAGS * VALUES; i += step) {
        const struct shape s = {
            .suite = suite,
            .flags = (uint8_t)(i % FLAGS),
            .record_bytes = RECORD_BYTES,
            .value = value_number(i / FLAGS),
            .parts = parts,
            .part_count = 3,
        };
        merge(&all, judge(&s));
        shapes++;
    }
    note("suite %d: %zu shapes, %zu changes", suite, shapes, all.tried);
    ok(all.good, "suite %d: every shape opens and rewraps", suite);
    ok(all.flips, "suite %d: every flipped bit is refused", suite);
    ok(all.record, "suite %d: but in an embedded record's body", suite);
    ok(all.rewraps, "suite %d: rewrap refuses flips up to the commitment",
       suite);
    ok(all.cuts, "suite %d: every shorter envelope is refused", suite);
    ok(all.appended, "suite %d: every added byte is refused", suite);
    ok(all.splices, "suite %d: every part of another row is refused", suite);
}

/* ---- longer values, of which a flip leaves nothing in the scratch ---- */

static bool scratch_is_clean(struct ee_bytes blob, const struct shape *s)
{
    struct ee_envelope e;
    struct ee_error err;
    struct ee_context c;
    struct ee_value value;
    uint8_t *buf = kit_context(&c, parts, 3);
    uint8_t *scratch = NULL;
    bool clean = false;

    if (ee_envelope_parse(&e, blob, &err) != EE_OK) {
        free(buf);
        return false;
    }
    scratch = kit_alloc(ee_open_size(&e));
    memset(scratch, 0, ee_open_size(&e));
    clean = ee_open(&kit.engine, kit.kek[s->suite], scratch, &value, &e, &c) ==
                EE_AUTH &&
            ee_is_zero(scratch, ee_open_size(&e));
    free(scratch);
    free(buf);
    return clean;
}

static void long_values(uint8_t suite)
{
    const size_t n = 100000;
    uint8_t *text = kit_alloc(n);
    struct shape s = {.suite = suite, .parts = parts, .part_count = 3};
    struct ee_bytes blob;
    uint8_t *p = NULL;
    bool clean = true;

    kit_fill(text, n, 3);
    s.value = ee_value_text(ee_bytes(text, n));
    blob = kit_seal(&kit, &s);
    p = (uint8_t *)blob.p;
    for (size_t at = EE_HEADER_BYTES; at < blob.n; at += 1 + blob.n / 200) {
        p[at] ^= 0x10;
        clean = clean && scratch_is_clean(blob, &s);
        p[at] ^= 0x10;
    }
    p[blob.n - 1] ^= 1;
    clean = clean && scratch_is_clean(blob, &s);
    p[blob.n - 1] ^= 1;
    ok(clean && opens(blob, &s),
       "suite %d: a refused long value leaves nothing in the scratch", suite);
    free(text);
    free(p);
}

/* ---- a context, and a key, that are not the sealed ones ---- */

static bool opens_with(struct ee_bytes blob, const struct ee_kek *kek,
                       const struct ee_value *context, size_t n)
{
    struct ee_value value;
    uint8_t *scratch = NULL;
    int rc = kit_open(&kit, kek, blob, context, n, &value, &scratch);

    free(scratch);
    return rc == EE_OK;
}

static void other_contexts(uint8_t suite)
{
    const struct ee_kek *kek = kit.kek[suite];
    const struct ee_value text7 = ee_value_text(ee_bytes("7", 1));
    const struct ee_value empty = ee_value_text(ee_bytes(NULL, 0));
    const struct ee_value a = parts[0];
    const struct ee_value b = parts[1];
    const struct ee_value c = parts[2];
    const struct ee_value wrong[][4] = {
        {a, text7, c, c}, {a, ee_value_real(7), c, c},
        {b, a, c, c},     {a, c, b, c},
        {a, b, empty, c}, {a, ee_value_blob(ee_bytes("7", 1)), c, c},
    };
    struct shape s = {.suite = suite,
                      .flags = EE_FLAG_INDEX,
                      .value = value_number(3),
                      .parts = parts,
                      .part_count = 3};
    struct ee_bytes blob = kit_seal(&kit, &s);
    bool refused = true;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refused = refused && !opens_with(blob, kek, wrong[i], 3);
    }
    for (size_t n = 0; n < 3; n++) {
        refused = refused && !opens_with(blob, kek, parts, n);
    }
    ok(refused && opens_with(blob, kek, parts, 3),
       "suite %d: another, longer, shorter or reordered context is refused",
       suite);
    ok(!opens_with(blob, kit.target[suite], parts, 3) &&
           !opens_with(blob, kit.other[suite], parts, 3) &&
           !opens_with(blob, kit.kek[3 - suite], parts, 3),
       "suite %d: another key, name or suite is refused", suite);
    free((void *)blob.p);
}

int main(void)
{
    /* fewer, not none, for slow checkers; each step meets every flag */
    const size_t step = scaled(100) < 10 ? 5 : 1;

    kit_init(&kit);
    kit_fill(bytes, sizeof bytes, 9);
    parts[0] = ee_value_text(ee_bytes("Customer.Email", 14));
    parts[1] = ee_value_integer(7);
    parts[2] = ee_value_null();
    for (uint8_t suite = 1; suite <= 2; suite++) {
        every_shape(suite, step);
        long_values(suite);
        other_contexts(suite);
    }
    kit_clear(&kit);
    return done();
}
