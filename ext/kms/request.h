/* SPDX-License-Identifier: MIT
 *
 * request.h: what of a request is refused before anybody is asked, and whom it
 * goes to.
 */
#ifndef EE_KMS_REQUEST_H
#define EE_KMS_REQUEST_H

#include "base/status.h"
#include "envelope_provider.h"

#define EE_HTTP_HOST_MAX 256

/* Either of them: what is asked is on this very machine. */
#define EE_HTTP_LOCAL                                                          \
    ((uint32_t)ENVELOPE_HTTP_CONTAINER | (uint32_t)ENVELOPE_HTTP_INSTANCE)

/* Whom it goes to, for messages: "vault.example:8200". */
struct ee_http_peer {
    char shown[EE_HTTP_HOST_MAX];
};

/* ENVELOPE_CONFIGURATION unless the URL is https:// (or, for
 * these flags, http:// to the addresses that they allow), without
 * user and fragment, and no header holds a control character. */
int ee_request_check(struct envelope_call *call,
                     const struct envelope_http_request *request,
                     struct ee_http_peer *peer) EE_CHECKED;

#endif
