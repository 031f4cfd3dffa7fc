/* SPDX-License-Identifier: MIT
 *
 * open_rewrap.c: what opens equals what was sealed.
 *
 * The input says what to seal, and how to change the envelope and the context
 * before they are opened. Then exactly this must hold: it opens if and only
 * if the envelope is one that was sealed, apart from an embedded record (FORMAT
 * R6, R21), and the context is the same; what comes out is what went in. Two
 * values are sealed alike, so that parts of one can be put into the other. A
 * rewrap is accepted whenever open is, changes key id and W only, and opens
 * under the new key if and only if it opened before.
 *
 *     u8 suite and flags, u8 type, u8 value length, u8 parts, u8 ops,
 *     the value, the parts (u8 type, u8 length, body), the ops (5 bytes each)
 */
#include "base/secret.h"
#include "envelope/envelope.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX  4
#define OPS_MAX    8
#define RECORD_MAX 64
#define BLOB_MAX   2048

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

/* ---- keys, and randomness that is the same in every run ---- */

static struct ee_engine engine;
static struct ee_kek *keks[3];    /* by suite */
static struct ee_kek *targets[3]; /* of the same name */
static uint32_t draws;

static const char *source_name(void)
{
    return "counted";
}

static uint32_t source_word(void)
{
    return draws++;
}

static void source_buf(void *const out, const size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ((uint8_t *)out)[i] = (uint8_t)(draws++ * 2654435761u >> 24);
    }
}

static randombytes_implementation source = {
    .implementation_name = source_name,
    .random = source_word,
    .buf = source_buf,
};

static struct ee_kek *new_kek(uint8_t suite, uint8_t fill)
{
    uint8_t bytes[EE_KEY_BYTES];
    static const uint8_t secret[EE_KEY_BYTES];
    struct ee_kek *kek = NULL;
    struct ee_error err;

    memset(bytes, fill, sizeof bytes);
    check(ee_kek_new(&kek, &engine.ossl, ee_suite_by_id(suite), bytes, secret,
                     &err) == EE_OK);
    return kek;
}

static void set_up(void)
{
    struct ee_error err;

    (void)randombytes_set_implementation(&source);
    check(ee_engine_init(&engine, &err) == EE_OK);
    for (uint8_t s = 1; s <= 2; s++) {
        keks[s] = new_kek(s, 1);
        targets[s] = new_kek(s, 2);
    }
}

/* ---- what the input says ---- */

struct input {
    const uint8_t *p;
    size_t n;
};

static uint8_t take(struct input *in)
{
    if (in->n == 0) {
        return 0;
    }
    in->n--;
    return *in->p++;
}

/* At most n bytes of the input, allocated exactly. */
static struct ee_bytes take_bytes(struct input *in, size_t n)
{
    const size_t len = n < in->n ? n : in->n;
    uint8_t *out = malloc(len > 0 ? len : 1);

    check(out != NULL);
    if (len > 0) {
        memcpy(out, in->p, len);
        in->p += len;
        in->n -= len;
    }
    return ee_bytes(out, len);
}

/* A number wants 8 bytes; what has fewer is filled up. A NaN is never sealed
 * (FORMAT R13). */
static struct ee_value make_value(uint8_t type, struct ee_bytes bytes)
{
    uint8_t number[EE_NUMBER_BYTES] = {0};
    struct ee_value v;

    if (type == EE_TEXT || type == EE_BLOB) {
        check(ee_value_decode(&v, type, bytes));
        return v;
    }
    if (type == EE_NULL) {
        return ee_value_null();
    }
    if (bytes.n > 0) {
        memcpy(number, bytes.p, bytes.n < 8 ? bytes.n : 8);
    }
    if (!ee_value_decode(&v, type, ee_bytes(number, sizeof number))) {
        return ee_value_real(0.5);
    }
    return v;
}

struct context {
    size_t n;
    struct ee_bytes bytes[PARTS_MAX]; /* owned */
    struct ee_value parts[PARTS_MAX];
};

struct plan {
    uint8_t suite;
    uint8_t flags;
    struct ee_bytes bytes; /* owned */
    struct ee_value value;
    struct context sealed;
    struct context told; /* when opening */
    size_t ops;
};

