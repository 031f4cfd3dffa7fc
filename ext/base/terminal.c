/* SPDX-License-Identifier: MIT
 *
 * terminal.c: asks a person for a passphrase.
 *
 * The host may be a shell whose Ctrl-C handler lets read() restart, and a
 * pasted next line must not become the passphrase. So: nothing may be waiting
 * before the question, what was typed ahead is thrown away, ppoll() (which
 * never restarts) precedes each read(), and the terminal hands over Ctrl-C as
 * a character. No signal handler is touched: they belong to the host.
 */
#include "base/terminal.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define IN               STDIN_FILENO
#define SHOW             STDERR_FILENO
#define PATIENCE_SECONDS 120 /* between two key strokes */
#define LOOK_MS          50  /* how often to look for an interrupt */
#define CTRL_C           0x03
#define CTRL_D           0x04
#define BACKSPACE        0x08
#define CTRL_U           0x15
#define DEL              0x7F

bool ee_terminal_present(void)
{
    pid_t foreground = 0;

    if (!isatty(IN) || !isatty(SHOW)) {
        return false;
    }
    foreground = tcgetpgrp(IN);
    return foreground < 0 || foreground == getpgrp();
}

/* A prompt holds a path: what a terminal would obey is shown as '?'. */
static void show(const char *text)
{
    char line[512];
    size_t n = strnlen(text, sizeof line);

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        line[i] = (c < 0x20 && c != '\n') || c == DEL ? '?' : text[i];
    }
    /* a prompt that cannot be shown is no reason to fail */
    if (write(SHOW, line, n) < 0) {
        return;
    }
}

static bool input_waits(void)
{
    struct pollfd in = {.fd = IN, .events = POLLIN, .revents = 0};

    return poll(&in, 1, 0) > 0;
}

static bool is_interrupted(const struct ee_wait *user)
{
    return user->interrupted != NULL &&
           user->interrupted(user->interrupted_arg);
}

/* As ppoll() returns. Never restarts after a signal. */
static int wait_for_key(const sigset_t *mask, const struct ee_wait *user)
{
    static const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};
    const int64_t deadline = ee_monotonic_ms() + PATIENCE_SECONDS * 1000;
    struct pollfd in = {.fd = IN, .events = POLLIN, .revents = 0};
    int ready = 0;

    while (ready == 0 && ee_monotonic_ms() < deadline) {
        ready = ppoll(&in, 1, &look, mask);
        if (ready == 0 && is_interrupted(user)) {
            errno = EINTR;
            ready = -1;
        }
    }
    return ready;
}

/* Waits for a key. *key is secret: one byte of the passphrase. */
static int next_key(uint8_t *key, const sigset_t *mask,
                    const struct ee_wait *user, struct ee_error *err)
{
    const int ready = wait_for_key(mask, user);

    if (ready < 0 && errno == EINTR) {
        return ee_fail(err, EE_INTERRUPTED, "the question was cancelled");
    }
    if (ready == 0) {
        return ee_fail(err, EE_DENIED, "no passphrase was typed for %d seconds",
                       PATIENCE_SECONDS);
    }
    if (ready < 0 || read(IN, key, 1) != 1) {
        return ee_fail(err, EE_DENIED,
                       "the terminal closed before a passphrase was typed");
    }
    return EE_OK;
}

/* Takes back the last character, all bytes of its UTF-8. */
static size_t erase(uint8_t *out, size_t n)
{
    while (n > 0 && (out[n - 1] & 0xC0) == 0x80) {
        out[--n] = 0;
    }
    if (n > 0) {
        out[--n] = 0;
    }
    return n;
}

static int read_line(uint8_t *out, size_t size, size_t *n, const sigset_t *mask,
                     const struct ee_wait *user, struct ee_error *err)
{
    uint8_t key = 0; /* secret: wiped below, a byte at a time */
    int rc = next_key(&key, mask, user, err);

    while (rc == EE_OK && key != '\n' && key != '\r') {
        if (key == CTRL_C || key == CTRL_D) {
            rc = ee_fail(err, EE_INTERRUPTED, "the question was cancelled");
        } else if (key == BACKSPACE || key == DEL) {
            *n = erase(out, *n);
        } else if (key == CTRL_U) {
            *n = 0;
        } else if (key < 0x20) {
            /* other control keys say nothing here */
        } else if (*n == size) {
            rc = ee_fail(err, EE_CONFIG,
                         "the passphrase is longer than %zu bytes", size);
        } else {
            out[(*n)++] = key;
        }
        key = 0;
        if (rc == EE_OK) {
            rc = next_key(&key, mask, user, err);
        }
    }
    return rc;
}

/* TCSAFLUSH throws away what was typed ahead, and at the end the rest of a
 * paste. */
static int set(const struct termios *mode)
{
    int rc = 0;

    do {
        rc = tcsetattr(IN, TCSAFLUSH, mode);
    } while (rc != 0 && errno == EINTR);
    return rc;
}

int ee_terminal_ask(uint8_t *out, size_t size, size_t *n, const char *prompt,
                    const struct ee_wait *user, struct ee_error *err)
{
    struct termios before;
    struct termios quiet;
    sigset_t all;
    sigset_t mask;
    int rc = EE_OK;

    *n = 0;
    if (!ee_terminal_present() || tcgetattr(IN, &before) != 0) {
        return ee_fail(err, EE_DENIED,
                       "there is no terminal to ask for the passphrase");
    }
    if (input_waits()) {
        return ee_fail(err, EE_DENIED,
                       "other input is waiting, which would be taken for the "
                       "passphrase: enter this statement alone");
    }
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;
    /* from here on a signal waits for ppoll(), where it cancels */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &mask);
    if (set(&quiet) != 0) {
        (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
        return ee_fail(err, EE_DENIED, "cannot turn the terminal's echo off");
    }
    show(prompt);
    rc = read_line(out, size, n, &mask, user, err);
    (void)set(&before);
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
    show("\n");
    return rc;
}
