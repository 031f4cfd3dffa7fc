/* SPDX-License-Identifier: MIT
 *
 * provider_terminal.c: questions on a pseudo-terminal. A child asks; this
 * program types, and looks at what is shown and at the echo afterwards.
 */
#include "base/terminal.h"
#include "provider/secret_source.h"
#include "ring.h"
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define AS_EXPECTED 64 /* added to a child's exit status */

static int master = -1;
static int slave = -1; /* stays open, so that its settings can be read */
static char shown[4096];
static struct ee_wait user; /* who answers, and may interrupt */

/* Runs in the child. Gives an ee_status, and AS_EXPECTED with it when the
 * passphrase was "s3 cret". */
typedef int question(void);

static int result(int rc, const uint8_t *bytes, size_t n)
{
    return rc + (n == 7 && memcmp(bytes, "s3 cret", 7) == 0 ? AS_EXPECTED : 0);
}

static int ask_once(void)
{
    struct ee_error err;
    uint8_t out[64];
    size_t n = 0;
    int rc =
        ee_terminal_ask(out, sizeof out, &n, "Say \x1B[2J it: ", &user, &err);

    return result(rc, out, rc == EE_OK ? n : 0);
}

/* sqlite3_interrupt() from another thread. */
static bool third_time(void *calls)
{
    return ++*(int *)calls == 3;
}

static int ask_interrupted(void)
{
    static int calls;

    user.interrupted = third_time;
    user.interrupted_arg = &calls;
    return ask_once();
}

static int ask_to_create(void)
{
    struct ee_secret *s = NULL;
    struct ee_error err;
    int rc = ee_secret_to_create(&s, "x.keyring", &user, &err);

    return rc == EE_OK ? result(rc, s->bytes, s->n) : rc;
}

static int ask_to_open(void)
{
    struct ee_secret *s = NULL;
    struct ee_error err;
    int rc =
        ee_secret_to_open(&s, EE_SECRET_PASSPHRASE, "x.keyring", &user, &err);

    return rc == EE_OK ? result(rc, s->bytes, s->n) : rc;
}

/* As the shell's Ctrl-C: a handler after which read() would restart. */
static void on_signal(int number)
{
    (void)number;
}

static void become_terminal_user(const char *name)
{
    int fd = -1;

    (void)setsid();
    fd = open(name, O_RDWR); /* becomes the controlling terminal */
    (void)dup2(fd, STDIN_FILENO);
    (void)dup2(fd, STDERR_FILENO);
    (void)signal(SIGINT, on_signal);
}

static bool echo_is_on(void)
{
    struct termios t;

    return tcgetattr(slave, &t) == 0 &&
           (t.c_lflag & (ECHO | ICANON | ISIG)) == (ECHO | ICANON | ISIG);
}

/* Collects what is shown until text appears; false after five seconds. */
static bool wait_for(const char *text)
{
    size_t used = strlen(shown);

    for (int i = 0; i < 500 && strstr(shown, text) == NULL; i++) {
        struct pollfd in = {.fd = master, .events = POLLIN};

        if (poll(&in, 1, 10) > 0 && used < sizeof shown - 1) {
            ssize_t n = read(master, shown + used, sizeof shown - 1 - used);

            used += n > 0 ? (size_t)n : 0;
            shown[used] = '\0';
        }
    }
    return strstr(shown, text) != NULL;
}

static void type(const char *keys)
{
    if (write(master, keys, strlen(keys)) < 0) {
        perror("write");
    }
}

/* A new terminal with a child that asks. early is typed before it does. */
static pid_t begin(question *ask, const char *early)
{
    char name[64];
    pid_t child = 0;

    master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 ||
        ptsname_r(master, name, sizeof name) != 0) {
        perror("posix_openpt");
        exit(1);
    }
    slave = open(name, O_RDWR | O_NOCTTY);
    shown[0] = '\0';
    type(early);
    child = fork();
    if (child == 0) {
        become_terminal_user(name);
        _exit(ask());
    }
    return child;
}

/* The child's exit status is this; echo is on again; nothing was shown. */
static bool ends_with(pid_t child, int expected)
{
    int status = 0;
    bool good = false;

    (void)waitpid(child, &status, 0);
    good = WIFEXITED(status) && WEXITSTATUS(status) == expected;
    if (!good) {
        note("status %x, shown: %s", (unsigned)status, shown);
    }
    good = good && echo_is_on() && strstr(shown, "s3") == NULL;
    (void)close(slave);
    (void)close(master);
    return good;
}

/* Asks, types keys, and expects this status. */
static void types(const char *keys, int expected, const char *what)
{
    pid_t child = begin(ask_once, "");
    bool asked = wait_for("it: ");

    type(keys);
    ok(ends_with(child, expected) && asked, "%s", what);
}

