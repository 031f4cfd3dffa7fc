/* SPDX-License-Identifier: MIT
 *
 * sockets.c: opens, remembers and closes sockets for libcurl.
 */
#include "kms/sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

curl_socket_t ee_sockets_open(void *sockets, curlsocktype purpose,
                              struct curl_sockaddr *address)
{
    struct ee_sockets *s = sockets;
    int fd = -1;

    (void)purpose;
    if (s->count < EE_SOCKETS_MAX) {
        fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
                    address->protocol);
    }
    if (fd < 0) {
        return CURL_SOCKET_BAD;
    }
    s->fd[s->count++] = fd;
    return fd;
}

int ee_sockets_close(void *sockets, curl_socket_t fd)
{
    struct ee_sockets *s = sockets;

    for (int i = 0; i < s->count; i++) {
        if (s->fd[i] == fd) {
            s->fd[i] = s->fd[--s->count];
            break;
        }
    }
    return close(fd);
}

void ee_sockets_abandon(const struct ee_sockets *sockets)
{
    const int nowhere = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    for (int i = 0; i < sockets->count; i++) {
        if (nowhere < 0 || dup3(nowhere, sockets->fd[i], O_CLOEXEC) < 0) {
            (void)close(sockets->fd[i]);
        }
    }
    if (nowhere >= 0) {
        (void)close(nowhere);
    }
}
