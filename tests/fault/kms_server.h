/* SPDX-License-Identifier: MIT
 *
 * kms_server.h: an HTTPS server on the loopback, in a child process, that
 * answers as the caller says.
 */
#ifndef TESTS_FAULT_KMS_SERVER_H
#define TESTS_FAULT_KMS_SERVER_H

#include <sys/types.h>

/* Writes body and gives the status. request: all of it, headers too. */
typedef int kms_answer(const char *request, const char **body);

/* Its port goes to *port, and its certificate, which is its own CA's, into the
 * PEM file ca. Ends with this process. */
pid_t kms_server_start(int *port, const char *ca, kms_answer *answer);

#endif
