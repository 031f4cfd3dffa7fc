/* SPDX-License-Identifier: MIT
 *
 * kms_aws_process.c: programs that print, fail, hang, print without end, and
 * leave children behind.
 */
#include "base/clock.h"
#include "fakehttp.h"
#include "kms/aws_process.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM 256

static struct fake *f;
static char out[ROOM];
static size_t got;

static int64_t real_ms(void *arg)
{
    (void)arg;
    return ee_monotonic_ms();
}

static int run(const char *command, int64_t limit_ms)
{
    f->call.deadline_ms = ee_monotonic_ms() + limit_ms;
    f->call.message[0] = '\0';
    memset(out, 0, sizeof out);
    return ee_aws_process_run(&f->call, command, (uint8_t *)out, ROOM, &got);
}

static void results(void)
{
    ok(run("printf 'a b'; echo \"c\"", 20000) == ENVELOPE_OK && got == 5 &&
           strcmp(out, "a bc\n") == 0,
       "a shell runs the command, and its output is read");
    ok(run("cat; echo $?", 20000) == ENVELOPE_OK && strcmp(out, "0\n") == 0,
       "its input is empty");
    ok(run("echo told >&2; exit 3", 20000) == ENVELOPE_DENIED &&
           strstr(f->call.message, "by hand") != NULL &&
           strstr(f->call.message, "told") == NULL,
       "a failure is one, and what it says is not shown");
    ok(run("/nowhere/program", 20000) == ENVELOPE_DENIED, "no such program");
    ok(run("while :; do echo 0123456789; done", 20000) ==
               ENVELOPE_CONFIGURATION &&
           strstr(f->call.message, "255 bytes") != NULL,
       "one that prints without end is stopped");
}

/* Does the process whose number the command printed live? A dead one may stay
 * in the table until its new parent looks. */
static int lives(void)
{
    char path[64];
    char stat[256] = "";
    FILE *file = NULL;

    (void)snprintf(path, sizeof path, "/proc/%ld/stat", strtol(out, NULL, 10));
    file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    (void)fgets(stat, sizeof stat, file);
    (void)fclose(file);
    return strstr(stat, ") Z ") == NULL;
}

static int dies(void)
{
    for (int i = 0; lives() && i < 200; i++) {
        (void)usleep(10000);
    }
    return out[0] != '\0' && !lives();
}

static void ends(void)
{
    int64_t start = ee_monotonic_ms();

    ok(run("sleep 30", 200) == ENVELOPE_UNAVAILABLE &&
           ee_monotonic_ms() - start < 10000,
       "one that hangs is stopped at the deadline");
    start = ee_monotonic_ms();
    ok(run("sleep 30 & echo $!; wait", 1000) == ENVELOPE_UNAVAILABLE &&
           ee_monotonic_ms() - start < 10000 && dies(),
       "with its children");
    start = ee_monotonic_ms();
    ok(run("exec >&-; sleep 30", 200) == ENVELOPE_UNAVAILABLE &&
           ee_monotonic_ms() - start < 10000,
       "also when it has closed its output");
    f->interrupt_after = 3;
    start = ee_monotonic_ms();
    ok(run("sleep 30", 20000) == ENVELOPE_INTERRUPTED &&
           ee_monotonic_ms() - start < 10000,
       "and when the user interrupts");
    f->interrupt_after = -1;
    ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD,
       "no child is left behind");
}

/* Nobody is at a pipe, whatever the call allows. */
static void script(void)
{
    char left[8] = "";
    int ends_of[2];
    const int before = dup(STDIN_FILENO);

    if (before < 0 || pipe(ends_of) != 0 || write(ends_of[1], "rest", 4) != 4 ||
        dup2(ends_of[0], STDIN_FILENO) != STDIN_FILENO) {
        abort();
    }
    f->call.flags = ENVELOPE_MAY_PROMPT;
    ok(run("cat; echo $?", 20000) == ENVELOPE_OK && strcmp(out, "0\n") == 0 &&
           read(STDIN_FILENO, left, sizeof left - 1) == 4 &&
           strcmp(left, "rest") == 0,
       "a script on stdin is the application's, and not the program's");
    ok(run("sleep 30 & echo $!; wait", 1000) == ENVELOPE_UNAVAILABLE && dies(),
       "and the program's children end at the deadline, too");
    f->call.flags = 0;
    (void)dup2(before, STDIN_FILENO);
    (void)close(before);
    (void)close(ends_of[0]);
    (void)close(ends_of[1]);
}

/* In a child whose terminal this is: which of it does not hold? 0: none. */
static int at_terminal(const char *name)
{
    int fd = -1;

    (void)setsid();
    fd = open(name, O_RDWR); /* of a session without one: it is ours then */
    if (fd < 0 || dup2(fd, STDIN_FILENO) < 0) {
        return 1;
    }
    f->call.flags = ENVELOPE_MAY_PROMPT;
    if (run("read x; echo \"$x\"", 20000) != ENVELOPE_OK ||
        strcmp(out, "typed\n") != 0) {
        return 2;
    }
    if (tcgetpgrp(STDIN_FILENO) != getpgrp()) {
        return 3;
    }
    if (run("sleep 30 & echo $!; wait", 1000) != ENVELOPE_UNAVAILABLE ||
        !dies()) {
        return 4;
    }
    return tcgetpgrp(STDIN_FILENO) == getpgrp() ? 0 : 5;
}

static void terminal(void)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    int status = -1;
    pid_t pid = 0;

    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 ||
        write(master, "typed\n", 6) != 6) {
        abort();
    }
    pid = fork();
    if (pid == 0) {
        _exit(at_terminal(ptsname(master)));
    }
    (void)waitpid(pid, &status, 0);
    (void)close(master);
    ok(status == 0,
       "at a terminal the program can ask, is killed with its children, and "
       "gives the terminal back");
    if (status != 0) {
        note("step %d", WEXITSTATUS(status));
    }
}

static void signals(void)
{
    sigset_t blocked;

    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &blocked, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    ok(run("kill -TERM $$; echo alive", 20000) == ENVELOPE_DENIED && got == 0,
       "the program has no signal blocked that we have");
    (void)sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    (void)signal(SIGCHLD, SIG_IGN);
    ok(run("echo x", 20000) == ENVELOPE_OK && got == 2,
       "an application that ignores SIGCHLD gets the output");
    (void)signal(SIGCHLD, SIG_DFL);
}

int main(void)
{
    f = fake_new();
    f->call.now_ms = real_ms;
    results();
    ends();
    script();
    terminal();
    signals();
    fake_free(f);
    return done();
}
