/* SPDX-License-Identifier: MIT
 *
 * keys_vectors.c: every file of tests/vectors/keys: do fingerprint, key id,
 * tag1, tag2 and the manifest's tag verify (FORMAT R27)? What a verified
 * record may be used for (R28, R29) is tested where it is decided, from SQL.
 * Does the wrap of a subject's key open, under its parent alone (R50 to R53)?
 * Is a count of seals the key's own (R39), a seal-only version one (R43)?
 */
#include "base/text.h"
#include "base/wire.h"
#include "envelope/kek.h"
#include "keys/subject_record.h"
#include "kit.h"
#include "tap.h"
#include "vec.h"

#include <stdlib.h>
#include <string.h>

#define TAGS_MAX 16

static struct ee_ossl ossl;

static void read_record(struct ee_key_record *r, struct vec_case *c)
{
    const struct ee_bytes name = vec_bytes(c, "name");

    *r = (struct ee_key_record){
        .version = (uint32_t)vec_number(c, "version"),
        .suite = vec_exact(c, "suite", 1)[0],
        .state = (uint8_t)vec_number(c, "state"),
        .origin = (uint8_t)vec_number(c, "origin"),
        .created = vec_number(c, "created"),
        .generation = vec_number(c, "generation"),
    };
    memcpy(r->name, name.p, name.n);
    memcpy(r->fingerprint, vec_exact(c, "fingerprint", EE_MAC_BYTES),
           EE_MAC_BYTES);
    memcpy(r->tag1, vec_exact(c, "tag1", EE_MAC_BYTES), EE_MAC_BYTES);
    memcpy(r->tag2, vec_exact(c, "tag2", EE_MAC_BYTES), EE_MAC_BYTES);
}

/* ---- tag2 of every version, ascending ---- */

struct tag {
    uint64_t version;
    uint8_t tag2[EE_MAC_BYTES];
};

static int by_version(const void *a, const void *b)
{
    const struct tag *x = a;
    const struct tag *y = b;

    return (x->version > y->version) - (x->version < y->version);
}

/* `version tag2` */
static struct tag read_sibling(const char *text)
{
    struct tag t = {0};
    char *end = NULL;

    t.version = strtoull(text, &end, 10);
    if (*end != ' ' ||
        !ee_unhex(t.tag2, sizeof t.tag2, end + 1, strlen(end + 1))) {
        note("not a sibling: %s", text);
        exit(1);
    }
    return t;
}

static size_t read_tags(uint8_t *out, const struct vec_case *c,
                        const struct ee_key_record *r)
{
    struct tag tags[TAGS_MAX] = {{.version = r->version}};
    size_t n = 1;

    memcpy(tags[0].tag2, r->tag2, sizeof r->tag2);
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->lines[i].name, "sibling") == 0 && n < TAGS_MAX) {
            tags[n++] = read_sibling(c->lines[i].text);
        }
    }
    qsort(tags, n, sizeof *tags, by_version);
    for (size_t i = 0; i < n; i++) {
        memcpy(out + i * EE_MAC_BYTES, tags[i].tag2, EE_MAC_BYTES);
    }
    return n * EE_MAC_BYTES;
}

/* ---- R27 ---- */

static bool tags_are_right(struct vec_case *c, const struct ee_key_record *r)
{
    const uint8_t *kek = vec_exact(c, "kek", EE_KEY_BYTES);
    const uint8_t *secret = vec_exact(c, "secret", EE_KEY_BYTES);
    struct ee_key_manifest m = {
        .generation = vec_number(c, "manifest-generation"),
        .current = (uint32_t)vec_number(c, "manifest-current"),
    };
    uint8_t tag2s[TAGS_MAX * EE_MAC_BYTES];
    uint8_t tag[EE_MAC_BYTES];
    bool right = true;

    if (vec_has(c, "policy-min-version")) {
        m.policy.rotate_after = vec_number(c, "policy-rotate-after");
        m.policy.min_version = (uint32_t)vec_number(c, "policy-min-version");
    }
    if (vec_has(c, "policy-rotate-seals")) {
        m.policy.rotate_seals = vec_number(c, "policy-rotate-seals");
    }
    ee_record_tag1(tag, r, kek);
    right = memcmp(tag, r->tag1, sizeof tag) == 0;
    ee_record_tag2(tag, r, secret);
    right = right && memcmp(tag, r->tag2, sizeof tag) == 0;
    ee_manifest_tag(tag, &m, ee_bytes(tag2s, read_tags(tag2s, c, r)), secret);
    return right && memcmp(tag, vec_exact(c, "manifest-tag", 32), 32) == 0;
}

