/* SPDX-License-Identifier: MIT
 *
 * aws_process.c: a shell in a process group of its own, and a pipe from it.
 *
 * The group can be killed as a whole. Where a person may be asked it is the
 * terminal's foreground group for as long as it runs, as a shell's job is.
 */
#include "kms/aws_process.h"

#include "kms/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 20 /* how often deadline and interrupt are looked at */

/* Only who has the terminal may give it to a program; and a stdin that is none
 * is the application's to read. */
static bool may_talk(const struct envelope_call *call)
{
    return (call->flags & ENVELOPE_MAY_PROMPT) != 0 &&
           isatty(STDIN_FILENO) == 1 && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

/* Takes the terminal back from the group of that program. SIGTTOU would stop
 * us, who are in the background. */
static void take_terminal(pid_t from)
{
    sigset_t before;
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTTOU);
    (void)pthread_sigmask(SIG_BLOCK, &set, &before);
    if (tcgetpgrp(STDIN_FILENO) == from) {
        (void)tcsetpgrp(STDIN_FILENO, getpgrp());
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* stdout goes into the pipe; the rest to nobody, unless a person is there. */
static int prepare_files(posix_spawn_file_actions_t *files, int out, bool talks)
{
    int rc = posix_spawn_file_actions_adddup2(files, out, STDOUT_FILENO);

    if (rc == 0 && talks) {
        return posix_spawn_file_actions_addtcsetpgrp_np(files, STDIN_FILENO);
    }
    if (rc == 0) {
        rc = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null",
                                              O_RDONLY, 0);
        if (rc == 0) {
            rc = posix_spawn_file_actions_addopen(files, STDERR_FILENO,
                                                  "/dev/null", O_WRONLY, 0);
        }
    }
    return rc;
}

/* As after a login: no signal blocked or ignored. */
static int prepare_signals(posix_spawnattr_t *attr)
{
    const int flags =
        POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
    sigset_t none;
    sigset_t all;
    int rc = posix_spawnattr_setflags(attr, (short)flags);

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    if (rc == 0) {
        rc = posix_spawnattr_setsigmask(attr, &none);
    }
    return rc != 0 ? rc : posix_spawnattr_setsigdefault(attr, &all);
}

static int start(const char *command, int out, bool talks, pid_t *pid)
{
    char *const argv[] = {"sh", "-c", (char *)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int rc = posix_spawn_file_actions_init(&files);

    if (rc != 0) {
        return rc;
    }
    rc = posix_spawnattr_init(&attr);
    if (rc == 0) {
        rc = prepare_files(&files, out, talks);
        if (rc == 0) {
            rc = prepare_signals(&attr);
        }
        if (rc == 0) {
            rc = posix_spawn(pid, "/bin/sh", &files, &attr, argv, environ);
        }
        (void)posix_spawnattr_destroy(&attr);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return rc;
}

/* May we go on waiting? */
static int look(struct envelope_call *call)
{
    if (call->interrupted != NULL && call->interrupted(call->arg) != 0) {
        return ENVELOPE_INTERRUPTED;
    }
    if (call->now_ms(call->arg) >= call->deadline_ms) {
        return ee_kms_fail(call, ENVELOPE_UNAVAILABLE,
                           "the credential_process of the AWS profile did not "
                           "end in time: run it by hand and see what it waits "
                           "for");
    }
    return ENVELOPE_OK;
}

/* Reads until the last writer has closed the pipe. */
static int read_all(struct envelope_call *call, int in, uint8_t *out,
                    size_t size, size_t *n)
{
    struct pollfd wait = {.fd = in, .events = POLLIN};
    int rc = ENVELOPE_OK;

    for (;;) {
        ssize_t got = 0;

        rc = look(call);
        if (rc != ENVELOPE_OK) {
            return rc;
        }
        if (poll(&wait, 1, LOOK_MS) <= 0) {
            continue;
        }
        got = read(in, out + *n, size - *n);
        if (got == 0) {
            return ENVELOPE_OK;
        }
        *n += got > 0 ? (size_t)got : 0;
        if (*n == size) {
            return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                               "the credential_process of the AWS profile "
                               "printed more than %zu bytes",
                               size - 1);
        }
        if (got < 0 && errno != EINTR && errno != EAGAIN) {
            return ENVELOPE_UNAVAILABLE;
        }
    }
}

/* Waits for the shell; it may close its output and go on. */
static int reap(struct envelope_call *call, pid_t pid, bool *gone)
{
    int status = 0;
    int rc = ENVELOPE_OK;

    for (;;) {
        const pid_t ended = waitpid(pid, &status, WNOHANG);

        *gone = ended == pid || (ended < 0 && errno != EINTR);
        if (*gone) {
            break;
        }
        rc = look(call);
        if (rc != ENVELOPE_OK) {
            return rc;
        }
        (void)poll(NULL, 0, LOOK_MS);
    }
    /* ECHILD: the application ignores SIGCHLD; then the output has to do */
    if (status != 0) {
        return ee_kms_fail(call, ENVELOPE_DENIED,
                           "the credential_process of the AWS profile failed: "
                           "run it by hand and see what it says");
    }
    return ENVELOPE_OK;
}

int ee_aws_process_run(struct envelope_call *call, const char *command,
                       uint8_t *out, size_t size, size_t *n)
{
    const bool talks = may_talk(call);
    int ends[2] = {-1, -1};
    bool gone = false;
    pid_t pid = 0;
    int rc = ENVELOPE_OK;

    *n = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return ENVELOPE_UNAVAILABLE;
    }
    if (start(command, ends[1], talks, &pid) != 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "cannot run /bin/sh for the credential_process of "
                           "the AWS profile");
    }
    (void)close(ends[1]);
    rc = read_all(call, ends[0], out, size, n);
    (void)close(ends[0]);
    if (rc == ENVELOPE_OK) {
        rc = reap(call, pid, &gone);
    }
    if (!gone) {
        (void)kill(-pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    if (talks) {
        take_terminal(pid);
    }
    return rc;
}
