/* SPDX-License-Identifier: MIT
 *
 * http.h: struct envelope_transport over libcurl.
 *
 * One struct ee_http belongs to one open CMK and keeps its connections. TLS
 * certificates are always verified; no redirect is followed; no cookie, no
 * .netrc; a reply has at most EE_HTTP_REPLY_MAX bytes; an exchange ends at
 * call->deadline_ms, and within 50 ms of an interrupt. What libcurl says of
 * an error is never shown.
 */
#ifndef EE_KMS_HTTP_H
#define EE_KMS_HTTP_H

#include "base/status.h"
#include "envelope_provider.h"
#include "kms/tls.h"

#define EE_HTTP_REPLY_MAX   (256 * 1024)
#define EE_HTTP_HEADERS_MAX (64 * 1024)

struct ee_http;

/* Contacts nobody. tls: NULL for the system's CAs and no client certificate;
 * what it points to is borrowed until ee_http_close(). */
int ee_http_open(struct ee_http **out, struct envelope_call *call,
                 const struct ee_http_tls *tls) EE_CHECKED;

/* The call's own transport where it brings one, as a test does. */
const struct envelope_transport *
ee_http_transport(struct ee_http *http, const struct envelope_call *call);

/* Closes the connections. libcurl keeps with an open one the secret that signed
 * the last request, in memory that may be swapped; whoever signs hangs up when
 * its piece of work is done. */
void ee_http_hang_up(struct ee_http *http);

/* NULL-safe. In a child of the process that opened it, frees memory and says
 * nothing to the servers. */
void ee_http_close(struct ee_http *http);

#endif
