/* SPDX-License-Identifier: MIT
 *
 * kms_http.c: the transport by libcurl, against a server in a child process
 * that speaks plain HTTP on the loopback.
 */
#include "base/clock.h"
#include "child.h"
#include "fake.h"
#include "kms/http.h"
#include "tap.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUEST_MAX 16384

static struct fake f;
static struct ee_http *http;
static int port;

/* ---- the server: one connection after the other ---- */

static void send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        const ssize_t got = send(fd, p, n, MSG_NOSIGNAL);

        if (got <= 0) {
            return;
        }
        p += got;
        n -= (size_t)got;
    }
}

static void send_reply(int fd, const char *head, const char *body, size_t n)
{
    char text[512];

    (void)snprintf(text, sizeof text, "HTTP/1.1 %sContent-Length: %zu\r\n\r\n",
                   head, n);
    send_all(fd, text, strlen(text));
    send_all(fd, body, n);
}

/* A request and its body; false at the end of the connection. */
static bool read_request(int fd, char *text)
{
    size_t n = 0;

    for (;;) {
        const ssize_t got = recv(fd, text + n, REQUEST_MAX - 1 - n, 0);
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

static void answer(int fd, const char *text, int connection)
{
    static char big[EE_HTTP_REPLY_MAX + 1];
    char line[32];

    memset(big, 'x', sizeof big);
    if (strstr(text, " /echo ") != NULL) {
        send_reply(fd, "200 OK\r\n", text, strlen(text));
    } else if (strstr(text, " /connection ") != NULL) {
        (void)snprintf(line, sizeof line, "%d", connection);
        send_reply(fd, "200 OK\r\n", line, strlen(line));
    } else if (strstr(text, " /most ") != NULL) {
        send_reply(fd, "200 OK\r\n", big, EE_HTTP_REPLY_MAX);
    } else if (strstr(text, " /more ") != NULL) {
        send_reply(fd, "200 OK\r\n", big, EE_HTTP_REPLY_MAX + 1);
    } else if (strstr(text, " /chunks ") != NULL) {
        send_all(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                 47);
        for (int i = 0; i < 100000; i++) {
            send_all(fd, "10\r\n0123456789abcdef\r\n", 22);
        }
    } else if (strstr(text, " /moved ") != NULL) {
        send_reply(fd, "307 Moved\r\nLocation: /echo\r\n", "", 0);
    } else if (strstr(text, " /limited ") != NULL) {
        send_reply(fd,
                   "429 Slow\r\nRetry-After: 7\r\n"
                   "x-amzn-ErrorType: ThrottlingException:http://x/\r\n"
                   "Date: Fri, 02 Jan 2026 03:04:05 GMT\r\n",
                   "{}", 2);
    } else if (strstr(text, " /none ") == NULL) {
        send_reply(fd, "404 No\r\n", "", 0);
    }
}

static void serve(int listener)
{
    static char text[REQUEST_MAX];

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int connection = 1;; connection++) {
        const int fd = accept(listener, NULL, NULL);

        while (fd >= 0 && read_request(fd, text)) {
            answer(fd, text, connection);
        }
        (void)close(fd);
    }
}

static pid_t start(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    pid_t pid = 0;

    if (bind(listener, (struct sockaddr *)&at, n) != 0 ||
        listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &n) != 0) {
        abort();
    }
    port = ntohs(at.sin_port);
    pid = fork();
    if (pid == 0) {
        serve(listener);
    }
    (void)close(listener);
    return pid;
}

/* ---- the client ---- */

static int64_t real_ms(void *arg)
{
    (void)arg;
    return ee_monotonic_ms();
}

static int ask(const char *method, const char *path, const char *body,
               struct envelope_http_reply *reply)
{
    const char *const headers[] = {"Content-Type: application/json",
                                   "X-Token: secret", NULL};
    char url[64];
    const struct envelope_http_request r = {.size = sizeof r,
                                            .method = method,
                                            .url = url,
                                            .headers = headers,
                                            .body = body,
                                            .body_bytes =
                                                body != NULL ? strlen(body) : 0,
                                            .flags = ENVELOPE_HTTP_CONTAINER};
    const struct envelope_transport *t = ee_http_transport(http, &f.call);

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    f.call.message[0] = '\0';
    f.call.deadline_ms = ee_monotonic_ms() + 20000;
    return t->exchange(t->arg, &f.call, &r, reply);
}

