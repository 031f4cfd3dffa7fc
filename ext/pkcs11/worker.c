/* SPDX-License-Identifier: MIT
 *
 * worker.c: the thread, and how it is waited for.
 *
 * Neither side keeps the lock while it works: not while a module is called, and
 * not while a person types a PIN.
 */
#include "pkcs11/worker.h"

#include "base/clock.h"
#include "base/secret.h"
#include "pkcs11/inside.h"
#include "pkcs11/stuck.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 20 /* an interrupt is to be seen within 100 */

/* What closing a session may take: nobody can interrupt it. */
#define CLOSE_MS 1000

static void lock(struct ee_p11_worker *w)
{
    (void)pthread_mutex_lock(&w->lock);
}

static void unlock(struct ee_p11_worker *w)
{
    (void)pthread_mutex_unlock(&w->lock);
}

/* Lock held. */
static void set_state(struct ee_p11_worker *w, enum ee_p11_worker_state state)
{
    w->state = state;
    (void)pthread_cond_broadcast(&w->changed);
}

/* Lock held. False when ms are over. */
static bool wait_ms(struct ee_p11_worker *w, int64_t ms)
{
    struct timespec until = {.tv_sec = 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += (time_t)(ms / 1000) + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_cond_timedwait(&w->changed, &w->lock, &until) != ETIMEDOUT;
}

/* Nobody else looks at it any more. */
static void free_worker(struct ee_p11_worker *w)
{
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->lock);
    ee_secret_pages_free(w, w->bytes);
}

static void wipe_secrets(struct ee_p11_job *job)
{
    ee_wipe(job->payload, sizeof job->payload);
    ee_wipe(job->random, sizeof job->random);
}

/* ---- the worker's thread ---- */

/* Lock held. Is there work? Else it is to end. */
static bool next(struct ee_p11_worker *w)
{
    while (w->state == EE_P11_REST && !w->lost) {
        (void)pthread_cond_wait(&w->changed, &w->lock);
    }
    return w->state == EE_P11_WORK && !w->lost;
}

static void end(struct ee_p11_worker *w)
{
    bool lost = false;
    bool closed = false;

    wipe_secrets(&w->job); /* the caller did, unless it has gone */
    lock(w);
    w->ended = true;
    lost = w->lost;
    closed = w->closed;
    (void)pthread_cond_broadcast(&w->changed);
    unlock(w);
    if (closed) {
        free_worker(w);
    }
    if (lost) {
        ee_p11_stuck_remove();
    }
}

static void *serve(void *arg)
{
    struct ee_p11_worker *w = arg;

    (void)pthread_setname_np(pthread_self(), "envelope-pkcs11");
    lock(w);
    while (next(w)) {
        unlock(w);
        ee_p11_inside_enter();
        w->rc = w->op(w, &w->err);
        ee_p11_inside_leave();
        lock(w);
        set_state(w, EE_P11_REST);
    }
    unlock(w);
    ee_p11_inside_enter();
    w->finish(w);
    ee_p11_inside_leave();
    end(w);
    return NULL;
}

int ee_p11_worker_ask_pin(struct ee_p11_worker *w, struct ee_secret **pin,
                          const char *token, struct ee_error *err)
{
    int rc = EE_OK;

    *pin = NULL;
    lock(w);
    if (w->lost) {
        unlock(w);
        return ee_fail(err, EE_INTERRUPTED, "nobody is there to be asked");
    }
    (void)snprintf(w->token, sizeof w->token, "%s", token);
    set_state(w, EE_P11_ASKS);
    ee_p11_inside_leave(); /* a person may take long */
    while (w->state == EE_P11_ASKS) {
        (void)pthread_cond_wait(&w->changed, &w->lock);
    }
    ee_p11_inside_enter();
    *pin = w->pin;
    w->pin = NULL;
    rc = w->rc;
    if (rc != EE_OK) {
        *err = w->err;
    }
    unlock(w);
    return rc;
}

/* ---- the caller's thread ---- */

struct ee_p11_worker *ee_p11_worker_new(size_t bytes, ee_p11_finish *finish)
{
    struct ee_p11_worker *w = ee_secret_pages_new(bytes);

    if (w != NULL) {
        w->pid = getpid();
        w->bytes = bytes;
        w->finish = finish;
        w->job.worker = w;
    }
    return w;
}

/* The application's handlers of signals run on its own threads, but for what a
 * thread does to itself. The stack is of the usual size: who knows a module. */
