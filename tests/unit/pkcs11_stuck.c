/* SPDX-License-Identifier: MIT
 *
 * pkcs11_stuck.c: a PKCS#11 module whose call does not come back. The caller
 * keeps its deadline and obeys an interrupt, whatever the module does; and when
 * the module is back, so is the token. The module is tests/providers'
 * pkcs11_faults.so: SoftHSM, which hangs on demand.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "child.h"
#include "p11kit.h"
#include "pkcs11/operations.h"
#include "pkcs11/provider.h"
#include "pkcs11/stuck.h"
#include "tap.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEY     "pkcs11:token=one;object=kek"
#define THREADS 8

static void sleep_ms(long ms)
{
    const struct timespec span = {.tv_sec = ms / 1000,
                                  .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&span, NULL);
}

/* What is asked for within so many ms may take longer under a slow checker. */
static int64_t within(int64_t ms)
{
    return scaled(100) < 5 ? 20 * ms : ms;
}

static void hang(const char *function)
{
    (void)snprintf(p11kit_faults->hang, sizeof p11kit_faults->hang, "%s",
                   function);
    p11kit_faults->hanging = 1;
}

/* Until no thread of a worker that was given up is left. */
static bool come_back(void)
{
    p11kit_faults->hanging = 0;
    for (int i = 0; i < 2000 && ee_p11_is_stuck(); i++) {
        sleep_ms(5);
    }
    return !ee_p11_is_stuck() && p11kit_faults->inside == 0;
}

static void calm(void)
{
    p11kit_user.timeout_ms = 0;
    p11kit_user.interrupt_ms = 0;
}

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

static void interrupted(const struct way *way)
{
    envelope_cmk *cmk = way->opens ? NULL : p11kit_opened(KEY);
    const int64_t at = ee_monotonic_ms() + 65;
    int64_t took = 0;

    hang(way->function);
    p11kit_user.interrupt_ms = at;
    ok(way->call(cmk) == ENVELOPE_INTERRUPTED && p11kit_faults->inside == 1 &&
           strstr(p11kit_said, "interrupted") != NULL,
       "%s hangs: an interrupt ends the waiting", way->function);
    took = ee_monotonic_ms() - at;
    ok(took < within(100), "%s: within 100 ms", way->function);
    note("%lld ms", (long long)took);
    calm();
    p11kit_user.timeout_ms = 100;
    ok(p11kit_create(KEY) == ENVELOPE_UNAVAILABLE &&
           strstr(p11kit_said, "has not come back") != NULL,
       "%s: nothing else begins before it is back", way->function);
    calm();
    p11kit_close(cmk);
    ok(come_back() && p11kit_faults->sessions == 0,
       "%s: it is back, and left no session", way->function);
}