static void give_back(struct envelope_http_reply *reply)
{
    const struct envelope_transport *t = ee_http_transport(http, &f.call);

    t->release(t->arg, reply);
}

static void requests(void)
{
    struct envelope_http_reply r;
    int rc = ask("POST", "/echo", "{\"a\":1}", &r);

    ok(rc == 0 && r.status == 200 &&
           strncmp(r.body, "POST /echo HTTP/1.1\r\n", 21) == 0,
       "a POST");
    ok(rc == 0 && strstr(r.body, "\r\nX-Token: secret\r\n") != NULL &&
           strstr(r.body, "\r\nContent-Type: application/json\r\n") != NULL &&
           strstr(r.body, "\r\n\r\n{\"a\":1}") != NULL,
       "with its headers and its body");
    ok(rc == 0 && strcasestr(r.body, "\r\nCookie:") == NULL &&
           strcasestr(r.body, "\r\nAuthorization:") == NULL &&
           strcasestr(r.body, "\r\nExpect:") == NULL &&
           strcasestr(r.body, "\r\nAccept-Encoding:") == NULL,
       "and none that was not asked for");
    ok(rc == 0 && r.retry_after_ms == -1 && r.date == 0 &&
           r.error_type[0] == '\0' && r.body[r.body_bytes] == '\0',
       "what a server did not say is not there");
    give_back(&r);
    ok(r.body == NULL, "a reply is given back");
    rc = ask("GET", "/echo", NULL, &r);
    ok(rc == 0 && strncmp(r.body, "GET /echo HTTP/1.1\r\n", 20) == 0, "a GET");
    give_back(&r);
    rc = ask("PUT", "/echo", NULL, &r);
    ok(rc == 0 && strncmp(r.body, "PUT /echo HTTP/1.1\r\n", 20) == 0 &&
           strstr(r.body, "\r\nContent-Length: 0\r\n") != NULL,
       "a PUT without a body");
    give_back(&r);
}

static void replies(void)
{
    struct envelope_http_reply r;
    int rc = ask("GET", "/limited", NULL, &r);

    ok(rc == 0 && r.status == 429 && r.retry_after_ms == 7000 &&
           r.date == 1767323045 &&
           strcmp(r.error_type, "ThrottlingException:http://x/") == 0,
       "status, Retry-After, Date and the type of error are told");
    give_back(&r);
    rc = ask("POST", "/moved", "{}", &r);
    ok(rc == 0 && r.status == 307, "a redirect is a reply, and not followed");
    give_back(&r);
    rc = ask("GET", "/most", NULL, &r);
    ok(rc == 0 && r.body_bytes == EE_HTTP_REPLY_MAX,
       "a reply may have %d bytes", EE_HTTP_REPLY_MAX);
    give_back(&r);
    rc = ask("GET", "/more", NULL, &r);
    ok(rc == ENVELOPE_UNAVAILABLE && r.body == NULL &&
           strstr(f.call.message, "256 KiB") != NULL,
       "and not one more: %s", f.call.message);
    rc = ask("GET", "/chunks", NULL, &r);
    ok(rc == ENVELOPE_UNAVAILABLE && strstr(f.call.message, "256 KiB") != NULL,
       "neither where the server does not say how many");
}

static int connection(void)
{
    struct envelope_http_reply r;
    int number = -1;

    if (ask("GET", "/connection", NULL, &r) == 0) {
        number = (int)strtol(r.body, NULL, 10);
        give_back(&r);
    }
    return number;
}

static int close_in_child(void)
{
    struct envelope_http_reply r;
    const int rc = ask("GET", "/echo", NULL, &r);

    ee_http_close(http);
    return rc == ENVELOPE_UNAVAILABLE ? 0 : 1;
}

static void connections(void)
{
    const int first = connection();
    int status = -1;
    pid_t child = 0;

    ok(first > 0 && connection() == first, "a connection is used again");
    child = fork();
    if (child == 0) {
        _exit(close_in_child());
    }
    ok(waitpid(child, &status, 0) == child && status == 0,
       "a child does not use its parent's");
    ok(connection() == first, "and leaves it open when it closes the CMK");
}

