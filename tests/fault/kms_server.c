/* SPDX-License-Identifier: MIT
 *
 * kms_server.c: OpenSSL's server, one connection after the other.
 */
#include "fault/kms_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 65536

static void need(bool condition)
{
    if (!condition) {
        abort();
    }
}

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_EXTENSION *san = NULL;

    need(X509_set_version(cert, 2) == 1 &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    (const unsigned char *)"oom", -1, -1,
                                    0) == 1);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    need(san != NULL && X509_add_ext(cert, san, -1) == 1 &&
         X509_set_issuer_name(cert, name) == 1 &&
         X509_set_pubkey(cert, key) == 1 &&
         X509_sign(cert, key, EVP_sha256()) > 0);
    X509_EXTENSION_free(san);
    return cert;
}

static SSL_CTX *make_context(const char *ca)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_certificate(key);
    FILE *f = fopen(ca, "w");

    need(f != NULL && PEM_write_X509(f, cert) == 1 && fclose(f) == 0);
    need(SSL_CTX_use_certificate(ctx, cert) == 1 &&
         SSL_CTX_use_PrivateKey(ctx, key) == 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

/* A request and its body; false at the end of the connection. */
static bool read_request(SSL *ssl, char *text)
{
    size_t n = 0;

    for (;;) {
        const int got = SSL_read(ssl, text + n, (int)(REQUEST_MAX - 1 - n));
        const char *end = NULL;
        const char *length = NULL;

        if (got <= 0) {
            return false;
        }
        n += (size_t)got;
        text[n] = '\0';
        end = strstr(text, "\r\n\r\n");
        length = strcasestr(text, "\r\nContent-Length:");
        if (end != NULL &&
            n >= (size_t)(end + 4 - text) +
                     (length != NULL ? strtoul(length + 17, NULL, 10) : 0)) {
            return true;
        }
    }
}

static void serve(SSL *ssl, kms_answer *answer)
{
    static char request[REQUEST_MAX];
    static char reply[REQUEST_MAX];

    while (read_request(ssl, request)) {
        const char *body = "";
        const int status = answer(request, &body);
        const int n = snprintf(reply, sizeof reply,
                               "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s",
                               status, strlen(body), body);

        if (SSL_write(ssl, reply, n) <= 0) {
            return;
        }
    }
}

static void accept_all(int listener, SSL_CTX *ctx, kms_answer *answer)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    for (;;) {
        const int fd = accept(listener, NULL, NULL);
        SSL *ssl = SSL_new(ctx);
        const int yes = 1;

        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1) {
            serve(ssl, answer);
        }
        SSL_free(ssl);
        (void)close(fd);
    }
}

pid_t kms_server_start(int *port, const char *ca, kms_answer *answer)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    SSL_CTX *ctx = make_context(ca);
    pid_t pid = 0;

    need(bind(listener, (struct sockaddr *)&at, n) == 0 &&
         listen(listener, 8) == 0 &&
         getsockname(listener, (struct sockaddr *)&at, &n) == 0);
    *port = ntohs(at.sin_port);
    pid = fork();
    if (pid == 0) {
        accept_all(listener, ctx, answer);
    }
    (void)close(listener);
    SSL_CTX_free(ctx);
    return pid;
}
