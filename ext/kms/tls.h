/* SPDX-License-Identifier: MIT
 *
 * tls.h: whom an open CMK believes, and as whom it comes.
 */
#ifndef EE_KMS_TLS_H
#define EE_KMS_TLS_H

#include "base/bytes.h"

#include <curl/curl.h>

/* Each may be NULL. All of it is borrowed until ee_http_close(). */
struct ee_http_tls {
    const char *ca_file;   /* these CAs, and no other */
    const char *ca_dir;    /* likewise; may be given together */
    const char *cert_file; /* the client's certificate, PEM, with its chain */
    struct ee_bytes key;   /* its private key, PEM; secret */
};

/* Verification always on, TLS 1.2 or later. */
CURLcode ee_tls_options(CURL *easy, const struct ee_http_tls *tls);

/* Why the server's certificate was refused: "it has expired". */
const char *ee_tls_refusal(CURL *easy);

#endif
