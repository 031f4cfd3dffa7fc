/* SPDX-License-Identifier: MIT
 *
 * library.c: loads through p11-kit, initializes once a process.
 *
 * A module is entered into the list when it is complete, and is never taken
 * out, so the list holds at any moment (turn.c says why that matters).
 */
#include "pkcs11/library.h"

#include "base/file.h"
#include "pkcs11/rv.h"

#include <p11-kit/p11-kit.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct library {
    char module[EE_P11_PATH_MAX];    /* as in the setting */
    char init_args[EE_P11_ARGS_MAX]; /* p11-kit keeps a pointer to it */
    CK_FUNCTION_LIST *_Atomic f;
    _Atomic pid_t ready_in; /* the process that it is initialized in */
    _Atomic bool inherited; /* and has its state from the parent of that */
} libraries[EE_P11_LIBRARIES_MAX];

static size_t library_count;

static void add(const char *module, const char *init_args, CK_FUNCTION_LIST *f)
{
    struct library *l = &libraries[library_count];

    if (library_count < EE_P11_LIBRARIES_MAX) {
        (void)snprintf(l->module, sizeof l->module, "%s", module);
        (void)snprintf(l->init_args, sizeof l->init_args, "%s", init_args);
        l->f = f; /* others look for it without the lock */
        library_count++;
    }
}

static int load_one(const struct ee_p11_settings *settings,
                    struct ee_error *err)
{
    CK_FUNCTION_LIST *f = NULL;

    if (library_count == EE_P11_LIBRARIES_MAX) {
        return ee_fail(err, EE_CONFIG,
                       "this process has loaded %d PKCS#11 modules, and takes "
                       "no more: start it anew",
                       EE_P11_LIBRARIES_MAX);
    }
    f = p11_kit_module_load(settings->module, 0);
    if (f == NULL) {
        return ee_fail(err, EE_CONFIG,
                       "cannot load the PKCS#11 module %s of "
                       "ENVELOPE_PKCS11_MODULE: is it installed, and for this "
                       "processor?",
                       ee_file_shown(settings->module));
    }
    add(settings->module, settings->init_args, f);
    return EE_OK;
}

static int load_configured(struct ee_error *err)
{
    CK_FUNCTION_LIST **all = p11_kit_modules_load(NULL, 0);

    for (size_t i = 0; all != NULL && all[i] != NULL; i++) {
        add("", "", all[i]);
    }
    if (all != NULL && all[0] == NULL) {
        p11_kit_modules_release(all);
        all = NULL;
    }
    if (all == NULL) {
        return ee_fail(err, EE_CONFIG,
                       "p11-kit has no PKCS#11 module configured: set "
                       "ENVELOPE_PKCS11_MODULE to the path of one");
    }
    return EE_OK; /* what p11-kit allocated for the list stays with the list */
}

static CK_RV initialize(struct library *l)
{
    /* softokn calls this member LibraryParameters */
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK,
                                 .pReserved = l->init_args};
    CK_INFO info;
    CK_RV rv = CKR_OK;
    const bool works = l->ready_in != 0 &&
                       l->f->C_GetInfo(&info) != CKR_CRYPTOKI_NOT_INITIALIZED;

    if (works && l->ready_in == getpid()) {
        return CKR_OK;
    }
    if (works) {
        l->inherited = true;
    } else if (l->ready_in == getpid()) {
        /* finalized past p11-kit, which would not initialize it again */
        (void)l->f->C_Finalize(NULL);
    }
    rv = l->f->C_Initialize(l->init_args[0] != 0 ? &args : NULL);
    if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) {
        rv = CKR_OK; /* by somebody else, who will finalize it */
    }
    if (rv == CKR_OK) {
        l->ready_in = getpid();
    }
    return rv;
}

/* Lock held. Of configured modules those that work will do. */
static int collect(struct ee_p11_libraries *out, struct ee_p11_job *job,
                   struct ee_error *err)
{
    const char *module = job->settings.module;
    CK_RV failed = CKR_OK;

    for (size_t i = 0; i < library_count; i++) {
        CK_RV rv = CKR_OK;

        if (strcmp(libraries[i].module, module) != 0) {
            continue;
        }
        if (ee_p11_turn(job, err) != EE_OK) {
            return err->code;
        }
        rv = initialize(&libraries[i]);
        if (rv == CKR_OK) {
            out->f[out->n++] = libraries[i].f;
        } else {
            failed = rv;
        }
    }
    return out->n > 0 ? EE_OK : ee_p11_fail(err, failed, "start");
}

static bool is_loaded(const char *module)
{
    for (size_t i = 0; i < library_count; i++) {
        if (strcmp(libraries[i].module, module) == 0) {
            return true;
        }
    }
    return false;
}

int ee_p11_libraries_get(struct ee_p11_libraries *out, struct ee_p11_job *job,
                         struct ee_error *err)
{
    const struct ee_p11_settings *settings = &job->settings;
    int rc = ee_p11_lock(job, err);

    out->n = 0;
    if (rc != EE_OK) {
        return rc;
    }
    if (!is_loaded(settings->module)) {
        rc = settings->module[0] != '\0' ? load_one(settings, err)
                                         : load_configured(err);
    }
    if (rc == EE_OK) {
        rc = collect(out, job, err);
    }
    ee_p11_unlock();
    return rc;
}

bool ee_p11_library_is_inherited(CK_FUNCTION_LIST *f)
{
    for (size_t i = 0; i < EE_P11_LIBRARIES_MAX; i++) {
        if (libraries[i].f == f && libraries[i].inherited) {
            return true;
        }
    }
    return false;
}
