/* SPDX-License-Identifier: MIT */
#include "fakehttp.h"

#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int interrupted(void *arg)
{
    struct fake *f = arg;

    if (f->interrupt_after < 0) {
        return 0;
    }
    return f->interrupt_after-- == 0 ? 1 : 0;
}

static int64_t now_ms(void *arg)
{
    struct fake *f = arg;

    f->now_ms += f->step_ms;
    return f->now_ms;
}

static int64_t unix_seconds(void *arg)
{
    return ((struct fake *)arg)->unix_seconds;
}

/* No jitter, so that nobody waits. */
static int zeros(void *arg, void *out, size_t n)
{
    (void)arg;
    memset(out, 0, n);
    return 0;
}

static void copy(char *out, size_t size, const void *text, size_t n)
{
    if (n >= size) {
        abort();
    }
    if (n > 0) {
        memcpy(out, text, n);
    }
    out[n] = '\0';
}

static void remember(struct fake *f, const struct envelope_http_request *r)
{
    struct fake_request *to = &f->requests[f->asked];
    size_t used = 0;

    copy(to->method, sizeof to->method, r->method, strlen(r->method));
    copy(to->url, sizeof to->url, r->url, strlen(r->url));
    copy(to->body, sizeof to->body, r->body, r->body_bytes);
    to->headers[0] = '\0';
    for (size_t i = 0; r->headers[i] != NULL; i++) {
        used += (size_t)snprintf(to->headers + used, sizeof to->headers - used,
                                 "%s\n", r->headers[i]);
    }
    to->signing[0] = '\0';
    if (r->aws_sigv4 != NULL) {
        (void)snprintf(to->signing, sizeof to->signing, "%s|%s|%s",
                       r->aws_sigv4, r->aws_key_id, r->aws_secret);
    }
    to->flags = r->flags;
}

static int exchange(void *arg, struct envelope_call *call,
                    const struct envelope_http_request *request,
                    struct envelope_http_reply *reply)
{
    struct fake *f = arg;
    const size_t n = f->asked;

    (void)call;
    if (n == FAKE_MAX) {
        abort();
    }
    remember(f, request);
    f->asked++;
    if (n >= f->answer_count || f->answers[n].result != ENVELOPE_OK) {
        *reply = (struct envelope_http_reply){.size = sizeof *reply};
        reply->connected =
            n < f->answer_count ? f->answers[n].reply.connected : 0;
        return n >= f->answer_count ? ENVELOPE_UNAVAILABLE
                                    : f->answers[n].result;
    }
    *reply = f->answers[n].reply;
    reply->connected = 1;
    /* allocated exactly, so that a checker sees a byte too many */
    reply->body = kit_alloc(reply->body_bytes + 1);
    memcpy(reply->body, f->answers[n].reply.body, reply->body_bytes + 1);
    f->open_replies++;
    return ENVELOPE_OK;
}

static void release(void *arg, struct envelope_http_reply *reply)
{
    struct fake *f = arg;

    free(reply->body);
    reply->body = NULL;
    f->open_replies--;
}

struct fake *fake_new(void)
{
    struct fake *f = kit_alloc(sizeof *f);

    memset(f, 0, sizeof *f);
    f->transport = (struct envelope_transport){.size = sizeof f->transport,
                                               .arg = f,
                                               .exchange = exchange,
                                               .release = release};
    f->call = (struct envelope_call){.size = sizeof f->call,
                                     .deadline_ms = 6000,
                                     .arg = f,
                                     .interrupted = interrupted,
                                     .now_ms = now_ms,
                                     .unix_seconds = unix_seconds,
                                     .random = zeros,
                                     .transport = &f->transport};
    f->now_ms = 1000;
    f->unix_seconds = 1767323045; /* 2026-01-02T03:04:05Z */
    f->interrupt_after = -1;
    return f;
}

void fake_free(struct fake *f)
{
    free(f);
}

void fake_clear(struct fake *f)
{
    f->answer_count = 0;
    f->asked = 0;
    f->call.message[0] = '\0';
}

struct envelope_http_reply *fake_answer(struct fake *f, int status,
                                        const char *body)
{
    struct envelope_http_reply *reply = &f->answers[f->answer_count].reply;

    f->answers[f->answer_count++].result = ENVELOPE_OK;
    *reply = (struct envelope_http_reply){.size = sizeof *reply,
                                          .status = status,
                                          .retry_after_ms = -1,
                                          .body = (char *)body,
                                          .body_bytes = strlen(body)};
    return reply;
}

void fake_failure(struct fake *f, int result)
{
    f->answers[f->answer_count++].result = result;
}

const struct fake_request *fake_request(const struct fake *f, size_t n)
{
    static const struct fake_request none;

    return n < f->asked ? &f->requests[n] : &none;
}
