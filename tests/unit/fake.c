/* SPDX-License-Identifier: MIT
 *
 * fake.c: plays a script, and remembers what it was asked.
 */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int interrupted(void *arg)
{
    struct fake *f = arg;

    return f->interrupt_in > 0 && --f->interrupt_in == 0;
}

static int64_t now_ms(void *arg)
{
    struct fake *f = arg;

    f->now_ms += f->step_ms;
    return f->now_ms;
}

static int64_t unix_seconds(void *arg)
{
    (void)arg;
    return 1800000000;
}

static int dice(void *arg, void *out, size_t n)
{
    struct fake *f = arg;

    for (size_t i = 0; i < n; i++) {
        ((uint8_t *)out)[i] = (uint8_t)(f->die >> 8 * (i % 4));
    }
    return 0;
}

static void remember(struct fake *f, const struct envelope_http_request *r)
{
    struct fake_request *q = &f->seen[f->sent % FAKE_REQUESTS];

    memset(q, 0, sizeof *q);
    (void)snprintf(q->method, sizeof q->method, "%s", r->method);
    (void)snprintf(q->url, sizeof q->url, "%s", r->url);
    for (size_t i = 0; r->headers[i] != NULL; i++) {
        const size_t n = strlen(q->headers);

        (void)snprintf(q->headers + n, sizeof q->headers - n, "%s\n",
                       r->headers[i]);
    }
    if (r->body != NULL && r->body_bytes < sizeof q->body) {
        memcpy(q->body, r->body, r->body_bytes);
    }
}

static int exchange(void *arg, struct envelope_call *call,
                    const struct envelope_http_request *request,
                    struct envelope_http_reply *reply)
{
    struct fake *f = arg;
    const size_t at = f->sent < f->script_n ? f->sent : f->script_n - 1;
    const struct fake_reply *next = &f->script[at];

    (void)call;
    remember(f, request);
    f->sent++;
    memset(reply, 0, sizeof *reply);
    if (next->result != ENVELOPE_OK) {
        return next->result;
    }
    reply->size = sizeof *reply;
    reply->status = next->status;
    reply->retry_after_ms =
        next->retry_after_ms > 0 ? next->retry_after_ms : -1;
    reply->body = strdup(next->body != NULL ? next->body : "");
    reply->body_bytes = strlen(reply->body);
    return ENVELOPE_OK;
}

static void release(void *arg, struct envelope_http_reply *reply)
{
    struct fake *f = arg;

    f->released++;
    free(reply->body);
    reply->body = NULL;
}

void fake_script(struct fake *f, const struct fake_reply *script, size_t n)
{
    f->script = script;
    f->script_n = n;
    f->sent = 0;
    f->released = 0;
}

void fake_init(struct fake *f, const struct fake_reply *script, size_t n)
{
    memset(f, 0, sizeof *f);
    f->now_ms = 1000;
    f->transport.size = sizeof f->transport;
    f->transport.arg = f;
    f->transport.exchange = exchange;
    f->transport.release = release;
    f->call.size = sizeof f->call;
    f->call.deadline_ms = 6000;
    f->call.arg = f;
    f->call.interrupted = interrupted;
    f->call.now_ms = now_ms;
    f->call.unix_seconds = unix_seconds;
    f->call.random = dice;
    f->call.transport = &f->transport;
    fake_script(f, script, n);
}
