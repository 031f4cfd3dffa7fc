/* SPDX-License-Identifier: MIT
 *
 * child.c: the answer travels through shared memory.
 */
#include "child.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

bool child_ask(void (*answer)(void *arg, void *out, size_t n), void *arg,
               void *out, size_t n)
{
    void *shared = mmap(NULL, n, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = -1;
    pid_t pid = -1;

    if (shared == MAP_FAILED) {
        return false;
    }
    pid = fork();
    if (pid == 0) {
        answer(arg, shared, n);
        _exit(0);
    }
    if (pid > 0) {
        (void)waitpid(pid, &status, 0);
    }
    memcpy(out, shared, n);
    (void)munmap(shared, n);
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
