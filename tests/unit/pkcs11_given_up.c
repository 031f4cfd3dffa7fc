/* SPDX-License-Identifier: MIT
 *
 * pkcs11_given_up.c: what becomes of a call of a PKCS#11 module that its caller
 * did not wait for: secrets, sessions, threads, other calls, and the process.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "child.h"
#include "p11kit.h"
#include "pkcs11/operations.h"
#include "pkcs11/provider.h"
#include "pkcs11/stuck.h"
#include "tap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEY     "pkcs11:token=one;object=kek"
#define THREADS 8

static int wrap(envelope_cmk *cmk)
{
    uint8_t wrapped[ENVELOPE_WRAPPED_MAX];
    size_t n = 0;

    return p11kit_wrap(cmk, p11kit_payload, "context", wrapped, &n);
}

/* The user interrupts, and asks again: the module was slow, and does not hang.
 */
static void *let_go(void *arg)
{
    const struct timespec span = {.tv_nsec = 100000000};

    (void)nanosleep(&span, NULL);
    p11kit_faults->hanging = 0;
    return arg;
}

static void slow_is_not_hung(void)
{
    envelope_cmk *cmk = p11kit_opened(KEY);
    pthread_t thread;

    p11kit_hang("C_Encrypt");
    p11kit_interrupt_soon();
    ok(wrap(cmk) == ENVELOPE_INTERRUPTED, "a slow call is interrupted");
    p11kit_close(cmk);
    p11kit_calm();
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

    p11kit_hang("C_FindObjectsInit");
    p11kit_interrupt_soon();
    ok(p11kit_create("pkcs11:token=one;object=late") == ENVELOPE_INTERRUPTED &&
           p11kit_come_back(ee_p11_is_stuck),
       "envelope_cmk_create() is interrupted while it looks for the key");
    p11kit_calm();
    ok(p11kit_open(&cmk, "pkcs11:token=one;object=late") == ENVELOPE_NOT_MINE,
       "it makes no key when the module is back");
}

