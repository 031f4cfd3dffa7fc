/* SPDX-License-Identifier: MIT
 *
 * pkcs11_create.c: a key is made once, though several ask for it at once: else
 * its URI matches several, and each use fails. And what was made when nobody
 * is told of it does not stay. The module is tests/providers'
 * pkcs11_faults.so: SoftHSM, with faults on demand.
 */
#include "p11kit.h"
#include "pkcs11/provider.h"
#include "pkcs11/stuck.h"
#include "tap.h"

#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define URI(label) "pkcs11:token=one;object=" label
#define THREADS    8
#define PROCESSES  4

static int uses(const char *uri)
{
    envelope_cmk *cmk = NULL;
    int rc = p11kit_open(&cmk, uri);

    if (rc == ENVELOPE_OK) {
        rc = p11kit_round_trip(cmk);
    }
    p11kit_close(cmk);
    return rc;
}

/* ---- in one process ---- */

static pthread_barrier_t together;

static void *creates(void *arg)
{
    struct envelope_call call = p11kit_call();

    (void)pthread_barrier_wait(&together);
    return (void *)(intptr_t)p11kit_provider->create(&call, arg);
}

static void threads(void)
{
    pthread_t thread[THREADS];
    int made = 0;
    int there = 0;

    (void)pthread_barrier_init(&together, NULL, THREADS);
    p11kit_faults->slow_ms = 5;
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_create(&thread[i], NULL, creates, URI("threads"));
    }
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;

        (void)pthread_join(thread[i], &result);
        made += (intptr_t)result == ENVELOPE_OK;
        there += (intptr_t)result == ENVELOPE_CONFIGURATION;
    }
    p11kit_faults->slow_ms = 0;
    ok(made == 1, "%d threads make one key: %d did", THREADS, made);
    ok(there == THREADS - 1, "and the others find it, and make none: %d did",
       there);
    ok(uses(URI("threads")) == ENVELOPE_OK, "which is the only one");
    (void)pthread_barrier_destroy(&together);
}

/* Who waits for another one's creation keeps his own time. */
static void waits_no_longer(void)
{
    pthread_t thread;
    void *result = NULL;

    (void)pthread_barrier_init(&together, NULL, 1);
    p11kit_hang("C_GenerateKey");
    (void)pthread_create(&thread, NULL, creates, URI("slow"));
    while (p11kit_faults->inside == 0) {
        (void)usleep(1000);
    }
    p11kit_user.timeout_ms = 100;
    ok(p11kit_create(URI("other")) == ENVELOPE_UNAVAILABLE,
       "one that waits for another thread's creation does so in its time");
    p11kit_calm();
    p11kit_faults->hanging = 0;
    (void)pthread_join(thread, &result);
    ok((intptr_t)result == ENVELOPE_OK && p11kit_come_back(ee_p11_is_stuck) &&
           uses(URI("slow")) == ENVELOPE_OK,
       "the other one is made");
    (void)pthread_barrier_destroy(&together);
}

/* ---- with other processes ---- */

static void another_made_one(void)
{
    p11kit_faults->twin = 1;
    ok(p11kit_create(URI("twin")) == ENVELOPE_UNAVAILABLE &&
           strstr(p11kit_said, "at the same time") != NULL,
       "another process makes the key at the same time: told of");
    p11kit_faults->twin = 0;
    ok(uses(URI("twin")) == ENVELOPE_OK, "its key is the only one that stays");
    p11kit_faults->twin = 1;
    p11kit_plan("C_DestroyObject", CKR_DEVICE_ERROR, 1);
    ok(p11kit_create(URI("both")) == ENVELOPE_UNAVAILABLE &&
           strstr(p11kit_said, "delete one") != NULL,
       "one that cannot be taken back is told of");
    p11kit_faults->twin = 0;
}

/* Each starts when the pipe closes. */
static pid_t start_process(const int *gate)
{
    const pid_t pid = fork();
    char c = 0;

    if (pid == 0) {
        (void)close(gate[1]);
        (void)alarm(60);
        (void)read(gate[0], &c, 1);
        p11kit_faults->slow_ms = 5;
        _exit(p11kit_create(URI("processes")) == ENVELOPE_OK ? 7 : 8);
    }
    return pid;
}

/* Forked before this process has used the module. */
static void processes(void)
{
    pid_t pid[PROCESSES];
    int gate[2];
    int made = 0;
    int ended = 0;
    int rc = 0;

    (void)pipe(gate);
    for (int i = 0; i < PROCESSES; i++) {
        pid[i] = start_process(gate);
    }
    (void)close(gate[0]);
    (void)close(gate[1]);
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;

        (void)waitpid(pid[i], &status, 0);
        ended += WIFEXITED(status) && WEXITSTATUS(status) >= 7;
        made += WIFEXITED(status) && WEXITSTATUS(status) == 7;
    }
    ok(ended == PROCESSES && made <= 1,
       "%d processes make one key, or none: %d did", PROCESSES, made);
    rc = uses(URI("processes"));
    ok(rc == (made == 1 ? ENVELOPE_OK : ENVELOPE_NOT_MINE),
       "and what they said is so");
}

/* ---- what nobody is told of ---- */

static void taken_back(void)
{
    p11kit_hang("C_GenerateKey");
    p11kit_interrupt_soon();
    ok(p11kit_create(URI("late")) == ENVELOPE_INTERRUPTED,
       "making a key is interrupted");
    p11kit_calm();
    ok(p11kit_come_back(ee_p11_is_stuck) &&
           uses(URI("late")) == ENVELOPE_NOT_MINE,
       "the key that was made then does not stay");
    ok(p11kit_create(URI("late")) == ENVELOPE_OK &&
           uses(URI("late")) == ENVELOPE_OK,
       "and can be made again");
}

static void there_already(void)
{
    ok(p11kit_create(URI("late")) == ENVELOPE_CONFIGURATION &&
           strstr(p11kit_said, "already") != NULL &&
           uses(URI("late")) == ENVELOPE_OK,
       "one that is there stays as it is");
    ok(p11kit_create(URI("both")) == ENVELOPE_CONFIGURATION &&
           strstr(p11kit_said, "already") != NULL,
       "so do two");
}

int main(void)
{
    if (p11kit_softhsm() == NULL) {
        skip("SoftHSM is not installed: make test-providers",
             "the provider makes keys");
        return done();
    }
    p11kit_provider = envelope_module_providers()[0];
    p11kit_token("one");
    if (!p11kit_load_faults()) {
        skip("pkcs11_faults.so is not built: make test-providers",
             "the provider makes keys");
        return done();
    }
    processes();
    threads();
    waits_no_longer();
    another_made_one();
    taken_back();
    there_already();
    ok(p11kit_faults->sessions == 0, "no session is left open");
    p11kit_clear();
    return done();
}