static int start_thread(struct ee_p11_worker *w)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t blocked;
    sigset_t before;
    int rc = 0;

    (void)sigfillset(&blocked);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        (void)sigdelset(&blocked, own[i]);
    }
    (void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
    rc = pthread_create(&w->thread, NULL, serve, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static int start(struct ee_p11_worker *w, struct ee_error *err)
{
    pthread_condattr_t attr;

    if (w->started) {
        return EE_OK;
    }
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    if (start_thread(w) != 0) {
        (void)pthread_cond_destroy(&w->changed);
        (void)pthread_mutex_destroy(&w->lock);
        return ee_fail(err, EE_UNAVAILABLE,
                       "the system gives no thread to call the PKCS#11 module "
                       "with: raise its limit of threads, or end some");
    }
    w->started = true;
    return EE_OK;
}

static int fill(struct ee_p11_job *job, struct envelope_call *call,
                struct ee_error *err)
{
    atomic_store(&job->cancelled, false);
    job->random_used = 0;
    if (call->random(call->arg, job->random, /* lint: random: the core's */
                     sizeof job->random) != 0) {
        return ee_fail(err, EE_UNAVAILABLE, "there is no randomness");
    }
    return ee_p11_settings_read(&job->settings, err);
}

int ee_p11_worker_begin(struct ee_p11_worker *w, struct envelope_call *call,
                        struct ee_error *err)
{
    int rc = ee_p11_look(call);

    if (w->pid != getpid()) {
        return ee_fail(err, EE_UNAVAILABLE,
                       "the session with the PKCS#11 token is that of the "
                       "process that forked this one: open it anew");
    }
    if (w->lost) {
        return ee_fail(err, EE_UNAVAILABLE,
                       "the session with the PKCS#11 token was given up with "
                       "an earlier call: open it anew");
    }
    if (rc != EE_OK) {
        return ee_fail(err, rc,
                       rc == EE_INTERRUPTED
                           ? "interrupted"
                           : "there is no time left to call the PKCS#11 module "
                             "in: raise the setting provider_timeout");
    }
    rc = ee_p11_inside_check(err);
    if (rc == EE_OK) {
        rc = ee_p11_stuck_wait(call, err);
    }
    if (rc == EE_OK) {
        rc = fill(&w->job, call, err);
    }
    return rc != EE_OK ? rc : start(w, err);
}

static bool was_interrupted(void *arg)
{
    return ee_p11_look(arg) == EE_INTERRUPTED;
}

/* Lock held, but not while somebody types. */
static void answer(struct ee_p11_worker *w, struct envelope_call *call)
{
    const struct ee_wait user = {.interrupted = was_interrupted,
                                 .interrupted_arg = call};
    const bool may_ask = (call->flags & ENVELOPE_MAY_PROMPT) != 0;
    const int64_t before = call->now_ms(call->arg);

    unlock(w);
    w->rc = ee_secret_to_open(&w->pin, EE_SECRET_PKCS11_PIN, w->token,
                              may_ask ? &user : NULL, &w->err);
    lock(w);
    call->deadline_ms += call->now_ms(call->arg) - before;
    set_state(w, EE_P11_WORK);
}

/* Lock held. */
static void give_up(struct ee_p11_worker *w, int64_t left_ms)
{
    atomic_store(&w->job.cancelled, true);
    w->lost = true;
    ee_p11_stuck_add(left_ms);
    (void)pthread_detach(w->thread);
}

static int gave_up(int rc, struct ee_error *err)
{
    return ee_fail(err, rc,
                   rc == EE_INTERRUPTED
                       ? "interrupted in a call of the PKCS#11 module, which "
                         "ends by itself"
                       : "the PKCS#11 module did not come back from a call in "
                         "time: try again when it has, or raise the setting "
                         "provider_timeout");
}

/* Lock held. Until the work is done. */
static int await(struct ee_p11_worker *w, struct envelope_call *call,
                 struct ee_error *err)
{
    while (w->state != EE_P11_REST) {
        int rc = EE_OK;

        if (w->state == EE_P11_ASKS) {
            answer(w, call);
        } else if (!wait_ms(w, LOOK_MS) && w->state == EE_P11_WORK) {
            rc = ee_p11_look(call);
        }
        if (rc != EE_OK) {
            const int64_t left = call->deadline_ms - call->now_ms(call->arg);

            give_up(w, left > 0 ? left : 0);
            return gave_up(rc, err);
        }
    }
    return EE_OK;
}

int ee_p11_worker_run(struct ee_p11_worker *w, ee_p11_operation *op,
                      struct envelope_call *call, struct ee_error *err)
{
    int rc = EE_OK;

    lock(w);
    w->op = op;
    set_state(w, EE_P11_WORK);
    rc = await(w, call, err);
    if (rc == EE_OK) {
        rc = w->rc;
        if (rc != EE_OK) {
            *err = w->err;
        }
    }
    unlock(w);
    return rc;
}

void ee_p11_worker_done(struct ee_p11_worker *w)
{
    if (!w->lost) {
        wipe_secrets(&w->job);
    }
}

/* Lock held. A module that hangs already is not waited for. */
static void leave(struct ee_p11_worker *w)
{
    const int64_t until =
        ee_monotonic_ms() + (ee_p11_is_stuck() ? LOOK_MS : CLOSE_MS);
    int64_t left = 0;

    set_state(w, EE_P11_LEAVE);
    do {
        left = until - ee_monotonic_ms();
        if (!w->ended && left > 0) {
            (void)wait_ms(w, left);
        }
    } while (!w->ended && left > 0);
    if (!w->ended) {
        give_up(w, 0);
    }
}

void ee_p11_worker_close(struct ee_p11_worker *w, size_t bytes)
{
    bool ended = false;

    if (w == NULL) {
        return;
    }
    if (w->pid != getpid() || !w->started) {
        ee_secret_pages_free(w, bytes);
        return;
    }
    lock(w);
    if (!w->lost) {
        leave(w);
    }
    ended = w->ended;
    w->closed = !ended;
    if (ended && !w->lost) {
        unlock(w);
        (void)pthread_join(w->thread, NULL);
    } else {
        unlock(w);
    }
    if (ended) {
        free_worker(w);
    }
}
