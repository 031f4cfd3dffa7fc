/* SPDX-License-Identifier: MIT
 *
 * kit.c: what most tests of the envelope begin with.
 */
#include "kit.h"

#include "envelope/blind_index.h"
#include "envelope/unwrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint8_t kit_kek_bytes[EE_KEY_BYTES] = "the KEK of the test kit, 32 byte";
const uint8_t kit_target_bytes[EE_KEY_BYTES] =
    "its next version, also 32 bytes.";
static const uint8_t other_bytes[EE_KEY_BYTES] =
    "a KEK of another name, 32 bytes.";
static const uint8_t name_secret[EE_KEY_BYTES] =
    "the secret S of the name, 32 by.";
static const uint8_t other_secret[EE_KEY_BYTES] =
    "the secret S of the other, 32 b.";

static _Noreturn void stop(const char *what)
{
    (void)printf("Bail out! %s\n", what);
    exit(1);
}

void *kit_alloc(size_t n)
{
    void *p = malloc(n > 0 ? n : 1);

    if (p == NULL) {
        stop("out of memory");
    }
    return p;
}

static struct ee_kek *new_kek(struct kit *k, uint8_t suite,
                              const uint8_t *bytes, const uint8_t *secret)
{
    struct ee_kek *kek = NULL;
    struct ee_error err;

    if (ee_kek_new(&kek, &k->engine.ossl, ee_suite_by_id(suite), bytes, secret,
                   &err) != EE_OK) {
        stop(err.msg);
    }
    return kek;
}

void kit_init(struct kit *k)
{
    struct ee_error err;

    *k = (struct kit){0};
    if (ee_engine_init(&k->engine, &err) != EE_OK) {
        stop(err.msg);
    }
    for (uint8_t s = 1; s < KIT_SUITES; s++) {
        k->kek[s] = new_kek(k, s, kit_kek_bytes, name_secret);
        k->target[s] = new_kek(k, s, kit_target_bytes, name_secret);
        k->other[s] = new_kek(k, s, other_bytes, other_secret);
    }
}

void kit_clear(struct kit *k)
{
    for (size_t s = 1; s < KIT_SUITES; s++) {
        ee_kek_free(k->kek[s]);
        ee_kek_free(k->target[s]);
        ee_kek_free(k->other[s]);
    }
    ee_engine_clear(&k->engine);
}

uint8_t *kit_context(struct ee_context *c, const struct ee_value *parts,
                     size_t part_count)
{
    size_t size = EE_CONTEXT_HEADROOM;
    uint8_t *buf = NULL;

    for (size_t i = 0; i < part_count; i++) {
        size += ee_context_part_size(&parts[i]);
    }
    buf = kit_alloc(size);
    ee_context_init(c, buf, size);
    for (size_t i = 0; i < part_count; i++) {
        ee_context_add(c, &parts[i]);
    }
    return buf;
}

static void index_of(uint8_t *out, struct ee_kek *kek, const struct shape *s)
{
    const size_t size = ee_context_part_size(&s->parts[0]);
    uint8_t *part = kit_alloc(size);
    size_t used = 0;

    (void)ee_context_write_part(part, size, &used, &s->parts[0]);
    ee_blind_index(out, kek, ee_bytes(part, used), &s->value);
    free(part);
}

struct ee_bytes kit_add_record(struct ee_bytes blob, size_t n)
{
    const bool indexed = (blob.p[4] & EE_FLAG_INDEX) != 0;
    const size_t at = EE_HEADER_BYTES + (indexed ? (size_t)EE_INDEX_BYTES : 0);
    uint8_t *out = kit_alloc(blob.n + 2 + n);

    memcpy(out, blob.p, at);
    out[4] |= EE_FLAG_RECORD;
    out[at] = (uint8_t)(n >> 8);
    out[at + 1] = (uint8_t)n;
    kit_fill(out + at + 2, n, (uint32_t)n);
    memcpy(out + at + 2 + n, blob.p + at, blob.n - at);
    return ee_bytes(out, blob.n + 2 + n);
}

struct ee_bytes kit_seal(struct kit *k, const struct shape *s)
{
    const uint8_t flags = s->flags & (EE_FLAG_INDEX | EE_FLAG_PADDED);
    const bool indexed = (flags & EE_FLAG_INDEX) != 0;
    const size_t n = ee_seal_size(&s->value, flags);
    struct ee_kek *kek = k->kek[s->suite];
    uint8_t index[EE_INDEX_BYTES];
    struct ee_context c;
    uint8_t *buf = kit_context(&c, s->parts, s->part_count);
    uint8_t *out = kit_alloc(n);
    struct ee_bytes blob = ee_bytes(out, n);

    if (indexed) {
        index_of(index, kek, s);
    }
    if (ee_seal(&k->engine, kek, out, &s->value, &c, flags,
                indexed ? index : NULL) != EE_OK) {
        stop("ee_seal() failed");
    }
    free(buf);
    if ((s->flags & EE_FLAG_RECORD) != 0) {
        blob = kit_add_record(blob, s->record_bytes);
        free(out);
    }
    return blob;
}

int kit_open(struct kit *k, const struct ee_kek *kek, struct ee_bytes blob,
             const struct ee_value *parts, size_t part_count,
             struct ee_value *value, uint8_t **scratch)
{
    struct ee_envelope e;
    struct ee_error err;
    struct ee_context c;
    uint8_t *buf = NULL;
    int rc = ee_envelope_parse(&e, blob, &err);

    *scratch = NULL;
    if (rc != EE_OK) {
        return rc;
    }
    buf = kit_context(&c, parts, part_count);
    *scratch = kit_alloc(ee_open_size(&e));
    rc = ee_open(&k->engine, kek, *scratch, value, &e, &c);
    free(buf);
    if (rc != EE_OK) {
        free(*scratch);
        *scratch = NULL;
    }
    return rc;
}

bool kit_same_value(const struct ee_value *a, const struct ee_value *b)
{
    const struct ee_bytes x = ee_value_body(a);
    const struct ee_bytes y = ee_value_body(b);

    return a->type == b->type && x.n == y.n &&
           (x.n == 0 || memcmp(x.p, y.p, x.n) == 0);
}

int kit_opens(struct kit *k, const struct ee_kek *kek, struct ee_bytes blob,
              const struct shape *s, bool *equal)
{
    uint8_t *scratch = NULL;
    struct ee_value value;
    int rc = kit_open(k, kek, blob, s->parts, s->part_count, &value, &scratch);

    *equal = rc == EE_OK && kit_same_value(&value, &s->value);
    free(scratch);
    return rc;
}

void kit_dek(uint8_t *dek, struct kit *k, const struct ee_kek *kek,
             struct ee_bytes blob)
{
    struct ee_envelope e;
    struct ee_error err;

    if (ee_envelope_parse(&e, blob, &err) != EE_OK ||
        ee_unwrap_dek(&k->engine, kek, dek, &e) != EE_OK) {
        stop("an envelope without DEK");
    }
}

void kit_fill(uint8_t *out, size_t n, uint32_t seed)
{
    uint32_t x = seed * 2654435761u + 1;

    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        out[i] = (uint8_t)(x >> 24);
    }
}
