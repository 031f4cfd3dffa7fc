/* SPDX-License-Identifier: MIT
 *
 * retry.h: asks again what may be asked again, within the call's deadline.
 */
#ifndef EE_KMS_RETRY_H
#define EE_KMS_RETRY_H

#include "base/status.h"
#include "envelope_provider.h"

#include <stdbool.h>

#define EE_RETRY_ATTEMPTS   4
#define EE_RETRY_BASE_MS    100
#define EE_RETRY_LIMITED_MS 500 /* likewise, where there were too many */
#define EE_RETRY_CAP_MS     5000

/* Does this reply say that the same request may succeed later? */
typedef bool ee_retry_again(const struct envelope_http_reply *reply);

/* 429, 500, 502, 503 and 504. */
bool ee_retry_by_status(const struct envelope_http_reply *reply);

/* Exchanges, and again, at most EE_RETRY_ATTEMPTS times in all, while `again`
 * says so of the reply, or the transport says ENVELOPE_UNAVAILABLE and
 * harmless is true: the request does no harm when it is done twice. In
 * between it waits for a random time (full jitter, doubling), and for as long
 * as the server asks to. A wait that would not end before the deadline is not
 * begun. ENVELOPE_OK: *reply is the last one, which may be one of failure;
 * release it. */
int ee_retry_exchange(const struct envelope_transport *transport,
                      struct envelope_call *call,
                      const struct envelope_http_request *request,
                      ee_retry_again *again, bool harmless,
                      struct envelope_http_reply *reply) EE_CHECKED;

#endif
