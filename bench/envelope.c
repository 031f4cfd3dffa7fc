/* SPDX-License-Identifier: MIT
 *
 * envelope.c: ee_seal, ee_open and ee_rewrap against the limit, and against
 * either library alone, in plain C without SQLite.
 *
 * Prints nanoseconds of CPU time, or with --json one object. Exits with 1
 * only when a result is wrong: a slow machine is not a failure.
 */
#include "limit.h"
#include "measure.h"

#include "crypto/gcm.h"
#include "envelope/envelope.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE   0.008 /* seconds */
#define BIG     (1024u * 1024u)
#define BOUND   1.15
#define SCOPE   "Customer.Email"
#define SCOPE_N (sizeof SCOPE - 1)

struct bench {
    struct ee_engine engine;
    struct ee_kek *kek[2];
    struct limit sodium;
    struct limit openssl;
    struct limit_key key[2];
    int64_t id;
    size_t n; /* bytes of the value */
    uint8_t *value;
    uint8_t *blob; /* a sealed value, id 42 */
    uint8_t *out;
    bool wrong;
    bool json;
};

/* --- one operation of each kind -------------------------------------------*/

static void context(struct ee_context *c, uint8_t *buf, size_t size, int64_t id)
{
    const struct ee_value scope = ee_value_text(ee_bytes(SCOPE, SCOPE_N));
    const struct ee_value number = ee_value_integer(id);

    ee_context_init(c, buf, size);
    ee_context_add(c, &scope);
    ee_context_add(c, &number);
}

static void ours_seal(void *arg, size_t n)
{
    struct bench *b = arg;
    const struct ee_value v = ee_value_text(ee_bytes(b->value, b->n));
    uint8_t buf[EE_CONTEXT_HEADROOM + 64];
    struct ee_context c;

    for (size_t i = 0; i < n; i++) {
        context(&c, buf, sizeof buf, b->id++);
        if (ee_seal(&b->engine, b->kek[0], b->out, &v, &c, 0, NULL) != EE_OK) {
            b->wrong = true;
        }
    }
}

static void ours_open(void *arg, size_t n)
{
    struct bench *b = arg;
    uint8_t buf[EE_CONTEXT_HEADROOM + 64];
    struct ee_context c;
    struct ee_envelope e;
    struct ee_error err;
    struct ee_value v;

    for (size_t i = 0; i < n; i++) {
        context(&c, buf, sizeof buf, 42);
        if (ee_envelope_parse(&e, ee_bytes(b->blob, b->n + EE_OVERHEAD),
                              &err) != EE_OK ||
            ee_open(&b->engine, b->kek[0], b->out, &v, &e, &c) != EE_OK) {
            b->wrong = true;
        }
    }
}

static void ours_rewrap(void *arg, size_t n)
{
    struct bench *b = arg;
    const size_t size = b->n + EE_OVERHEAD;
    struct ee_envelope e;
    struct ee_error err;

    for (size_t i = 0; i < n; i++) {
        memcpy(b->out, b->blob, size);
        if (ee_envelope_parse(&e, ee_bytes(b->blob, size), &err) != EE_OK ||
            ee_rewrap(&b->engine, b->kek[0], b->kek[1], b->out, &e) != EE_OK) {
            b->wrong = true;
        }
    }
}

static void seal_by(struct bench *b, struct limit *l, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        limit_seal(l, &b->key[0], b->out, b->value, b->n, SCOPE, SCOPE_N,
                   b->id++);
    }
}

static void open_by(struct bench *b, const struct limit *l, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!limit_open(l, &b->key[0], b->out, b->blob, b->n + LIMIT_OVERHEAD,
                        SCOPE, SCOPE_N, 42)) {
            b->wrong = true;
        }
    }
}

static void sodium_seal(void *arg, size_t n)
{
    struct bench *b = arg;

    seal_by(b, &b->sodium, n);
}

static void openssl_seal(void *arg, size_t n)
{
    struct bench *b = arg;

    seal_by(b, &b->openssl, n);
}

static void sodium_open(void *arg, size_t n)
{
    struct bench *b = arg;

    open_by(b, &b->sodium, n);
}

static void openssl_open(void *arg, size_t n)
{
    struct bench *b = arg;

    open_by(b, &b->openssl, n);
}

static void limit_rewraps(void *arg, size_t n)
{
    struct bench *b = arg;

    for (size_t i = 0; i < n; i++) {
        memcpy(b->out, b->blob, b->n + LIMIT_OVERHEAD);
        if (!limit_rewrap(&b->key[0], &b->key[1], b->out)) {
            b->wrong = true;
        }
    }
}

