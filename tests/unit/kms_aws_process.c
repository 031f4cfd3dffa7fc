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
    signals();
    fake_free(f);
    return done();
}