static struct ee_bytes copy(struct ee_bytes b)
{
    struct input in = {b.p, b.n};

    return take_bytes(&in, b.n);
}

static void read_context(struct input *in, struct context *c, size_t n)
{
    c->n = n;
    for (size_t i = 0; i < n; i++) {
        const uint8_t type = (uint8_t)(1 + take(in) % EE_NULL);

        c->bytes[i] = take_bytes(in, take(in));
        c->parts[i] = make_value(type, c->bytes[i]);
    }
}

static void copy_context(struct context *to, const struct context *from)
{
    to->n = from->n;
    for (size_t i = 0; i < from->n; i++) {
        to->bytes[i] = copy(from->bytes[i]);
        to->parts[i] = make_value(from->parts[i].type, to->bytes[i]);
    }
}

static void free_context(struct context *c)
{
    for (size_t i = 0; i < PARTS_MAX; i++) {
        free((void *)c->bytes[i].p);
    }
}

static void read_plan(struct plan *p, struct input *in)
{
    const uint8_t how = take(in);
    const uint8_t type = (uint8_t)(1 + take(in) % EE_BLOB);
    const size_t value_n = take(in);
    const size_t parts = take(in) % (PARTS_MAX + 1);

    *p = (struct plan){.suite = (uint8_t)(1 + how % 2),
                       .flags = how >> 1 & EE_FLAGS_KNOWN,
                       .ops = take(in) % (OPS_MAX + 1)};
    p->bytes = take_bytes(in, value_n);
    p->value = make_value(type, p->bytes);
    read_context(in, &p->sealed, parts);
    copy_context(&p->told, &p->sealed);
}

static void free_plan(struct plan *p)
{
    free((void *)p->bytes.p);
    free_context(&p->sealed);
    free_context(&p->told);
}

/* ---- sealing ---- */

struct blob {
    size_t n;
    uint8_t p[BLOB_MAX];
};

static uint8_t *make_context(struct ee_context *out, const struct context *c)
{
    size_t size = EE_CONTEXT_HEADROOM;
    uint8_t *buf = NULL;

    for (size_t i = 0; i < c->n; i++) {
        size += ee_context_part_size(&c->parts[i]);
    }
    buf = malloc(size);
    check(buf != NULL);
    ee_context_init(out, buf, size);
    for (size_t i = 0; i < c->n; i++) {
        ee_context_add(out, &c->parts[i]);
    }
    check(!out->overflow && out->end == size);
    return buf;
}

static void insert(struct blob *b, size_t at, const uint8_t *p, size_t n)
{
    if (at <= b->n && b->n + n <= BLOB_MAX) {
        memmove(b->p + at + n, b->p + at, b->n - at);
        memcpy(b->p + at, p, n);
        b->n += n;
    }
}

static void cut(struct blob *b, size_t at, size_t n)
{
    if (at < b->n) {
        n = n < b->n - at ? n : b->n - at;
        memmove(b->p + at, b->p + at + n, b->n - at - n);
        b->n -= n;
    }
}

static size_t record_at(const struct blob *b)
{
    const bool indexed = b->n > 4 && (b->p[4] & EE_FLAG_INDEX) != 0;

    return EE_HEADER_BYTES + (indexed ? (size_t)EE_INDEX_BYTES : 0);
}

static void add_record(struct blob *b, uint8_t fill)
{
    uint8_t record[2 + RECORD_MAX];
    const size_t n = 1 + fill % RECORD_MAX;

    memset(record, fill, sizeof record);
    record[0] = 0;
    record[1] = (uint8_t)n;
    if (b->n >= EE_OVERHEAD && (b->p[4] & EE_FLAG_RECORD) == 0) {
        insert(b, record_at(b), record, 2 + n);
        b->p[4] |= EE_FLAG_RECORD;
    }
}