/* --- the libraries as ext/crypto calls them: seal and open ----------------*/

static void raw_sodium(void *arg, size_t n)
{
    struct bench *b = arg;

    for (size_t i = 0; i < n; i++) {
        (void)crypto_aead_aes256gcm_encrypt(
            b->out, NULL, b->value, b->n, b->blob, 45, NULL, b->blob, b->blob);
        if (crypto_aead_aes256gcm_decrypt(b->value, NULL, NULL, b->out,
                                          b->n + EE_TAG_BYTES, b->blob, 45,
                                          b->blob, b->blob) != 0) {
            b->wrong = true;
        }
    }
}

static void raw_openssl(void *arg, size_t n)
{
    struct bench *b = arg;
    const struct ee_bytes aad = ee_bytes(b->blob, 45);

    for (size_t i = 0; i < n; i++) {
        if (ee_ossl_gcm_seal(&b->engine.ossl, b->out, b->out + b->n, b->blob,
                             b->blob, aad, ee_bytes(b->value, b->n)) != 0 ||
            ee_ossl_gcm_open(&b->engine.ossl, b->value, b->blob, b->blob, aad,
                             ee_bytes(b->out, b->n), b->out + b->n) != 0) {
            b->wrong = true;
        }
    }
}

/* --- are they the same thing? ---------------------------------------------*/

/* Fills b->blob with what the limit sealed, and opens it both ways. */
static void use_size(struct bench *b, size_t n)
{
    const size_t p = 33; /* commitment, type */

    b->n = n;
    randombytes_buf(b->value, n);
    for (int i = 0; i < 4; i++) {
        struct limit *l = i % 2 == 0 ? &b->sodium : &b->openssl;

        b->id = 42;
        if (i < 2) {
            ours_seal(b, 1);
        } else {
            seal_by(b, l, 1);
        }
        memcpy(b->blob, b->out, n + EE_OVERHEAD);
        memset(b->out, 0, n + EE_OVERHEAD);
        if (i < 2) {
            open_by(b, l, 1);
        } else {
            ours_open(b, 1);
        }
        b->wrong |= memcmp(b->out + p, b->value, n) != 0;
    }
}

/* Rewrapped by either, the bytes are equal (FORMAT R21). */
static void check_rewrap(struct bench *b)
{
    const size_t size = b->n + EE_OVERHEAD;
    uint8_t *theirs = malloc(size);

    if (theirs == NULL) {
        abort();
    }
    limit_rewraps(b, 1);
    memcpy(theirs, b->out, size);
    ours_rewrap(b, 1);
    b->wrong |= memcmp(theirs, b->out, size) != 0;
    b->wrong |= memcmp(b->blob, b->out, size) == 0;
    free(theirs);
}

/* --- tables ---------------------------------------------------------------*/

static const char *verdict(double ratio)
{
    return ratio <= BOUND ? "ok" : "over";
}

static void against_limit(struct bench *b, const char *name, measure_fn ours,
                          measure_fn theirs, bool first)
{
    const measure_fn fn[2] = {ours, theirs};
    struct measure m;
    double ratio = 0;

    measure_run(&m, MEASURE_ROUNDS, SLICE, 2, fn, b);
    ratio = measure_ratio(&m, 0, 1);
    if (b->json) {
        printf("%s\n  \"%s\": {\"ours\": %.1f, \"limit\": %.1f, "
               "\"ratio\": %.3f}",
               first ? "" : ",", name, measure_median(&m, 0),
               measure_median(&m, 1), ratio);
    } else {
        printf("%-8s %8.1f %8.1f %8.3f  %s\n", name, measure_median(&m, 0),
               measure_median(&m, 1), ratio, verdict(ratio));
    }
}

static void limit_table(struct bench *b)
{
    use_size(b, 22);
    check_rewrap(b);
    if (!b->json) {
        printf("22 bytes, ns of CPU time an operation\n"
               "%-8s %8s %8s %8s  bound %.2f\n",
               "", "ours", "limit", "ratio", BOUND);
    }
    against_limit(b, "seal", ours_seal, sodium_seal, true);
    against_limit(b, "open", ours_open, sodium_open, false);
    against_limit(b, "rewrap", ours_rewrap, limit_rewraps, false);
}

