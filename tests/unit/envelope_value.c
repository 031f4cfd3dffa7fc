/* SPDX-License-Identifier: MIT
 *
 * envelope_value.c: typed values keep every bit, and FORMAT R25 makes equal
 * what SQLite finds equal.
 */
#include "base/secret.h"
#include "envelope/blind_index.h"
#include "envelope/value.h"
#include "kit.h"
#include "tap.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t integers[] = {
    0,
    1,
    -1,
    127,
    128,
    -128,
    255,
    256,
    INT32_MAX,
    INT32_MIN,
    INT64_MAX,
    INT64_MIN,
    INT64_MAX - 1,
    INT64_MIN + 1,
    (int64_t)1 << 53,
    ((int64_t)1 << 53) + 1,
};

static const double reals[] = {
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    DBL_MAX,
    -DBL_MAX,
    DBL_MIN,
    DBL_TRUE_MIN,
    -DBL_TRUE_MIN,
    INFINITY,
    -INFINITY,
    1e300,
    9007199254740993.0,
    9223372036854775808.0,
    -9223372036854775808.0,
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static uint64_t bits_of(double d)
{
    uint64_t bits = 0;

    memcpy(&bits, &d, sizeof bits);
    return bits;
}

/* The value that its own body decodes to. */
static bool comes_back(const struct ee_value *v)
{
    struct ee_value back;

    return ee_value_decode(&back, v->type, ee_value_body(v)) &&
           kit_same_value(&back, v);
}

static void integers_come_back(void)
{
    bool good = true;

    for (size_t i = 0; i < COUNT(integers); i++) {
        const struct ee_value v = ee_value_integer(integers[i]);

        good = good && comes_back(&v) && v.type == EE_INTEGER &&
               ee_value_as_integer(&v) == integers[i];
    }
    ok(good, "integers come back, the limits too");
}

static void reals_come_back(void)
{
    bool good = true;

    for (size_t i = 0; i < COUNT(reals); i++) {
        const struct ee_value v = ee_value_real(reals[i]);

        good = good && comes_back(&v) && v.type == EE_REAL &&
               bits_of(ee_value_as_real(&v)) == bits_of(reals[i]);
    }
    ok(good, "R13: reals keep their 64 bits: -0.0, subnormals, infinities");
}

static bool real_decodes(uint64_t bits)
{
    uint8_t body[EE_NUMBER_BYTES];
    struct ee_value v;

    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    return ee_value_decode(&v, EE_REAL, ee_bytes(body, sizeof body));
}

static void nan_is_refused(void)
{
    const uint64_t infinity = 0x7ff0000000000000;
    const uint64_t sign = 0x8000000000000000;

    ok(!real_decodes(infinity + 1) && !real_decodes(sign + infinity + 1) &&
           !real_decodes(0x7ff8000000000000) &&
           !real_decodes(0xfff8000000000000) && !real_decodes(UINT64_MAX) &&
           !real_decodes(INT64_MAX),
       "R13: a NaN is refused, of either sign, quiet or not");
    ok(real_decodes(infinity) && real_decodes(sign + infinity) &&
           real_decodes(infinity - 1) && real_decodes(sign),
       "R13: the numbers around it are not");
}

static void bodies_are_big_endian(void)
{
    const struct ee_value i = ee_value_integer(-2);
    const struct ee_value r = ee_value_real(-1.5);

    ok(memcmp(ee_value_body(&i).p, "\xff\xff\xff\xff\xff\xff\xff\xfe", 8) == 0,
       "an INTEGER is two's complement, big-endian");
    ok(memcmp(ee_value_body(&r).p, "\xbf\xf8\0\0\0\0\0\0", 8) == 0,
       "a REAL is binary64, big-endian");
    ok(EE_INTEGER == 1 && EE_REAL == 2 && EE_TEXT == 3 && EE_BLOB == 4 &&
           EE_NULL == 5,
       "types have the numbers of FORMAT section 4");
}

static void text_is_borrowed(void)
{
    static const char odd[] = "a\0b\xff\xfe\xc0"; /* NUL, not UTF-8 */
    const struct ee_value t = ee_value_text(ee_bytes(odd, sizeof odd - 1));
    const struct ee_value b = ee_value_blob(ee_bytes(odd, sizeof odd - 1));
    const struct ee_value e = ee_value_text(ee_bytes(NULL, 0));

    ok(ee_value_body(&t).p == (const uint8_t *)odd && comes_back(&t) &&
           comes_back(&b) && comes_back(&e),
       "R14: TEXT and BLOB are kept as they are, NULs and bad UTF-8 too");
    ok(!kit_same_value(&t, &b), "TEXT and BLOB of the same bytes differ");
}

static void wrong_bodies_are_refused(void)
{
    static const uint8_t body[16];
    struct ee_value v;
    bool refused = true;

    for (unsigned type = 0; type < 256; type++) {
        for (size_t n = 0; n <= 16; n++) {
            const bool known = type >= EE_INTEGER && type <= EE_BLOB;
            const bool number = type == EE_INTEGER || type == EE_REAL;
            const bool right = known && (!number || n == 8);

            refused = refused && ee_value_decode(&v, (uint8_t)type,
                                                 ee_bytes(body, n)) == right;
        }
    }
    ok(refused, "R12: any other type, and a number not of 8 bytes, is refused");
}

static void wiping(void)
{
    struct ee_value v = ee_value_integer(-1);

    ee_value_wipe(&v);
    ok(ee_is_zero(&v, sizeof v), "a wiped value is all zero");
}

/* ---- R25 ---- */

static bool indexed_as(double d, struct ee_value expected)
{
    const struct ee_value v = ee_value_real(d);
    const struct ee_value used = ee_value_for_index(&v);

    return kit_same_value(&used, &expected);
}

static bool indexed_as_itself(double d)
{
    return indexed_as(d, ee_value_real(d));
}

static void integral_reals(void)
{
    bool good = true;

    for (int64_t i = -1000; i <= 1000; i++) {
        good = good && indexed_as((double)i, ee_value_integer(i));
    }
    for (int shift = 0; shift < 63; shift++) {
        const int64_t i = (int64_t)1 << shift;

        good = good && indexed_as((double)i, ee_value_integer(i)) &&
               indexed_as((double)-i, ee_value_integer(-i));
    }
    ok(good, "R25: an integral REAL is its INTEGER");
    ok(indexed_as(-0.0, ee_value_integer(0)), "R25: so is -0.0");
    ok(indexed_as(-9223372036854775808.0, ee_value_integer(INT64_MIN)) &&
           indexed_as(9223372036854774784.0,
                      ee_value_integer(9223372036854774784)),
       "R25: up to the limits, -2^63 among them");
    ok(indexed_as_itself(9223372036854775808.0) &&
           indexed_as_itself(-9223372036854777856.0) &&
           indexed_as_itself(1e300) && indexed_as_itself(-DBL_MAX),
       "R25: but not beyond, 2^63 first");
    ok(indexed_as_itself(0.5) && indexed_as_itself(-1.25) &&
           indexed_as_itself(DBL_TRUE_MIN) && indexed_as_itself(1e15 + 0.5),
       "R25: nor a fraction");
    ok(indexed_as_itself(INFINITY) && indexed_as_itself(-INFINITY) &&
           indexed_as_itself((double)NAN),
       "R25: nor infinities and NaN");
}

static void others_stay(void)
{
    const struct ee_value five = ee_value_text(ee_bytes("5", 1));
    const struct ee_value blob = ee_value_blob(ee_bytes("5", 1));
    const struct ee_value i = ee_value_integer(INT64_MAX);
    const struct ee_value a = ee_value_for_index(&five);
    const struct ee_value b = ee_value_for_index(&blob);
    const struct ee_value c = ee_value_for_index(&i);

    ok(kit_same_value(&a, &five) && kit_same_value(&b, &blob) &&
           kit_same_value(&c, &i),
       "R25: INTEGER, TEXT and BLOB are indexed as they are");
}

/* ---- the blind index itself ---- */

static void index_in(uint8_t *out, struct ee_kek *kek, const char *scope,
                     struct ee_value value)
{
    const struct ee_value s = ee_value_text(ee_bytes(scope, strlen(scope)));
    uint8_t part[512];
    size_t used = 0;

    if (!ee_context_write_part(part, sizeof part, &used, &s)) {
        abort();
    }
    ee_blind_index(out, kek, ee_bytes(part, used), &value);
}

static bool same_index(struct ee_kek *a, const char *scope_a,
                       struct ee_value value_a, struct ee_kek *b,
                       const char *scope_b, struct ee_value value_b)
{
    uint8_t x[EE_INDEX_BYTES];
    uint8_t y[EE_INDEX_BYTES];

    index_in(x, a, scope_a, value_a);
    index_in(y, b, scope_b, value_b);
    return memcmp(x, y, sizeof x) == 0;
}

static void blind_index(void)
{
    struct ee_value five = ee_value_integer(5);
    char longer[EE_SCOPE_CACHED_MAX + 3];
    char longest[EE_SCOPE_CACHED_MAX + 3];
    struct kit k;

    kit_init(&k);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    memcpy(longest, longer, sizeof longer);
    longest[sizeof longest - 2] = 'y';
    ok(same_index(k.kek[1], "s", five, k.kek[1], "s", ee_value_real(5.0)),
       "5 and 5.0 have one index, as SQLite finds them equal");
    ok(!same_index(k.kek[1], "s", five, k.kek[1], "s", ee_value_integer(6)) &&
           !same_index(k.kek[1], "s", five, k.kek[1], "s",
                       ee_value_text(ee_bytes("5", 1))),
       "other values and types have others");
    ok(!same_index(k.kek[1], "s", five, k.kek[1], "t", five),
       "scopes have indexes of their own, one after the other");
    ok(same_index(k.kek[1], "s", five, k.target[1], "s", five) &&
           same_index(k.kek[1], "s", five, k.kek[2], "s", five),
       "every version and suite of a key name has the same index");
    ok(!same_index(k.kek[1], "s", five, k.other[1], "s", five),
       "another name has another");
    ok(same_index(k.kek[1], longer, five, k.target[1], longer, five) &&
           !same_index(k.kek[1], longer, five, k.kek[1], longest, five),
       "scopes too long to be kept beside the KEK work alike");
    kit_clear(&k);
}

int main(void)
{
    integers_come_back();
    reals_come_back();
    nan_is_refused();
    bodies_are_big_endian();
    text_is_borrowed();
    wrong_bodies_are_refused();
    wiping();
    integral_reals();
    others_stay();
    blind_index();
    return done();
}