static void line(void)
{
    types("s3 cret\n", AS_EXPECTED, "a line");
    types("s3 cret\r", AS_EXPECTED, "ended by Return");
    types("s3 cr\xC3\xA9\x7F\x08ret\n", AS_EXPECTED, "characters taken back");
    types("wrong\x15s3 cret\n", AS_EXPECTED, "Ctrl-U takes all back");
    types("s3\t cret\n", AS_EXPECTED, "control keys are skipped");
    types("\x7F\x7Fs3 cret\n", AS_EXPECTED, "backspace at the start");
    types("s3 cret\nDROP TABLE t;\n", AS_EXPECTED, "the first line of a paste");
    types("\x03", EE_INTERRUPTED, "Ctrl-C cancels");
    types("s3 \x03", EE_INTERRUPTED, "Ctrl-C cancels in the middle");
    types("\x04", EE_INTERRUPTED, "Ctrl-D cancels");
    types("0123456789012345678901234567890123456789"
          "0123456789012345678901234567890123456789\n",
          EE_CONFIG, "too long a line");
}

static void hygiene(void)
{
    pid_t child = begin(ask_once, "");
    bool asked = wait_for("it: ");
    struct termios t;

    ok(asked && strchr(shown, 0x1B) == NULL && strstr(shown, "?[2J") != NULL,
       "escape codes in the question are not obeyed");
    ok(tcgetattr(slave, &t) == 0 && (t.c_lflag & ECHO) == 0, "echo is off");
    (void)kill(child, SIGINT);
    ok(ends_with(child, EE_INTERRUPTED), "a caught signal cancels");

    child = begin(ask_interrupted, "");
    asked = wait_for("it: ");
    ok(ends_with(child, EE_INTERRUPTED) && asked, "an interrupt cancels");

    child = begin(ask_once, "SELECT 1;\n");
    ok(ends_with(child, EE_DENIED), "waiting input is refused");
    child = begin(ask_once, "half a li");
    asked = wait_for("it: ");
    type("s3 cret\n");
    ok(ends_with(child, AS_EXPECTED) && asked,
       "half a line typed ahead is dropped");
}

static void to_open(const char *keys, int expected, const char *what)
{
    pid_t child = begin(ask_to_open, "");
    bool asked = wait_for("x.keyring: ");

    type(keys);
    ok(ends_with(child, expected) && asked, "%s", what);
}

static void to_create(const char *again, int expected, const char *what)
{
    pid_t child = begin(ask_to_create, "");
    bool asked = wait_for("x.keyring: ");

    type("s3 cret\n");
    asked = wait_for("again: ") && asked;
    type(again);
    ok(ends_with(child, expected) && asked, "%s", what);
}

static int ask_without_input(void)
{
    (void)dup2(open("/dev/null", O_RDWR), STDIN_FILENO);
    return ee_terminal_present() ? AS_EXPECTED : ask_once();
}

static int ask_unseen(void)
{
    (void)dup2(open("/dev/null", O_RDWR), STDERR_FILENO);
    return ee_terminal_present() ? AS_EXPECTED : ask_once();
}

static int ask_in_background(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        (void)setpgid(0, 0);
        _exit(ee_terminal_present() ? AS_EXPECTED : ask_once());
    }
    (void)waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

/* A container may have no /dev/ptmx. CI's has. */
static bool has_terminals(void)
{
    const char *ci = getenv("CI");
    const int fd = posix_openpt(O_RDWR | O_NOCTTY);

    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0 || (ci != NULL && strcmp(ci, "true") == 0);
}

int main(void)
{
    if (!has_terminals()) {
        skip("no pseudo-terminals here", "questions on a terminal");
        return done();
    }
    ring_setup();
    ring_no_secret();
    line();
    hygiene();
    to_open("s3 cret\n", AS_EXPECTED, "one question to open");
    to_open("\n", EE_DENIED, "an empty answer is refused");
    to_create("s3 cret\n", AS_EXPECTED, "two questions to create");
    to_create("s3 crat\n", EE_DENIED, "which must agree");
    to_create("s3 cre\n", EE_DENIED, "in length too");
    to_create("\x03", EE_INTERRUPTED, "the second can be cancelled");
    ok(ends_with(begin(ask_without_input, ""), EE_DENIED),
       "no question when input is no terminal");
    ok(ends_with(begin(ask_unseen, ""), EE_DENIED),
       "no question that nobody would see");
    ok(ends_with(begin(ask_in_background, ""), EE_DENIED),
       "no question in the background");
    return done();
}