/* In libc's place, for libcurl too: a name server that takes its time. */
__attribute__((visibility("default"))) int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
            struct addrinfo **out)
{
    static int (*real)(const char *, const char *, const struct addrinfo *,
                       struct addrinfo **);

    if (strcmp(name, "slow.example") == 0) {
        (void)sleep(2);
        return EAI_AGAIN;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(name, service, hints, out);
}

static void slow_name(void)
{
    static const char *const headers[] = {NULL};
    const struct envelope_http_request r = {.size = sizeof r,
                                            .method = "GET",
                                            .url = "https://slow.example/",
                                            .headers = headers};
    const struct envelope_transport *t = ee_http_transport(http, &f.call);
    const int64_t start = ee_monotonic_ms();
    struct envelope_http_reply reply;

    f.call.deadline_ms = start + 200;
    ok(t->exchange(t->arg, &f.call, &r, &reply) == ENVELOPE_UNAVAILABLE &&
           strstr(f.call.message, "in time") != NULL &&
           ee_monotonic_ms() - start < 1500,
       "a slow name server is not waited for: %s", f.call.message);
}

static void waiting(void)
{
    struct envelope_http_reply r;
    int64_t start = ee_monotonic_ms();
    int rc = 0;

    f.interrupt_in = 4;
    rc = ask("GET", "/none", NULL, &r);
    ok(rc == ENVELOPE_INTERRUPTED && ee_monotonic_ms() - start < 1000,
       "an interrupt ends an exchange");
    f.interrupt_in = 0;
    slow_name();
    fake_init(&f, NULL, 0);
    f.call.transport = NULL;
    f.now_ms = ee_monotonic_ms();
    f.step_ms = 5000;
    rc = ask("GET", "/none", NULL, &r);
    ok(rc == ENVELOPE_UNAVAILABLE, "the clock is the call's: %s",
       f.call.message);
}

/* Nobody answers in either case; who is there may the next time. */
static void presence(void)
{
    const int there = port;
    struct envelope_http_reply r;

    f.now_ms = ee_monotonic_ms();
    f.step_ms = 500;
    ok(ask("GET", "/none", NULL, &r) == ENVELOPE_UNAVAILABLE &&
           r.connected != 0,
       "who takes the connection and says nothing is there");
    port = 1;
    ok(ask("GET", "/none", NULL, &r) == ENVELOPE_UNAVAILABLE &&
           r.connected == 0,
       "who refuses it is not");
    port = there;
}

static int broken[2]; /* a pipe that nobody reads */

static int write_to_nobody(void *arg)
{
    (void)arg;
    return write(broken[1], "x", 1) == 1; /* never: EPIPE */
}

/* libcurl 7.88 asks the kernel for no SIGPIPE; another version, or OpenSSL,
 * may not. What the call asks in the middle of an exchange plays them. */
static int exchange_over_a_broken_pipe(void)
{
    struct envelope_http_reply r;
    sigset_t set;

    (void)signal(SIGPIPE, SIG_DFL);
    if (pipe(broken) != 0 || close(broken[0]) != 0 ||
        ee_http_open(&http, &f.call, NULL) != ENVELOPE_OK) {
        return 1;
    }
    f.call.interrupted = write_to_nobody;
    if (ask("GET", "/echo", NULL, &r) != ENVELOPE_OK) {
        return 2;
    }
    give_back(&r);
    if (sigpending(&set) != 0 || sigismember(&set, SIGPIPE) != 0) {
        return 3;
    }
    (void)pthread_sigmask(SIG_BLOCK, NULL, &set);
    return sigismember(&set, SIGPIPE);
}

static void broken_pipe(void)
{
    const pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        _exit(exchange_over_a_broken_pipe());
    }
    (void)waitpid(pid, &status, 0);
    ok(status == 0,
       "no SIGPIPE of an exchange ends the application, or is left to it");
}

int main(void)
{
    const pid_t server = start();

    fake_init(&f, NULL, 0);
    f.call.now_ms = real_ms;
    f.call.transport = NULL;
    ok(ee_http_open(&http, &f.call, NULL) == ENVELOPE_OK, "it opens");
    requests();
    replies();
    connections();
    waiting();
    presence();
    ee_http_close(http);
    fake_init(&f, NULL, 0);
    f.call.now_ms = real_ms;
    f.call.transport = NULL;
    broken_pipe();
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    return done();
}