static void against_libraries(struct bench *b, const char *name,
                              const measure_fn *fn)
{
    const size_t rounds = b->n < 65536 ? MEASURE_ROUNDS : 21;
    struct measure m;
    double sodium = 0;
    double openssl = 0;
    double ratio = 0;

    measure_run(&m, rounds, SLICE, 3, fn, b);
    sodium = measure_ratio(&m, 0, 1);
    openssl = measure_ratio(&m, 0, 2);
    ratio = sodium > openssl ? sodium : openssl;
    if (b->json) {
        printf(",\n  \"%s_%zu\": {\"ours\": %.1f, \"libsodium\": %.1f, "
               "\"openssl\": %.1f, \"ratio\": %.3f}",
               name, b->n, measure_median(&m, 0), measure_median(&m, 1),
               measure_median(&m, 2), ratio);
    } else {
        printf("%-5s %8zu %10.1f %10.1f %10.1f %8.3f  %s\n", name, b->n,
               measure_median(&m, 0), measure_median(&m, 1),
               measure_median(&m, 2), ratio, verdict(ratio));
    }
}

static void size_table(struct bench *b)
{
    static const size_t sizes[] = {22, 256, 1024, 4096, 65536, BIG};
    const measure_fn seal[3] = {ours_seal, sodium_seal, openssl_seal};
    const measure_fn open[3] = {ours_open, sodium_open, openssl_open};

    if (!b->json) {
        printf("\nby size; the ratio is to the faster library, bound %.2f\n"
               "%-5s %8s %10s %10s %10s %8s\n",
               BOUND, "", "bytes", "ours", "libsodium", "OpenSSL", "ratio");
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        use_size(b, sizes[i]);
        against_libraries(b, "seal", seal);
        against_libraries(b, "open", open);
    }
}

static void crossover(struct bench *b)
{
    static const size_t sizes[] = {256,  512,  768,  1024, 1536, 2048,
                                   3072, 4096, 6144, 8192, 16384};
    const measure_fn fn[2] = {raw_sodium, raw_openssl};
    size_t from = 0;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct measure m;

        b->n = sizes[i];
        measure_run(&m, 11, SLICE / 2, 2, fn, b);
        if (measure_ratio(&m, 1, 0) >= 1) {
            from = 0;
        } else if (from == 0) {
            from = sizes[i];
        }
        if (!b->json) {
            printf("%s%zu:%.2f",
                   i > 0 ? "  " : "\nOpenSSL / libsodium: ", sizes[i],
                   measure_ratio(&m, 1, 0));
        }
    }
    if (b->json) {
        printf(",\n  \"crossover\": %zu,\n  \"chosen\": %d", from, EE_GCM_LONG);
    } else {
        printf("\nOpenSSL is faster from %zu bytes on; ext/crypto/gcm.h says "
               "%d\n",
               from, EE_GCM_LONG);
    }
}

/* --- the program ----------------------------------------------------------*/

static void set_up(struct bench *b)
{
    struct ee_error err = {0};
    uint8_t kek[32];

    memset(b, 0, sizeof *b);
    if (ee_engine_init(&b->engine, &err) != EE_OK) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    limit_init(&b->sodium, false);
    limit_init(&b->openssl, true);
    for (int i = 0; i < 2; i++) {
        randombytes_buf(kek, sizeof kek);
        limit_key_init(&b->key[i], kek);
        if (ee_kek_new(&b->kek[i], &b->engine.ossl, &ee_suite_aes, kek, kek,
                       &err) != EE_OK) {
            fprintf(stderr, "%s\n", err.msg);
            exit(1);
        }
    }
    b->value = malloc(BIG);
    b->blob = malloc(BIG + EE_OVERHEAD);
    b->out = malloc(BIG + EE_OVERHEAD);
    if (b->value == NULL || b->blob == NULL || b->out == NULL) {
        abort();
    }
}

static void tear_down(struct bench *b)
{
    limit_clear(&b->sodium);
    limit_clear(&b->openssl);
    for (int i = 0; i < 2; i++) {
        ee_kek_free(b->kek[i]);
    }
    ee_engine_clear(&b->engine);
    free(b->value);
    free(b->blob);
    free(b->out);
}

int main(int argc, char **argv)
{
    struct bench b;

    if (!limit_available()) {
        printf("no AES instructions: nothing to compare\n");
        return 0;
    }
    set_up(&b);
    b.json = argc > 1 && strcmp(argv[1], "--json") == 0;
    if (b.json) {
        printf("{");
    }
    limit_table(&b);
    size_table(&b);
    crossover(&b);
    if (b.json) {
        printf("\n}\n");
    }
    if (b.wrong) {
        fprintf(stderr, "WRONG: an envelope did not open or match\n");
    }
    tear_down(&b);
    return b.wrong;
}
