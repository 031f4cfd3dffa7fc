/* SPDX-License-Identifier: MIT
 *
 * module.c: finds and loads modules.
 */
#include "provider/module.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Written once, before the extension's functions are there. */
static char folder[PATH_MAX]; /* absolute, ends with '/'; "": not known */

/* A name without a slash is that of the program itself, which was found on
 * some search path: nothing is looked for beside it. */
static void locate(void)
{
    char *path = NULL; /* heap of libc, freed below */
    Dl_info here;

    if (dladdr(folder, &here) != 0 && here.dli_fname != NULL &&
        strchr(here.dli_fname, '/') != NULL) {
        path = realpath(here.dli_fname, NULL);
    }
    if (path != NULL && strlen(path) < sizeof folder) {
        strrchr(path, '/')[1] = '\0';
        memcpy(folder, path, strlen(path) + 1);
    }
    free(path); /* lint: free of what realpath() gave */
}

void ee_module_locate(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, locate);
}

/* out: PATH_MAX. False where it is too long, or no folder is known. */
static bool path_of(char *out, const char *module)
{
    const int n = snprintf(out, PATH_MAX, "%senvelope_%s.so", folder, module);

    return folder[0] == '/' && n > 0 && n < PATH_MAX;
}

bool ee_module_is_there(const char *module)
{
    char path[PATH_MAX];

    return path_of(path, module) && access(path, R_OK) == 0;
}

/* The path has a slash, so dlopen() searches nowhere. What it says names files
 * and symbols only. */
int ee_module_load(const struct envelope_provider *const **list,
                   const char *module, const char *scheme, struct ee_error *err)
{
    const struct envelope_provider *const *(*entry)(void) = NULL;
    char path[PATH_MAX];
    void *file = NULL;

    *list = NULL;
    if (!ee_module_is_there(module) || !path_of(path, module)) {
        return ee_fail(err, EE_CONFIG,
                       "the provider of %s: is in the module envelope_%s.so, "
                       "which is not in the folder of envelope.so (%s): build "
                       "it with `make modules` and put it there",
                       scheme, module, folder);
    }
    file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (file != NULL) {
        *(void **)&entry = dlsym(file, ENVELOPE_MODULE_ENTRY);
    }
    if (entry == NULL) {
        return ee_fail(err, EE_CONFIG,
                       "the module of %s: cannot be loaded, install what is "
                       "missing or build it again: %s",
                       scheme, dlerror());
    }
    *list = entry();
    if (*list == NULL) {
        return ee_fail(err, EE_CONFIG, "the module %s has no providers", path);
    }
    return EE_OK;
}