static bool key_is_right(struct vec_case *c, const struct ee_key_record *r)
{
    const struct ee_suite *suite = ee_suite_by_id(r->suite);
    struct ee_kek *kek = NULL;
    struct ee_error err;
    bool right =
        suite != NULL && ee_kek_new(&kek, &ossl, suite, vec_exact(c, "kek", 32),
                                    vec_exact(c, "secret", 32), &err) == EE_OK;

    right = right &&
            memcmp(kek->fingerprint, r->fingerprint, EE_MAC_BYTES) == 0 &&
            memcmp(kek->key_id, vec_exact(c, "key-id", EE_KEY_ID_BYTES),
                   EE_KEY_ID_BYTES) == 0;
    ee_kek_free(kek);
    return right;
}

static bool provider_context_is_right(struct vec_case *c,
                                      const struct ee_key_record *r)
{
    const struct ee_bytes expected = vec_bytes(c, "provider-context");
    uint8_t out[EE_PROVIDER_CONTEXT_MAX];

    return ee_record_provider_context(out, r) == expected.n &&
           memcmp(out, expected.p, expected.n) == 0;
}

/* ---- R50 to R56 ---- */

static bool unwraps(struct vec_case *c, struct ee_subject *s,
                    struct ee_kek **out)
{
    static const uint8_t secret[EE_KEY_BYTES];
    const struct ee_suite *suite = ee_suite_by_id(vec_exact(c, "suite", 1)[0]);
    struct ee_kek *parent = NULL;
    struct ee_error err;
    uint8_t aad[EE_SUBJECT_AAD_MAX];
    bool right = suite != NULL && ee_kek_new(&parent, &ossl, suite,
                                             vec_exact(c, "parent-kek", 32),
                                             secret, &err) == EE_OK;

    *out = NULL;
    right = right &&
            memcmp(parent->key_id, ee_subject_parent(s), EE_KEY_ID_BYTES) == 0;
    right = right &&
            ee_subject_unwrap(out, &ossl, parent, ee_subject_id(s),
                              ee_subject_nonce(s),
                              ee_bytes(aad, ee_subject_aad(aad, s, suite->id)),
                              ee_subject_wrapped(s), &err) == EE_OK;
    ee_kek_free(parent);
    return right;
}

/* Wrapped again under the same nonce it is the same bytes. */
static bool wraps_to(struct vec_case *c, struct ee_subject *s,
                     const struct ee_kek *kek)
{
    const struct ee_suite *suite = kek->suite;
    struct ee_kek *parent = NULL;
    struct ee_error err;
    uint8_t aad[EE_SUBJECT_AAD_MAX];
    uint8_t wrapped[EE_WRAPPED_BYTES];
    uint8_t id[EE_KEY_ID_BYTES];
    bool right =
        ee_kek_new(&parent, &ossl, suite, vec_exact(c, "parent-kek", 32),
                   kek->name_secret, &err) == EE_OK;

    right = right &&
            ee_subject_wrap(&ossl, parent, wrapped, ee_subject_nonce(s),
                            ee_bytes(aad, ee_subject_aad(aad, s, suite->id)),
                            vec_exact(c, "kek", EE_KEY_BYTES)) == EE_OK &&
            memcmp(wrapped, ee_subject_wrapped(s), sizeof wrapped) == 0;
    ee_subject_key_id(id, kek->kek, suite);
    ee_kek_free(parent);
    return right && memcmp(id, kek->key_id, sizeof id) == 0;
}

static void run_subject(struct vec_case *c, const char *file)
{
    const struct ee_bytes name = vec_bytes(c, "name");
    const struct ee_bytes parent = vec_bytes(c, "parent-name");
    const bool good = vec_is(c, "expect", "ok");
    char parent_name[EE_NAME_MAX] = "";
    struct ee_subject s = {.name = ""};
    struct ee_kek *kek = NULL;
    struct ee_error err;
    bool right = false;

    memcpy(s.record, vec_exact(c, "record", sizeof s.record), sizeof s.record);
    memcpy(parent_name, parent.p, parent.n);
    if (ee_subject_name_check((const char *)name.p, name.n, &err) == EE_OK) {
        memcpy(s.name, name.p, name.n);
        right = ee_subject_is_of(&s, parent_name) && unwraps(c, &s, &kek);
    }
    if (vec_is(c, "rule", "R54") || vec_is(c, "rule", "R56")) {
        ok(right, "%s", file); /* authentic; what it may do is for SQL */
    } else if (good) {
        ok(right &&
               memcmp(kek->kek, vec_exact(c, "kek", 32), EE_KEY_BYTES) == 0 &&
               wraps_to(c, &s, kek),
           "%s", file);
    } else {
        ok(!right && kek == NULL, "%s", file);
    }
    ee_kek_free(kek);
}

/* ---- R43 ---- */

