/* SPDX-License-Identifier: MIT
 *
 * fakehttp.h: a transport that answers what a test wrote down, and remembers
 * what it was asked; and a call with a clock that a test sets.
 */
#ifndef TESTS_UNIT_FAKEHTTP_H
#define TESTS_UNIT_FAKEHTTP_H

#include "envelope_provider.h"

#define FAKE_MAX  16
#define FAKE_TEXT 32768

struct fake_request {
    char method[16];
    char url[1024];
    char headers[FAKE_TEXT]; /* each with a newline */
    char body[FAKE_TEXT];
    char signing[512]; /* "aws:amz:...|key id|secret"; empty: not signed */
    uint32_t flags;
};

struct fake {
    struct envelope_call call;
    struct envelope_transport transport;
    /* what is answered, one after the other; then: ENVELOPE_UNAVAILABLE */
    struct {
        int result; /* when not ENVELOPE_OK, the transport's own failure */
        struct envelope_http_reply reply;
    } answers[FAKE_MAX];
    size_t answer_count;
    struct fake_request requests[FAKE_MAX];
    size_t asked;
    size_t open_replies; /* not released yet */
    int64_t now_ms;      /* set by the test; grows by step_ms a look */
    int64_t step_ms;
    int64_t unix_seconds;
    int interrupt_after; /* looks; -1: never */
};

/* A fake whose call may take 5 s. Ends the program when out of memory. */
struct fake *fake_new(void);
void fake_free(struct fake *f);

/* Forgets answers and requests. */
void fake_clear(struct fake *f);

/* The next answer. The body is copied when it is asked for. Returns it, for
 * what else it should have. */
struct envelope_http_reply *fake_answer(struct fake *f, int status,
                                        const char *body);
void fake_failure(struct fake *f, int result);

/* The request number n, from 0. */
const struct fake_request *fake_request(const struct fake *f, size_t n);

#endif
