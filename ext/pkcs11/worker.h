/* SPDX-License-Identifier: MIT
 *
 * worker.h: a thread that makes all calls of a PKCS#11 module for one open CMK,
 * from open to close, while the caller keeps deadline and interrupt.
 *
 * The caller hands over one job, waits, and takes what came of it. When it may
 * wait no longer, it goes: the worker is lost to it, and ends by itself when
 * the module comes back, whenever that is. What the application gave us (struct
 * envelope_call) is used on the caller's thread only.
 *
 * The structure has two owners: the caller until ee_p11_worker_close(), the
 * thread until it ends. The last of them frees it.
 */
#ifndef EE_PKCS11_WORKER_H
#define EE_PKCS11_WORKER_H

#include "base/secret_source.h"
#include "envelope_provider.h"
#include "pkcs11/job.h"

#include <pthread.h>
#include <sys/types.h>

/* An operation, and what is done before the thread ends; on its thread. */
typedef int ee_p11_operation(struct ee_p11_worker *w, struct ee_error *err);
typedef void ee_p11_finish(struct ee_p11_worker *w);

enum ee_p11_worker_state {
    EE_P11_REST, /* it waits for work; what came of the last is there */
    EE_P11_WORK,
    EE_P11_ASKS, /* for a PIN: the caller answers */
    EE_P11_LEAVE /* it is to end */
};

struct ee_p11_worker {
    pid_t pid;    /* where the thread is: not in a child of fork() */
    size_t bytes; /* of the pages that this structure begins */
    ee_p11_finish *finish;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* state or ended; by CLOCK_MONOTONIC */
    bool started;
    enum ee_p11_worker_state state;
    bool lost;   /* the caller did not wait for the end of a call */
    bool closed; /* and does not look at this any more: the thread frees it */
    bool ended;  /* the thread does not look at it any more */

    ee_p11_operation *op;
    struct ee_error err; /* of the operation, or of the answer */
    int rc;
    char token[33];        /* whose PIN is asked for */
    struct ee_secret *pin; /* the answer, which is the asker's */
    struct ee_p11_job job;
};

/* bytes: of a structure that begins with a worker; zeroed, in protected pages.
 * NULL when out of memory. Starts no thread yet. */
struct ee_p11_worker *ee_p11_worker_new(size_t bytes,
                                        ee_p11_finish *finish) EE_CHECKED;

/* May a job be done now? Waits for calls that were given up (stuck.h). On EE_OK
 * the job is the caller's to fill, until it runs. */
int ee_p11_worker_begin(struct ee_p11_worker *w, struct envelope_call *call,
                        struct ee_error *err) EE_CHECKED;

/* Has it done, and waits. When the call is given up (EE_INTERRUPTED,
 * EE_UNAVAILABLE) worker and job are lost to the caller, but for
 * ee_p11_worker_done() and ee_p11_worker_close(). */
int ee_p11_worker_run(struct ee_p11_worker *w, ee_p11_operation *op,
                      struct envelope_call *call,
                      struct ee_error *err) EE_CHECKED;

/* Wipes what is secret in the job, where it is the caller's. */
void ee_p11_worker_done(struct ee_p11_worker *w);

/* NULL-safe; wipes. Waits for the end of the thread, but not for long. In a
 * child of fork() it frees memory. bytes: as it was made. */
void ee_p11_worker_close(struct ee_p11_worker *w, size_t bytes);

/* On the worker's thread: has the caller find the PIN of a token. A person who
 * types has all the time. Free *pin with ee_secret_free(). */
int ee_p11_worker_ask_pin(struct ee_p11_worker *w, struct ee_secret **pin,
                          const char *token, struct ee_error *err) EE_CHECKED;

#endif
