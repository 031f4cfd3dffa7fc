/* SPDX-License-Identifier: MIT
 *
 * sockets.h: the sockets of an open CMK, so that a child process can let go of
 * them.
 *
 * After fork() the child has the parent's TLS connections. Closing one says
 * goodbye to the server, in the parent's name, and breaks the parent's.
 */
#ifndef EE_KMS_SOCKETS_H
#define EE_KMS_SOCKETS_H

#include <curl/curl.h>

#define EE_SOCKETS_MAX 16

struct ee_sockets {
    int fd[EE_SOCKETS_MAX];
    int count;
};

/* CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION; sockets is a
 * struct ee_sockets that outlives the connections. */
curl_socket_t ee_sockets_open(void *sockets, curlsocktype purpose,
                              struct curl_sockaddr *address);
int ee_sockets_close(void *sockets, curl_socket_t fd);

/* Puts a socket that leads nowhere in the place of each: what is written to it
 * from now on is lost. */
void ee_sockets_abandon(const struct ee_sockets *sockets);

#endif
