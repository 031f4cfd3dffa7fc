/* SPDX-License-Identifier: MIT
 *
 * budget.c: one operation, N times, for budget.sh to count instructions of.
 *
 *   budget seal|open|rewrap N
 *
 * The counting starts and ends with budget_operations(). All input is fixed;
 * keys are random, but no path depends on their bytes.
 */
#include "envelope/envelope.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE "jane.doe@example.com.."
#define SCOPE "Customer.Email"

struct budget {
    struct ee_engine engine;
    struct ee_kek *from;
    struct ee_kek *to;
    uint8_t blob[sizeof VALUE - 1 + EE_OVERHEAD];
    uint8_t out[sizeof VALUE - 1 + EE_OVERHEAD];
};

typedef int (*operation)(struct budget *b);

static void context(struct ee_context *c, uint8_t *buf, size_t size)
{
    const struct ee_value scope =
        ee_value_text(ee_bytes(SCOPE, sizeof SCOPE - 1));
    const struct ee_value id = ee_value_integer(42);

    ee_context_init(c, buf, size);
    ee_context_add(c, &scope);
    ee_context_add(c, &id);
}

static int do_seal(struct budget *b)
{
    const struct ee_value v = ee_value_text(ee_bytes(VALUE, sizeof VALUE - 1));
    uint8_t buf[EE_CONTEXT_HEADROOM + 64];
    struct ee_context c;

    context(&c, buf, sizeof buf);
    return ee_seal(&b->engine, b->from, b->out, &v, &c, 0, NULL);
}

static int do_open(struct budget *b)
{
    uint8_t buf[EE_CONTEXT_HEADROOM + 64];
    struct ee_context c;
    struct ee_envelope e;
    struct ee_error err;
    struct ee_value v;
    int rc = ee_envelope_parse(&e, ee_bytes(b->blob, sizeof b->blob), &err);

    context(&c, buf, sizeof buf);
    return rc != EE_OK ? rc : ee_open(&b->engine, b->from, b->out, &v, &e, &c);
}

static int do_rewrap(struct budget *b)
{
    struct ee_envelope e;
    struct ee_error err;
    int rc = ee_envelope_parse(&e, ee_bytes(b->blob, sizeof b->blob), &err);

    memcpy(b->out, b->blob, sizeof b->out);
    return rc != EE_OK ? rc : ee_rewrap(&b->engine, b->from, b->to, b->out, &e);
}

/* The name that callgrind toggles on. */
int budget_operations(operation op, struct budget *b, long n);

__attribute__((noinline)) int budget_operations(operation op, struct budget *b,
                                                long n)
{
    int rc = EE_OK;

    for (long i = 0; i < n && rc == EE_OK; i++) {
        rc = op(b);
    }
    return rc;
}

static int set_up(struct budget *b)
{
    struct ee_error err = {0};
    uint8_t kek[2 * EE_KEY_BYTES];
    int rc = ee_engine_init(&b->engine, &err);

    randombytes_buf(kek, sizeof kek);
    if (rc == EE_OK) {
        rc = ee_kek_new(&b->from, &b->engine.ossl, &ee_suite_aes, kek, kek,
                        &err);
    }
    if (rc == EE_OK) {
        rc = ee_kek_new(&b->to, &b->engine.ossl, &ee_suite_aes,
                        kek + EE_KEY_BYTES, kek, &err);
    }
    if (rc == EE_OK) {
        rc = do_seal(b);
        memcpy(b->blob, b->out, sizeof b->blob);
    }
    return rc;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        operation op;
    } table[] = {{"seal", do_seal}, {"open", do_open}, {"rewrap", do_rewrap}};
    static struct budget b;
    int rc = EE_MISUSE;

    if (argc != 3 || set_up(&b) != EE_OK) {
        fprintf(stderr, "usage: budget seal|open|rewrap N\n");
        return 1;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(argv[1], table[i].name) == 0) {
            rc = budget_operations(table[i].op, &b, atol(argv[2]));
        }
    }
    ee_kek_free(b.from);
    ee_kek_free(b.to);
    ee_engine_clear(&b.engine);
    if (rc != EE_OK) {
        fprintf(stderr, "budget: %s went wrong\n", argv[1]);
        return 1;
    }
    printf("aes %d\n", ee_aes_instructions());
    return 0;
}
