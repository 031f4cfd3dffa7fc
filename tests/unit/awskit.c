/* SPDX-License-Identifier: MIT */
#include "awskit.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_folder(void)
{
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void aws_clean(void)
{
    for (size_t i = 0; environ[i] != NULL;) {
        const char *name = environ[i];
        char copy[128];

        if (strncmp(name, "AWS_", 4) != 0 &&
            strncmp(name, "ENVELOPE_AWS_", 13) != 0) {
            i++;
            continue;
        }
        (void)snprintf(copy, sizeof copy, "%.*s", (int)strcspn(name, "="),
                       name);
        (void)unsetenv(copy);
    }
    if (folder[0] == '\0') {
        (void)snprintf(folder, sizeof folder, "/tmp/ee-aws-XXXXXX");
        if (mkdtemp(folder) == NULL) {
            abort();
        }
        (void)atexit(remove_folder);
    }
    aws_set("HOME", folder);
}

const char *aws_file(const char *name, const char *text, unsigned mode,
                     const char *variable)
{
    static char path[256];
    FILE *f = NULL;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)unlink(path);
    f = fopen(path, "w");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0 ||
        chmod(path, (mode_t)mode) != 0) {
        abort();
    }
    if (variable != NULL) {
        aws_set(variable, path);
    }
    return path;
}

void aws_set(const char *variable, const char *value)
{
    if (value == NULL) {
        (void)unsetenv(variable);
    } else {
        (void)setenv(variable, value, 1);
    }
}
