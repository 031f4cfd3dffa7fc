/* SPDX-License-Identifier: MIT
 *
 * retry.c: full jitter: many clients that failed at the same moment do not
 * come back at the same moment.
 */
#include "kms/retry.h"

#include "kms/fail.h"

#include <poll.h>

#define SLICE_MS 50

bool ee_retry_by_status(const struct envelope_http_reply *reply)
{
    switch (reply->status) {
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    default:
        return false;
    }
}

/* From 0 to max, both included. The bias of % is of no consequence here. */
static int64_t random_ms(struct envelope_call *call, int64_t max)
{
    uint32_t r = 0;

    if (call->random(call->arg, &r, sizeof r) != 0) {
        return max; /* lint: random, the call's own */
    }
    return (int64_t)r % (max + 1);
}

/* reply: NULL where none came. */
static int64_t pause_ms(struct envelope_call *call, int attempt,
                        const struct envelope_http_reply *reply)
{
    const bool limited = reply != NULL && reply->status == 429;
    const int64_t asked = reply != NULL ? reply->retry_after_ms : -1;
    const int64_t base = limited ? EE_RETRY_LIMITED_MS : EE_RETRY_BASE_MS;
    const int64_t grown = base << attempt;
    const int64_t jitter =
        random_ms(call, grown < EE_RETRY_CAP_MS ? grown : EE_RETRY_CAP_MS);

    if (asked <= 0) {
        return jitter;
    }
    return asked + (jitter < base ? jitter : base);
}

static int wait_until(struct envelope_call *call, int64_t until)
{
    int64_t left = until - call->now_ms(call->arg);

    while (left > 0) {
        if (call->interrupted != NULL && call->interrupted(call->arg) != 0) {
            return ENVELOPE_INTERRUPTED;
        }
        (void)poll(NULL, 0, left < SLICE_MS ? (int)left : SLICE_MS);
        left = until - call->now_ms(call->arg);
    }
    return ENVELOPE_OK;
}

int ee_retry_exchange(const struct envelope_transport *transport,
                      struct envelope_call *call,
                      const struct envelope_http_request *request,
                      ee_retry_again *again, bool harmless,
                      struct envelope_http_reply *reply)
{
    for (int attempt = 0;; attempt++) {
        int rc = transport->exchange(transport->arg, call, request, reply);
        const bool failed = harmless && rc == ENVELOPE_UNAVAILABLE;
        int64_t until = 0;

        if (!failed && (rc != ENVELOPE_OK || !again(reply))) {
            return rc;
        }
        until = call->now_ms(call->arg) +
                pause_ms(call, attempt, failed ? NULL : reply);
        if (attempt + 1 >= EE_RETRY_ATTEMPTS || until >= call->deadline_ms) {
            return rc;
        }
        if (!failed) {
            transport->release(transport->arg, reply);
        }
        rc = wait_until(call, until);
        if (rc != ENVELOPE_OK) {
            return rc;
        }
    }
}