static void run_seal_only(struct vec_case *c, const char *file)
{
    const struct ee_bytes name = vec_bytes(c, "name");
    const bool good = vec_is(c, "expect", "ok");
    struct ee_key_record r = {
        .suite = vec_exact(c, "suite", 1)[0],
        .origin = EE_ORIGIN_SEAL_ONLY,
        .created = vec_number(c, "created"),
    };
    bool right = false;

    memcpy(r.name, name.p, name.n);
    memcpy(r.fingerprint, vec_exact(c, "fingerprint", EE_MAC_BYTES),
           EE_MAC_BYTES);
    memcpy(r.tag1, vec_exact(c, "tag1", EE_MAC_BYTES), EE_MAC_BYTES);
    right = ee_record_is_seal_only(&r, vec_exact(c, "payload", 64)) &&
            memcmp(vec_exact(c, "key-id", EE_KEY_ID_BYTES), r.fingerprint,
                   EE_KEY_ID_BYTES) == 0;
    if (good) {
        right = right && provider_context_is_right(c, &r);
    }
    ok(right == good, "%s", file);
}

/* ---- R39 ---- */

static void run_seals(struct vec_case *c, const char *file)
{
    struct ee_seal_count count = {.reserved = vec_number(c, "reserved")};
    const bool good = vec_is(c, "expect", "ok");
    uint8_t tag[EE_MAC_BYTES];

    memcpy(count.nonce, vec_exact(c, "nonce", sizeof count.nonce),
           sizeof count.nonce);
    ee_record_seals_tag(tag, &count, vec_exact(c, "suite", 1)[0],
                        vec_exact(c, "kek", EE_KEY_BYTES));
    ok((memcmp(tag, vec_exact(c, "tag", sizeof tag), sizeof tag) == 0) == good,
       "%s", file);
}

static void run_case(struct vec_case *c, const char *file)
{
    const bool genuine = !vec_is(c, "expect", "authentication");
    struct ee_key_record r;
    bool right = false;

    if (vec_is(c, "op", "subject")) {
        run_subject(c, file);
        return;
    }
    if (vec_is(c, "op", "seal-only")) {
        run_seal_only(c, file);
        return;
    }
    if (vec_is(c, "op", "seals")) {
        run_seals(c, file);
        return;
    }
    if (vec_bytes(c, "name").n >= EE_NAME_MAX) {
        skip("this build allows shorter names only", file);
        return;
    }
    read_record(&r, c);
    right = key_is_right(c, &r) && tags_are_right(c, &r);
    if (vec_has(c, "provider-context")) {
        right = right && provider_context_is_right(c, &r);
    }
    ok(right == genuine, "%s is %s", file, genuine ? "genuine" : "refused");
}

static void run_file(const char *path, void *arg)
{
    struct vec_case c = {0};
    FILE *file = vec_open(path);

    (void)arg;
    while (vec_next(file, &c)) {
        run_case(&c, strrchr(path, '/') + 1);
    }
    (void)fclose(file);
}

/* ---- any bit of any field ---- */

static bool tags_depend_on(struct ee_key_record *r, void *field, size_t n)
{
    const struct ee_key_record genuine = *r;
    uint8_t before[EE_MAC_BYTES];
    uint8_t after[EE_MAC_BYTES];
    bool depend = true;

    ee_record_tag2(before, &genuine, kit_target_bytes);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        ((uint8_t *)field)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ee_record_tag2(after, r, kit_target_bytes);
        depend = depend && memcmp(before, after, sizeof after) != 0 &&
                 !ee_record_same(r, &genuine);
        ((uint8_t *)field)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    return depend && ee_record_same(r, &genuine);
}

static void every_field_counts(void)
{
    struct ee_key_record r = {.name = "pii",
                              .version = 3,
                              .suite = 1,
                              .state = 1,
                              .origin = 1,
                              .created = 5,
                              .generation = 6};

    ok(tags_depend_on(&r, r.name, 3) &&
           tags_depend_on(&r, &r.version, sizeof r.version) &&
           tags_depend_on(&r, &r.suite, 1) && tags_depend_on(&r, &r.state, 1) &&
           tags_depend_on(&r, &r.origin, 1) &&
           tags_depend_on(&r, &r.created, sizeof r.created) &&
           tags_depend_on(&r, &r.generation, sizeof r.generation) &&
           tags_depend_on(&r, r.fingerprint, sizeof r.fingerprint) &&
           tags_depend_on(&r, r.tag1, sizeof r.tag1),
       "tag2 depends on every bit of the record");
}

int main(int argc, char **argv)
{
    size_t n = 0;

    if (ee_ossl_init(&ossl) != 0) {
        return 1;
    }
    n = vec_each_file(vec_folder(argc, argv), "keys", run_file, NULL);
    ok(n >= 40, "the vectors are there");
    every_field_counts();
    ee_ossl_clear(&ossl);
    return done();
}