static void timed_out(const struct way *way)
{
    envelope_cmk *cmk = way->opens ? NULL : p11kit_opened(KEY);
    int64_t start = ee_monotonic_ms();
    int64_t took = 0;

    hang(way->function);
    p11kit_user.timeout_ms = 200;
    ok(way->call(cmk) == ENVELOPE_UNAVAILABLE && p11kit_faults->inside == 1 &&
           strstr(p11kit_said, "provider_timeout") != NULL,
       "%s hangs: the deadline ends the waiting", way->function);
    took = ee_monotonic_ms() - start;
    ok(took >= 200 && took < 200 + within(100), "%s: when it is over",
       way->function);
    calm();
    start = ee_monotonic_ms();
    ok(by_open(NULL) == ENVELOPE_UNAVAILABLE &&
           strstr(p11kit_said, "has not come back") != NULL &&
           ee_monotonic_ms() - start < within(20),
       "%s: the next call says at once that it is not back", way->function);
    ok(way->opens || (p11kit_round_trip(cmk) == ENVELOPE_UNAVAILABLE &&
                      strstr(p11kit_said, "given up") != NULL),
       "%s: what was open is not used again", way->function);
    start = ee_monotonic_ms();
    p11kit_close(cmk);
    ok(ee_monotonic_ms() - start < within(50), "%s: closing waits for nobody",
       way->function);
    ok(come_back() && p11kit_faults->sessions == 0,
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

/* ---- what a call leaves that nobody waits for ---- */

static void interrupted_soon(void)
{
    p11kit_user.interrupt_ms = ee_monotonic_ms() + 60;
}

/* The user interrupts, and asks again: the module was slow, and does not hang.
 */
static void *let_go(void *arg)
{
    sleep_ms(100);
    p11kit_faults->hanging = 0;
    return arg;
}

static void slow_is_not_hung(void)
{
    envelope_cmk *cmk = p11kit_opened(KEY);
    pthread_t thread;

    hang("C_Encrypt");
    interrupted_soon();
    ok(by_wrap(cmk) == ENVELOPE_INTERRUPTED, "a slow call is interrupted");
    p11kit_close(cmk);
    calm();
    (void)pthread_create(&thread, NULL, let_go, NULL);
    cmk = p11kit_opened(KEY);
    ok(cmk != NULL && p11kit_round_trip(cmk) == ENVELOPE_OK,
       "the next call waits until the module is back, and works");
    (void)pthread_join(thread, NULL);
    p11kit_close(cmk);
}

static void no_further_call(void)
{
    envelope_cmk *cmk = NULL;

    hang("C_FindObjectsInit");
    interrupted_soon();
    ok(p11kit_create("pkcs11:token=one;object=late") == ENVELOPE_INTERRUPTED &&
           come_back(),
       "envelope_cmk_create() is interrupted while it looks for the key");
    calm();
    ok(p11kit_open(&cmk, "pkcs11:token=one;object=late") == ENVELOPE_NOT_MINE,
       "it makes no key when the module is back");
}

static void secrets(void)
{
    envelope_cmk *cmk = p11kit_opened(KEY);

    hang("C_Encrypt");
    interrupted_soon();
    ok(by_wrap(cmk) == ENVELOPE_INTERRUPTED &&
           memcmp(cmk->worker.job.payload, p11kit_payload,
                  sizeof p11kit_payload) == 0,
       "the module reads a copy of the payload, after its owner has gone");
    calm();
    ok(come_back() &&
           ee_is_zero(cmk->worker.job.payload,
                      sizeof cmk->worker.job.payload) &&
           ee_is_zero(cmk->worker.job.random, sizeof cmk->worker.job.random),
       "it is wiped when the module is back");
    p11kit_close(cmk);
    cmk = p11kit_opened(KEY);
    ok(p11kit_round_trip(cmk) == ENVELOPE_OK &&
           ee_is_zero(cmk->worker.job.payload,
                      sizeof cmk->worker.job.payload) &&
           ee_is_zero(cmk->worker.job.random, sizeof cmk->worker.job.random),
       "and after a call that was waited for");
    p11kit_close(cmk);
}

static void late_refusal(void)
{
    envelope_cmk *cmk = NULL;

    (void)setenv("ENVELOPE_PKCS11_PIN", "wrong-canary-0004", 1);
    p11kit_faults->logins = 0;
    hang("C_Login");
    interrupted_soon();
    ok(p11kit_open(&cmk, KEY) == ENVELOPE_INTERRUPTED && come_back(),
       "a login with a wrong PIN is interrupted");
    calm();
    ok(p11kit_open(&cmk, KEY) == ENVELOPE_DENIED &&
           strstr(p11kit_said, "not sent again") != NULL &&
           p11kit_faults->logins == 1,
       "the PIN that was refused late is not sent again");
    (void)setenv("ENVELOPE_PKCS11_PIN", P11KIT_PIN, 1);
}

static void closing(void)
{
    envelope_cmk *first = p11kit_opened(KEY);
    envelope_cmk *second = p11kit_opened(KEY);
    int64_t start = ee_monotonic_ms();

    hang("C_CloseSession");
    p11kit_close(first);
    ok(ee_monotonic_ms() - start < 1000 + within(100),
       "closing waits a second for a module that hangs");
    start = ee_monotonic_ms();
    p11kit_close(second);
    ok(ee_monotonic_ms() - start < within(100), "and not once more");
    ok(come_back() && p11kit_faults->sessions == 0,
       "the sessions are closed when it is back");
}

/* ---- the process ---- */

static void child_opens(void *arg, void *out, size_t n)
{
    envelope_cmk *cmk = NULL;

    (void)n;
    (void)alarm(60);
    p11kit_faults->hanging = 0; /* in the child's memory */
    p11kit_close(arg);
    cmk = p11kit_opened(KEY);
    *(int *)out = cmk != NULL ? p11kit_round_trip(cmk) : -1;
    p11kit_close(cmk);
}

/* C_Login hangs with the lock of the process held. */
static void forks(void)
{
    envelope_cmk *none = NULL;
    int rc = -1;

    hang("C_Login");
    p11kit_user.timeout_ms = 100;
    ok(p11kit_open(&none, KEY) == ENVELOPE_UNAVAILABLE, "C_Login hangs");
    calm();
    ok(child_ask(child_opens, NULL, &rc, sizeof rc) && rc == ENVELOPE_OK,
       "a child of fork() waits for no thread of its parent");
    ok(come_back(), "the parent's comes back");
    none = p11kit_opened(KEY);
    hang("C_Encrypt");
    p11kit_user.timeout_ms = 100;
    ok(by_wrap(none) == ENVELOPE_UNAVAILABLE, "C_Encrypt hangs");
    calm();
    ok(child_ask(child_opens, none, &rc, sizeof rc) && rc == ENVELOPE_OK,
       "a child closes what its parent's thread has not come back from");
    p11kit_close(none);
    ok(come_back(), "the parent's comes back once more");
}

/* Its worker hangs; another one has nothing to do. */
static void leave_process(void)
{
    envelope_cmk *idle = NULL;
    envelope_cmk *cmk = NULL;

    (void)alarm(60);
    idle = p11kit_opened(KEY);
    cmk = p11kit_opened(KEY);
    hang("C_Encrypt");
    p11kit_user.timeout_ms = 100;
    exit(idle != NULL && by_wrap(cmk) == ENVELOPE_UNAVAILABLE ? 7 : 1);
}

static void exits(void)
{
    const int64_t start = ee_monotonic_ms();
    int status = -1;
    const pid_t pid = fork();

    if (pid == 0) {
        leave_process();
    }
    (void)waitpid(pid, &status, 0);
    ok(pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 7,
       "exit() does not wait for a call that hangs, and does not crash");
    ok(ee_monotonic_ms() - start < within(5000), "nor does it take long");
}

/* ---- threads ---- */

static void *gives_up(void *arg)
{
    struct envelope_call call = p11kit_call();
    uint8_t wrapped[ENVELOPE_WRAPPED_MAX];
    size_t n = 0;

    call.deadline_ms = ee_monotonic_ms() + 300;
    return p11kit_provider->wrap(arg, &call, p11kit_payload, NULL, 0, wrapped,
                                 &n) == ENVELOPE_UNAVAILABLE
               ? arg
               : NULL;
}

static void threads(void)
{
    const int64_t start = ee_monotonic_ms();
    envelope_cmk *cmk[THREADS];
    pthread_t thread[THREADS];
    int gone = 0;

    for (int i = 0; i < THREADS; i++) {
        cmk[i] = p11kit_opened(KEY);
    }
    hang("C_Encrypt");
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_create(&thread[i], NULL, gives_up, cmk[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;

        (void)pthread_join(thread[i], &result);
        gone += result != NULL;
        p11kit_close(cmk[i]);
    }
    ok(gone == THREADS && p11kit_faults->inside <= THREADS,
       "%d threads in a module that hangs give up, each in its time", THREADS);
    ok(ee_monotonic_ms() - start < 300 + within(1500), "none after another");
    ok(come_back() && p11kit_faults->sessions == 0,
       "all come back, and leave no session");
    cmk[0] = p11kit_opened(KEY);
    ok(p11kit_round_trip(cmk[0]) == ENVELOPE_OK, "and then the token works");
    p11kit_close(cmk[0]);
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
    slow_is_not_hung();
    no_further_call();
    secrets();
    closing();
    forks();
    exits();
    threads();
    late_refusal(); /* the last: children would send no PIN any more */
    p11kit_clear();
    return done();
}
