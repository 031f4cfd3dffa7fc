/* SPDX-License-Identifier: MIT
 *
 * value.c: typed values and their bytes, FORMAT section 4.
 */
#include "envelope/value.h"

#include "base/secret.h"

#include <endian.h>
#include <string.h>

static struct ee_value number(uint8_t type, uint64_t bits)
{
    return (struct ee_value){.type = type, .number = htobe64(bits)};
}

static uint64_t number_bits(const struct ee_value *v)
{
    return be64toh(v->number);
}

struct ee_value ee_value_null(void)
{
    return (struct ee_value){.type = EE_NULL};
}

struct ee_value ee_value_integer(int64_t v)
{
    return number(EE_INTEGER, (uint64_t)v);
}

struct ee_value ee_value_real(double v)
{
    uint64_t bits = 0;

    memcpy(&bits, &v, sizeof bits);
    return number(EE_REAL, bits);
}

/* Field by field: gcc 12 copies a literal that holds a struct through the
 * stack, and waits for it, in every row. */
static struct ee_value borrowed(uint8_t type, struct ee_bytes bytes)
{
    struct ee_value v;

    v.type = type;
    v.number = 0;
    v.bytes.p = bytes.p;
    v.bytes.n = bytes.n;
    return v;
}

struct ee_value ee_value_text(struct ee_bytes utf8)
{
    return borrowed(EE_TEXT, utf8);
}

struct ee_value ee_value_blob(struct ee_bytes bytes)
{
    return borrowed(EE_BLOB, bytes);
}

void ee_value_wipe(struct ee_value *v)
{
    ee_wipe(v, sizeof *v);
}

static bool is_number(uint8_t type)
{
    return type == EE_INTEGER || type == EE_REAL;
}

struct ee_bytes ee_value_body(const struct ee_value *v)
{
    return is_number(v->type) ? ee_bytes(&v->number, sizeof v->number)
                              : v->bytes;
}

/* FORMAT R13 */
static bool is_nan(const struct ee_value *v)
{
    const uint64_t infinity = 0x7ff0000000000000u;

    return v->type == EE_REAL && (number_bits(v) & INT64_MAX) > infinity;
}

bool ee_value_decode(struct ee_value *v, uint8_t type, struct ee_bytes body)
{
    if (is_number(type) && body.n == EE_NUMBER_BYTES) {
        *v = (struct ee_value){.type = type};
        memcpy(&v->number, body.p, EE_NUMBER_BYTES);
        return !is_nan(v);
    }
    if (type == EE_TEXT || type == EE_BLOB) {
        *v = borrowed(type, body);
        return true;
    }
    return false; /* FORMAT R12 */
}

int64_t ee_value_as_integer(const struct ee_value *v)
{
    return (int64_t)number_bits(v);
}

double ee_value_as_real(const struct ee_value *v)
{
    uint64_t bits = number_bits(v);
    double d = 0;

    memcpy(&d, &bits, sizeof d);
    return d;
}

struct ee_value ee_value_for_index(const struct ee_value *v)
{
    const double limit = 9223372036854775808.0; /* 2^63 */
    double d = 0;

    if (v->type == EE_REAL) {
        d = ee_value_as_real(v);
        if (d >= -limit && d < limit && (double)(int64_t)d == d) {
            return ee_value_integer((int64_t)d); /* FORMAT R25 */
        }
    }
    return *v;
}
