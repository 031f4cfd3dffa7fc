/* SPDX-License-Identifier: MIT
 *
 * envelope_vectors.c: every file of tests/vectors/envelope has the outcome
 * that it says. What looks up keys lies above the envelope layer, so this
 * file plays that part: two KEKs are at hand, found by key id.
 */
#include "envelope/blind_index.h"
#include "envelope/padding.h"
#include "envelope/unwrap.h"
#include "kit.h"
#include "tap.h"
#include "vec.h"

#include <stdlib.h>
#include <string.h>

static struct ee_engine engine;
static const uint8_t some_secret[EE_KEY_BYTES] = "S, when the case has none";
static const uint8_t other_secret[EE_KEY_BYTES] = "S of another key name";

struct keys {
    struct ee_kek *kek;
    struct ee_kek *target; /* NULL unless for a rewrap */
};

struct outcome {
    const char *word; /* as after `expect:` */
    struct ee_value value;
    uint8_t *bytes; /* what the value lies in, or the rewrapped envelope */
};

static struct ee_kek *load(struct vec_case *c, const char *suite,
                           const char *kek, const uint8_t *secret)
{
    const struct ee_suite *s = ee_suite_by_id(vec_exact(c, suite, 1)[0]);
    struct ee_kek *out = NULL;
    struct ee_error err;

    if (s == NULL ||
        ee_kek_new(&out, &engine.ossl, s, vec_exact(c, kek, EE_KEY_BYTES),
                   secret, &err) != EE_OK) {
        note("no KEK");
        exit(1);
    }
    return out;
}

static struct keys load_keys(struct vec_case *c)
{
    const uint8_t *secret = vec_has(c, "secret")
                                ? vec_exact(c, "secret", EE_KEY_BYTES)
                                : some_secret;
    struct keys k = {load(c, "suite", "kek", secret), NULL};

    if (vec_has(c, "target-kek")) {
        k.target = load(c, "target-suite", "target-kek",
                        vec_is(c, "same-name", "yes") ? secret : other_secret);
    }
    return k;
}

static struct ee_kek *find(const struct keys *k, const uint8_t *key_id)
{
    if (memcmp(k->kek->key_id, key_id, EE_KEY_ID_BYTES) == 0) {
        return k->kek;
    }
    if (k->target != NULL &&
        memcmp(k->target->key_id, key_id, EE_KEY_ID_BYTES) == 0) {
        return k->target;
    }
    return NULL;
}

static const char *word_for(int rc)
{
    switch (rc) {
    case EE_OK:
        return "ok";
    case EE_MALFORMED:
        return "malformed";
    case EE_AUTH:
        return "authentication";
    case EE_MISUSE:
        return "refused";
    default:
        return "an internal error";
    }
}

static uint8_t *read_context(struct vec_case *c, struct ee_context *context)
{
    const size_t n = vec_count(c, "context");
    struct ee_value *parts = kit_alloc(n * sizeof *parts);
    uint8_t *buf = NULL;

    for (size_t i = 0; i < n; i++) {
        parts[i] = vec_value(c, "context", i);
    }
    buf = kit_context(context, parts, n);
    free(parts);
    return buf;
}

/* ---- open ---- */

static struct outcome run_open(struct vec_case *c, const struct keys *k)
{
    struct outcome out = {.word = "malformed"};
    struct ee_envelope e;
    struct ee_context context;
    struct ee_error err;
    const struct ee_kek *kek = NULL;
    uint8_t *buf = NULL;

    if (ee_envelope_parse(&e, vec_bytes(c, "envelope"), &err) != EE_OK) {
        return out;
    }
    kek = find(k, e.key_id);
    if (kek == NULL) {
        out.word = "key-unavailable";
        return out;
    }
    buf = read_context(c, &context);
    out.bytes = kit_alloc(ee_open_size(&e));
    out.word =
        word_for(ee_open(&engine, kek, out.bytes, &out.value, &e, &context));
    free(buf);
    return out;
}

static bool opened_right(struct vec_case *c, const struct outcome *out)
{
    const struct ee_value expected = vec_value(c, "value", 0);

    return kit_same_value(&out->value, &expected);
}

/* What a writer makes that is given this DEK: C, T and W of the envelope. */
static bool writes_the_same(struct vec_case *c, const struct keys *k,
                            const struct ee_envelope *e, const uint8_t *dek)
{
    const struct ee_value value = vec_value(c, "value", 0);
    const struct ee_bytes body = ee_value_body(&value);
    const size_t n = e->data.n - EE_TAG_BYTES;
    const struct ee_suite *suite = k->kek->suite;
    uint8_t *p = kit_alloc(e->data.n);
    uint8_t wa[EE_WA_MAX];
    uint8_t w[EE_WRAPPED_BYTES];
    struct ee_context context;
    uint8_t *buf = read_context(c, &context);
    bool same = ee_seal_size(&value, e->flags) == ee_envelope_size(e->flags, n);

    memset(p, 0, n);
    p[EE_COMMIT_BYTES] = value.type;
    if ((e->flags & EE_FLAG_PADDED) != 0) {
        ee_pad(p, EE_COMMIT_BYTES + 1 + body.n, n);
    }
    same = same &&
           suite->seal(
               &engine.ossl, p, n, EE_COMMIT_BYTES + 1, body, dek,
               ee_context_aad(&context, e->suite, e->flags, e->index)) == 0 &&
           memcmp(p, e->data.p, e->data.n) == 0 &&
           suite->wrap(&engine.ossl, &k->kek->wrap, w, p,
                       ee_bytes(wa, ee_envelope_wrap_aad(wa, e->suite, e->flags,
                                                         e->key_id, e->index)),
                       ee_bytes(dek, EE_KEY_BYTES)) == 0 &&
           memcmp(w, e->wrapped, sizeof w) == 0;
    free(p);
    free(buf);
    return same;
}