static void secrets(void)
{
    envelope_cmk *cmk = p11kit_opened(KEY);

    p11kit_hang("C_Encrypt");
    p11kit_interrupt_soon();
    ok(wrap(cmk) == ENVELOPE_INTERRUPTED &&
           memcmp(cmk->worker.job.payload, p11kit_payload,
                  sizeof p11kit_payload) == 0,
       "the module reads a copy of the payload, after its owner has gone");
    p11kit_calm();
    ok(p11kit_come_back(ee_p11_is_stuck) &&
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
    p11kit_hang("C_Login");
    p11kit_interrupt_soon();
    ok(p11kit_open(&cmk, KEY) == ENVELOPE_INTERRUPTED &&
           p11kit_come_back(ee_p11_is_stuck),
       "a login with a wrong PIN is interrupted");
    p11kit_calm();
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

    p11kit_hang("C_CloseSession");
    p11kit_close(first);
    ok(ee_monotonic_ms() - start < 1000 + p11kit_within(100),
       "closing waits a second for a module that hangs");
    start = ee_monotonic_ms();
    p11kit_close(second);
    ok(ee_monotonic_ms() - start < p11kit_within(100), "and not once more");
    ok(p11kit_come_back(ee_p11_is_stuck) && p11kit_faults->sessions == 0,
       "the sessions are closed when it is back");
}

/* ---- the process ---- */

struct seen {
    int rc;
    bool says_why;
    bool at_once;
};

static void child_opens(void *arg, void *out, size_t n)
{
    const int64_t start = ee_monotonic_ms();
    struct seen *seen = out;
    envelope_cmk *cmk = NULL;

    (void)n;
    (void)alarm(60);
    p11kit_faults->hanging = 0; /* in the child's memory */
    p11kit_close(arg);
    seen->rc = p11kit_open(&cmk, KEY);
    seen->says_why = strstr(p11kit_said, "was forked") != NULL;
    seen->at_once = ee_monotonic_ms() - start < p11kit_within(500);
    if (cmk != NULL) {
        seen->rc = p11kit_round_trip(cmk);
    }
    p11kit_close(cmk);
    p11kit_child_ends();
}

static void child_forks(void *arg, void *out, size_t n)
{
    if (!child_ask(child_opens, arg, out, n)) {
        memset(out, 0, n);
    }
    p11kit_child_ends();
}

/* Nobody would release in the child what the parent's thread holds here. */
static void refused(void (*child)(void *, void *, size_t), envelope_cmk *cmk,
                    const char *what)
{
    struct seen seen = {.rc = -1};

    ok(child_ask(child, cmk, &seen, sizeof seen) &&
           seen.rc == ENVELOPE_UNAVAILABLE && seen.says_why && seen.at_once,
       "%s is told at once that it cannot use the module", what);
}

static void is_served(const char *when)
{
    struct seen seen = {.rc = -1};

    ok(child_ask(child_opens, NULL, &seen, sizeof seen) &&
           seen.rc == ENVELOPE_OK,
       "a child that is forked %s uses the token", when);
}

/* C_Login hangs with the lock of the process held. */
static void forks(void)
{
    envelope_cmk *cmk = NULL;

    p11kit_hang("C_Login");
    p11kit_user.timeout_ms = 100;
    ok(p11kit_open(&cmk, KEY) == ENVELOPE_UNAVAILABLE, "C_Login hangs");
    p11kit_calm();
    refused(child_opens, NULL, "a child forked while a login hangs");
    ok(p11kit_come_back(ee_p11_is_stuck), "the parent's comes back");
    is_served("when it has come back");
    cmk = p11kit_opened(KEY);
    is_served("while a CMK is open, and nobody is in the module,");
    p11kit_hang("C_Encrypt");
    p11kit_user.timeout_ms = 100;
    ok(wrap(cmk) == ENVELOPE_UNAVAILABLE, "C_Encrypt hangs");
    p11kit_calm();
    refused(child_opens, cmk, "a child that closes what hangs in its parent");
    p11kit_close(cmk);
    ok(p11kit_come_back(ee_p11_is_stuck), "the parent's comes back once more");
}

static void *wraps(void *arg)
{
    return wrap(arg) == ENVELOPE_OK ? arg : NULL;
}

/* Its caller still waits for the call, as for any that takes its time. */
static void forks_in_a_call(void)
{
    envelope_cmk *cmk = p11kit_opened(KEY);
    void *done = NULL;
    pthread_t thread;

    p11kit_hang("C_Encrypt");
    (void)pthread_create(&thread, NULL, wraps, cmk);
    while (p11kit_faults->inside == 0) {
        (void)usleep(1000);
    }
    refused(child_opens, NULL, "a child forked during a call");
    refused(child_forks, NULL, "a child of such a child");
    p11kit_faults->hanging = 0;
    (void)pthread_join(thread, &done);
    ok(done != NULL, "the parent's call is done");
    p11kit_close(cmk);
    is_served("after that");
}

/* Its worker hangs; another one has nothing to do. */
static void leave_process(void)
{
    envelope_cmk *idle = NULL;
    envelope_cmk *cmk = NULL;

    (void)alarm(60);
    idle = p11kit_opened(KEY);
    cmk = p11kit_opened(KEY);
    p11kit_hang("C_Encrypt");
    p11kit_user.timeout_ms = 100;
    exit(idle != NULL && wrap(cmk) == ENVELOPE_UNAVAILABLE ? 7 : 1);
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
    ok(ee_monotonic_ms() - start < p11kit_within(5000),
       "nor does it take long");
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
    p11kit_hang("C_Encrypt");
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
    ok(ee_monotonic_ms() - start < 300 + p11kit_within(1500),
       "none after another");
    ok(p11kit_come_back(ee_p11_is_stuck) && p11kit_faults->sessions == 0,
       "all come back, and leave no session");
    cmk[0] = p11kit_opened(KEY);
    ok(p11kit_round_trip(cmk[0]) == ENVELOPE_OK, "and then the token works");
    p11kit_close(cmk[0]);
}

int main(void)
{
    if (p11kit_softhsm() == NULL) {
        skip("SoftHSM is not installed: make test-providers",
             "the provider and calls that are given up");
        return done();
    }
    p11kit_provider = envelope_module_providers()[0];
    p11kit_token("one");
    if (!p11kit_load_faults()) {
        skip("pkcs11_faults.so is not built: make test-providers",
             "the provider and calls that are given up");
        return done();
    }
    ok(p11kit_create(KEY) == ENVELOPE_OK, "a key to work with");
    slow_is_not_hung();
    no_further_call();
    secrets();
    closing();
    forks();
    forks_in_a_call();
    exits();
    threads();
    late_refusal(); /* the last: children would send no PIN any more */
    p11kit_clear();
    return done();
}
