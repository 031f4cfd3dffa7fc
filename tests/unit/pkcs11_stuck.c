/* SPDX-License-Identifier: MIT
 *
 * pkcs11_stuck.c: a PKCS#11 module whose call does not come back. The caller
 * keeps its deadline and obeys an interrupt, whatever the module does; and when
 * the module is back, so is the token. The module is tests/providers'
 * pkcs11_faults.so: SoftHSM, which hangs on demand.
 */
#include "base/clock.h"
#include "p11kit.h"
#include "pkcs11/provider.h"
#include "pkcs11/stuck.h"
#include "tap.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <string.h>

#define KEY "pkcs11:token=one;object=kek"

/* ---- the calls that can hang ---- */

static int by_open(envelope_cmk *cmk)
{
    envelope_cmk *another = NULL;
    int rc = p11kit_open(&another, KEY);

    (void)cmk;
    p11kit_close(another);
    return rc;
}

/* As if this process had never used the module. */
static int by_first_open(envelope_cmk *cmk)
{
    CK_FUNCTION_LIST *f = NULL;
    CK_C_GetFunctionList get = NULL;
    void *symbol =
        dlsym(dlopen(p11kit_softhsm(), RTLD_NOW), "C_GetFunctionList");

    memcpy(&get, &symbol, sizeof get);
    if (get(&f) == CKR_OK && p11kit_faults->sessions == 0) {
        (void)f->C_Finalize(NULL);
    }
    return by_open(cmk);
}

static int by_wrap(envelope_cmk *cmk)
{
    uint8_t wrapped[ENVELOPE_WRAPPED_MAX];
    size_t n = 0;

    return p11kit_wrap(cmk, p11kit_payload, "context", wrapped, &n);
}

static int by_create(envelope_cmk *cmk)
{
    static int count; /* the key of one that was given up is there, too */
    char uri[64];

    (void)cmk;
    (void)snprintf(uri, sizeof uri, "pkcs11:token=one;object=new%d", count++);
    return p11kit_create(uri);
}

static int by_state(envelope_cmk *cmk)
{
    int state = 0;

    return p11kit_state(cmk, &state);
}

struct way {
    const char *function;
    int (*call)(envelope_cmk *cmk);
    bool opens; /* needs no open CMK; and none may be open */
};

/* C_Encrypt is first, and leaves a key that C_Decrypt can find. */
static const struct way ways[] = {
    {"C_Encrypt", by_wrap, false},
    {"C_Decrypt", p11kit_round_trip, false},
    {"C_OpenSession", by_wrap, false},
    {"C_FindObjectsInit", by_state, false},
    {"C_CloseSession", by_wrap, false},
    {"C_Initialize", by_first_open, true},
    {"C_GetSlotList", by_open, true},
    {"C_GetTokenInfo", by_open, true},
    {"C_OpenSession", by_open, true},
    {"C_Login", by_open, true},
    {"C_FindObjectsInit", by_open, true},
    {"C_GenerateKey", by_create, true},
};

/* Milliseconds from the interrupt to the end of the call. */
static int64_t interrupt(const struct way *way)
{
    envelope_cmk *cmk = way->opens ? NULL : p11kit_opened(KEY);
    const int64_t at = ee_monotonic_ms() + 65;
    int64_t took = 0;

    p11kit_hang(way->function);
    p11kit_user.interrupt_ms = at;
    ok(way->call(cmk) == ENVELOPE_INTERRUPTED && p11kit_faults->inside == 1 &&
           strstr(p11kit_said, "interrupted") != NULL,
       "%s hangs: an interrupt ends the waiting", way->function);
    took = ee_monotonic_ms() - at;
    p11kit_calm();
    p11kit_user.timeout_ms = 100;
    ok(p11kit_create(KEY) == ENVELOPE_UNAVAILABLE &&
           strstr(p11kit_said, "has not come back") != NULL,
       "%s: nothing else begins before it is back", way->function);
    p11kit_calm();
    p11kit_close(cmk);
    ok(p11kit_come_back(ee_p11_is_stuck) && p11kit_faults->sessions == 0,
       "%s: it is back, and left no session", way->function);
    return took;
}

/* The best of some, because the machine may be busy. */
static void interrupted(const struct way *way)
{
    int64_t best = interrupt(way);

    for (int i = 0; i < 3 && best >= p11kit_within(100); i++) {
        const int64_t took = interrupt(way);

        best = took < best ? took : best;
    }
    ok(best < p11kit_within(100), "%s: within 100 ms", way->function);
    note("%lld ms", (long long)best);
}

static void timed_out(const struct way *way)
{
    envelope_cmk *cmk = way->opens ? NULL : p11kit_opened(KEY);
    int64_t start = ee_monotonic_ms();
    int64_t took = 0;

    p11kit_hang(way->function);
    p11kit_user.timeout_ms = 200;
    ok(way->call(cmk) == ENVELOPE_UNAVAILABLE && p11kit_faults->inside == 1 &&
           strstr(p11kit_said, "provider_timeout") != NULL,
       "%s hangs: the deadline ends the waiting", way->function);
    took = ee_monotonic_ms() - start;
    ok(took >= 200 && took < 200 + p11kit_within(100), "%s: when it is over",
       way->function);
    p11kit_calm();
    start = ee_monotonic_ms();
    ok(by_open(NULL) == ENVELOPE_UNAVAILABLE &&
           strstr(p11kit_said, "has not come back") != NULL &&
           ee_monotonic_ms() - start < p11kit_within(100),
       "%s: the next call says at once that it is not back", way->function);
    ok(way->opens || (p11kit_round_trip(cmk) == ENVELOPE_UNAVAILABLE &&
                      strstr(p11kit_said, "given up") != NULL),
       "%s: what was open is not used again", way->function);
    start = ee_monotonic_ms();
    p11kit_close(cmk);
    ok(ee_monotonic_ms() - start < p11kit_within(100),
       "%s: closing waits for nobody", way->function);
    ok(p11kit_come_back(ee_p11_is_stuck) && p11kit_faults->sessions == 0,
       "%s: it is back, and left no session", way->function);
    cmk = p11kit_opened(KEY);
    ok(cmk != NULL && p11kit_round_trip(cmk) == ENVELOPE_OK,
       "%s: and then the next call works", way->function);
    p11kit_close(cmk);
}

static void each_call(void)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        interrupted(&ways[i]);
        timed_out(&ways[i]);
    }
}

int main(void)
{
    if (p11kit_softhsm() == NULL) {
        skip("SoftHSM is not installed: make test-providers",
             "the provider and a module that hangs");
        return done();
    }
    p11kit_provider = envelope_module_providers()[0];
    p11kit_token("one");
    if (!p11kit_load_faults()) {
        skip("pkcs11_faults.so is not built: make test-providers",
             "the provider and a module that hangs");
        return done();
    }
    ok(p11kit_create(KEY) == ENVELOPE_OK, "a key to work with");
    each_call();
    p11kit_clear();
    return done();
}