static void seal(struct blob *b, const struct plan *p,
                 const struct ee_value *value)
{
    const uint8_t flags = p->flags & (EE_FLAG_INDEX | EE_FLAG_PADDED);
    static const uint8_t index[EE_INDEX_BYTES] = "any 16 bytes do";
    struct ee_context c;
    uint8_t *buf = make_context(&c, &p->sealed);

    b->n = ee_seal_size(value, flags);
    check(b->n <= BLOB_MAX);
    check(ee_seal(&engine, keks[p->suite], b->p, value, &c, flags,
                  (flags & EE_FLAG_INDEX) != 0 ? index : NULL) == EE_OK);
    if ((p->flags & EE_FLAG_RECORD) != 0) {
        add_record(b, 5);
    }
    free(buf);
}

/* ---- changing ---- */

static void drop_record(struct blob *b)
{
    const size_t at = record_at(b);

    if (b->n >= at + 2 && (b->p[4] & EE_FLAG_RECORD) != 0) {
        cut(b, at, 2 + (size_t)b->p[at] * 256 + b->p[at + 1]);
        b->p[4] &= (uint8_t)~EE_FLAG_RECORD;
    }
}

static void change_context(struct context *c, uint8_t which, uint8_t what)
{
    const size_t i = c->n > 0 ? which % c->n : 0;

    if (what % 4 == 0 && c->n < PARTS_MAX) {
        free((void *)c->bytes[c->n].p);
        c->bytes[c->n] = copy(ee_bytes(NULL, 0));
        c->parts[c->n++] = ee_value_null();
    } else if (what % 4 == 1 && c->n > 0) {
        c->n--;
    } else if (what % 4 == 2 && c->n > 0) {
        c->parts[i] =
            make_value((uint8_t)(1 + what / 4 % EE_NULL), c->bytes[i]);
    } else if (c->n > 0 && c->bytes[i].n > 0) {
        ((uint8_t *)c->bytes[i].p)[what % c->bytes[i].n] ^= 0x40;
        c->parts[i] = make_value(c->parts[i].type, c->bytes[i]);
    }
}

/* One op: what to do, where (16 bits), and two bytes more. */
static void change(struct blob *b, struct plan *p, const struct blob *other,
                   struct input *in)
{
    const uint8_t op = take(in);
    const size_t where = (size_t)take(in) * 256 + take(in);
    const size_t at = b->n > 0 ? where % b->n : 0;
    const uint8_t x = take(in);
    const uint8_t y = take(in);

    switch (op % 8) {
    case 0:
        b->p[at] ^= x;
        break;
    case 1:
        cut(b, at, x);
        break;
    case 2:
        insert(b, at, &x, 1);
        break;
    case 3: /* of another envelope, under the same key */
        for (size_t i = at; i < at + x && i < b->n && i < other->n; i++) {
            b->p[i] = other->p[i];
        }
        break;
    case 4:
        b->n = at;
        break;
    case 5:
        insert(b, b->n, &y, 1);
        break;
    case 6:
        change_context(&p->told, x, y);
        break;
    default:
        if (x % 2 == 0) {
            drop_record(b);
        } else {
            add_record(b, y);
        }
    }
}

/* ---- what must hold ---- */

static bool same_value(const struct ee_value *a, const struct ee_value *b)
{
    const struct ee_bytes x = ee_value_body(a);
    const struct ee_bytes y = ee_value_body(b);

    return a->type == b->type && x.n == y.n &&
           (x.n == 0 || memcmp(x.p, y.p, x.n) == 0);
}

static bool same_context(const struct context *a, const struct context *b)
{
    bool same = a->n == b->n;

    for (size_t i = 0; same && i < a->n; i++) {
        same = same_value(&a->parts[i], &b->parts[i]);
    }
    return same;
}

/* Equal but for an embedded record, and well formed? */
static bool same_envelope(const struct blob *a, const struct blob *b)
{
    struct blob x = *a;
    struct blob y = *b;
    struct ee_envelope e;
    struct ee_error err;

    if (ee_envelope_parse(&e, ee_bytes(a->p, a->n), &err) != EE_OK) {
        return false;
    }
    drop_record(&x);
    drop_record(&y);
    return x.n == y.n && memcmp(x.p, y.p, x.n) == 0;
}

/* Opens an exact copy, so that a read past its end is seen. What comes out
 * must be as expected, NULL for nothing. */