static bool index_matches(const uint8_t *index, struct ee_kek *kek,
                          struct ee_value scope, const struct ee_value *value)
{
    const size_t size = ee_context_part_size(&scope);
    uint8_t *part = kit_alloc(size);
    uint8_t out[EE_INDEX_BYTES];
    size_t used = 0;
    bool same = ee_context_write_part(part, size, &used, &scope);

    ee_blind_index(out, kek, ee_bytes(part, used), value);
    same = same && memcmp(out, index, sizeof out) == 0;
    /* the second time the scope's key is the one kept beside the KEK */
    ee_blind_index(out, kek, ee_bytes(part, used), value);
    free(part);
    return same && memcmp(out, index, sizeof out) == 0;
}

static bool made_right(struct vec_case *c, const struct keys *k)
{
    const uint8_t *expected = vec_exact(c, "dek", EE_KEY_BYTES);
    struct ee_value value = vec_value(c, "value", 0);
    struct ee_envelope e;
    struct ee_error err;
    uint8_t dek[EE_KEY_BYTES];

    return ee_envelope_parse(&e, vec_bytes(c, "envelope"), &err) == EE_OK &&
           ee_unwrap_dek(&engine, k->kek, dek, &e) == EE_OK &&
           memcmp(dek, expected, sizeof dek) == 0 &&
           writes_the_same(c, k, &e, expected) &&
           (e.index == NULL ||
            index_matches(e.index, k->kek, vec_value(c, "context", 0), &value));
}

/* ---- rewrap ---- */

/* FORMAT R23, the half that the layer above checks. */
static bool is_forbidden(const struct ee_envelope *e, const struct ee_kek *from,
                         const struct ee_kek *to)
{
    return e->index != NULL && !ee_kek_same_name(from, to);
}

static struct outcome run_rewrap(struct vec_case *c, const struct keys *k)
{
    const struct ee_bytes blob = vec_bytes(c, "envelope");
    struct outcome out = {.word = "malformed"};
    struct ee_envelope e;
    struct ee_error err;
    const struct ee_kek *from = NULL;
    int rc = ee_envelope_parse(&e, blob, &err);

    if (rc != EE_OK) {
        return out;
    }
    from = find(k, e.key_id);
    if (from == NULL) {
        out.word = "key-unavailable";
        return out;
    }
    out.bytes = kit_alloc(blob.n);
    memcpy(out.bytes, blob.p, blob.n);
    rc = ee_rewrap(&engine, from, k->target, out.bytes, &e);
    out.word = word_for(rc);
    if (rc == EE_OK && is_forbidden(&e, from, k->target)) {
        out.word = "refused";
        return out;
    }
    if (rc != EE_OK && memcmp(out.bytes, blob.p, blob.n) != 0) {
        out.word = "a failure that changed the envelope";
    }
    return out;
}

static bool rewrapped_right(struct vec_case *c, const struct outcome *out)
{
    const struct ee_bytes result = vec_bytes(c, "result");

    return result.n == vec_bytes(c, "envelope").n &&
           memcmp(out->bytes, result.p, result.n) == 0;
}

/* ---- index ---- */

static bool indexed_right(struct vec_case *c)
{
    struct ee_value value = vec_value(c, "value", 0);
    struct ee_kek *kek = NULL;
    struct ee_error err;
    bool right =
        ee_kek_new(&kek, &engine.ossl, &ee_suite_aes, kit_kek_bytes,
                   vec_exact(c, "secret", EE_KEY_BYTES), &err) == EE_OK;

    right = right && index_matches(vec_exact(c, "index", EE_INDEX_BYTES), kek,
                                   vec_value(c, "scope", 0), &value);
    ee_kek_free(kek);
    return right;
}

/* ---- a file ---- */

static bool is_right(struct vec_case *c, const struct keys *k, bool opens)
{
    const char *expected = vec_text(c, "expect");
    struct outcome out = opens ? run_open(c, k) : run_rewrap(c, k);
    bool right = strcmp(out.word, expected) == 0;

    if (!right) {
        note("expected %s, it is %s", expected, out.word);
    } else if (strcmp(expected, "ok") == 0) {
        right = opens ? opened_right(c, &out) : rewrapped_right(c, &out);
    }
    if (right && vec_has(c, "dek")) {
        right = made_right(c, k);
    }
    free(out.bytes);
    return right;
}

static bool case_is_right(struct vec_case *c)
{
    const bool opens = vec_is(c, "op", "open");
    struct keys k;
    bool right = false;

    if (vec_is(c, "op", "index")) {
        return indexed_right(c);
    }
    if (!opens && !vec_is(c, "op", "rewrap")) {
        note("op: %s", vec_text(c, "op"));
        return false;
    }
    k = load_keys(c);
    right = is_right(c, &k, opens);
    ee_kek_free(k.kek);
    ee_kek_free(k.target);
    return right;
}

static void run_file(const char *path, void *arg)
{
    const char *slash = strrchr(path, '/');
    struct vec_case c = {0};
    FILE *file = vec_open(path);
    bool right = vec_next(file, &c) && case_is_right(&c);

    (void)arg;
    if (vec_next(file, &c)) {
        note("more than one case");
        right = false;
    }
    ok(right, "%s", slash + 1);
    (void)fclose(file);
}

int main(int argc, char **argv)
{
    struct ee_error err;
    size_t n = 0;

    if (ee_engine_init(&engine, &err) != EE_OK) {
        note("%s", err.msg);
        return 1;
    }
    n = vec_each_file(vec_folder(argc, argv), "envelope", run_file, NULL);
    ok(n >= 150, "there are at least 150 vectors");
    ee_engine_clear(&engine);
    return done();
}