static bool opens(const struct ee_kek *kek, const struct blob *b,
                  const struct context *told, const struct ee_value *expected)
{
    struct ee_bytes exact = copy(ee_bytes(b->p, b->n));
    struct ee_envelope e;
    struct ee_error err;
    struct ee_context c;
    struct ee_value value;
    uint8_t *scratch = NULL;
    uint8_t *buf = NULL;
    int rc = ee_envelope_parse(&e, exact, &err);

    if (rc == EE_OK) {
        buf = make_context(&c, told);
        scratch = calloc(1, ee_open_size(&e));
        check(scratch != NULL);
        rc = ee_open(&engine, kek, scratch, &value, &e, &c);
        check(rc == EE_OK || rc == EE_AUTH);
        check(rc == EE_OK ? expected != NULL && same_value(&value, expected)
                          : ee_is_zero(scratch, ee_open_size(&e)));
    }
    free(scratch);
    free(buf);
    free((void *)exact.p);
    return rc == EE_OK;
}

/* False when it is refused. */
static bool rewrap(struct blob *out, const struct plan *p, const struct blob *b)
{
    struct ee_bytes exact = copy(ee_bytes(b->p, b->n));
    struct ee_envelope e;
    struct ee_error err;
    int rc = ee_envelope_parse(&e, exact, &err);

    *out = *b;
    if (rc == EE_OK) {
        rc = ee_rewrap(&engine, keks[p->suite], targets[p->suite], out->p, &e);
        check(rc == EE_OK || rc == EE_AUTH);
    }
    if (rc != EE_OK) {
        check(memcmp(out->p, b->p, b->n) == 0);
    } else { /* all but key id and W is kept */
        const size_t w = (size_t)(e.wrapped - exact.p);

        check(memcmp(out->p, b->p, EE_PREFIX_BYTES) == 0);
        check(memcmp(out->p + EE_HEADER_BYTES, b->p + EE_HEADER_BYTES,
                     w - EE_HEADER_BYTES) == 0);
        check(memcmp(out->p + w + EE_WRAPPED_BYTES, b->p + w + EE_WRAPPED_BYTES,
                     b->n - w - EE_WRAPPED_BYTES) == 0);
        check(memcmp(out->p + EE_PREFIX_BYTES, targets[p->suite]->key_id,
                     EE_KEY_ID_BYTES) == 0);
    }
    free((void *)exact.p);
    return rc == EE_OK;
}

/* A value and what it was sealed to. */
struct sealed {
    struct ee_value value;
    struct blob blob;
};

/* Of which sealed envelope is this one, if any? */
static const struct sealed *origin(const struct blob *changed,
                                   const struct sealed *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (same_envelope(changed, &all[i].blob)) {
            return &all[i];
        }
    }
    return NULL;
}

static void hold(const struct plan *p, const struct sealed *all, size_t n,
                 const struct blob *changed)
{
    const struct sealed *from = origin(changed, all, n);
    const struct ee_value *value = from != NULL ? &from->value : NULL;
    const bool expected = value != NULL && same_context(&p->told, &p->sealed);
    static struct blob moved;

    check(opens(keks[p->suite], changed, &p->told, value) == expected);
    check(!opens(targets[p->suite], changed, &p->told, NULL));
    if (rewrap(&moved, p, changed)) {
        check(opens(targets[p->suite], &moved, &p->told, value) == expected);
        check(!opens(keks[p->suite], &moved, &p->told, NULL));
    } else {
        check(from == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sealed all[2];
    static struct blob changed;
    struct input in = {data, size};
    struct plan p;

    if (keks[1] == NULL) {
        set_up();
    }
    read_plan(&p, &in);
    all[0].value = p.value;
    all[1].value = ee_value_text(ee_bytes("another row", 11));
    for (size_t i = 0; i < 2; i++) {
        seal(&all[i].blob, &p, &all[i].value);
    }
    changed = all[0].blob;
    for (size_t i = 0; i < p.ops; i++) {
        change(&changed, &p, &all[1].blob, &in);
    }
    hold(&p, all, 2, &changed);
    free_plan(&p);
    return 0;
}
