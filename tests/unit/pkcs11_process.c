/* SPDX-License-Identifier: MIT
 *
 * pkcs11_process.c: what a process has in common: modules, logins, the PIN,
 * settings, time; and what becomes of them in a child.
 */
#include "child.h"
#include "p11kit.h"
#include "pkcs11/provider.h"
#include "tap.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GCM_KEY "pkcs11:token=one;object=gcm"

/* ---- others in the process who use the module ---- */

/* SoftHSM itself, not p11-kit's view of it. */
static CK_FUNCTION_LIST *raw_module(void)
{
    void *module = dlopen(p11kit_softhsm(), RTLD_NOW);
    CK_C_GetFunctionList get = NULL;
    CK_FUNCTION_LIST *f = NULL;
    void *symbol = module == NULL ? NULL : dlsym(module, "C_GetFunctionList");

    memcpy(&get, &symbol, sizeof get);
    return symbol != NULL && get(&f) == CKR_OK ? f : NULL;
}

static void others_log_out(void)
{
    CK_FUNCTION_LIST *f = raw_module();
    envelope_cmk *cmk = p11kit_opened(GCM_KEY);
    CK_SESSION_HANDLE s = 0;
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;

    ok(f->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK &&
           f->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &s) ==
               CKR_OK &&
           f->C_Logout(s) == CKR_OK,
       "the application logs out of the token");
    ok(p11kit_round_trip(cmk) == ENVELOPE_OK, "the next wrap logs in again");
    (void)f->C_CloseSession(s);
    p11kit_close(cmk);
}

static void others_finalize(void)
{
    CK_FUNCTION_LIST *f = raw_module();
    envelope_cmk *cmk = p11kit_opened(GCM_KEY);

    ok(f->C_Finalize(NULL) == CKR_OK, "the application finalizes the module");
    ok(p11kit_round_trip(cmk) == ENVELOPE_OK,
       "the next wrap initializes it again");
    if (p11kit_said[0] != '\0') {
        note("%s", p11kit_said);
    }
    p11kit_close(cmk);
    (void)f->C_Finalize(NULL);
    cmk = p11kit_opened(GCM_KEY);
    ok(cmk != NULL && p11kit_round_trip(cmk) == ENVELOPE_OK, "so does opening");
    p11kit_close(cmk);
}

/* ---- fork ---- */

static void use_parents(void *arg, void *out, size_t n)
{
    (void)n;
    *(int *)out = p11kit_round_trip(arg);
    p11kit_close(arg);
    p11kit_child_ends();
}

static void open_anew(void *arg, void *out, size_t n)
{
    envelope_cmk *cmk = NULL;
    int rc = p11kit_open(&cmk, GCM_KEY);

    (void)arg;
    (void)n;
    *(int *)out = rc == ENVELOPE_OK ? p11kit_round_trip(cmk) : rc;
    if (rc != ENVELOPE_OK) {
        note("child: %s", p11kit_said);
    }
    p11kit_close(cmk);
    p11kit_child_ends();
}

static void after_fork(void)
{
    envelope_cmk *cmk = p11kit_opened(GCM_KEY);
    int rc = -1;

    ok(child_ask(use_parents, cmk, &rc, sizeof rc) &&
           rc == ENVELOPE_UNAVAILABLE,
       "a child does not use its parent's session, and closes it in peace");
    ok(p11kit_round_trip(cmk) == ENVELOPE_OK, "which still works");
    ok(child_ask(open_anew, NULL, &rc, sizeof rc) && rc == ENVELOPE_OK,
       "a child that opens the key anew can use it");
    ok(p11kit_round_trip(cmk) == ENVELOPE_OK, "and the parent, too");
    p11kit_close(cmk);
}

static void two_at_once(void)
{
    envelope_cmk *a = p11kit_opened(GCM_KEY);
    envelope_cmk *b = p11kit_opened(GCM_KEY);

    ok(a != NULL && b != NULL, "two connections of a process log in once");
    p11kit_close(a);
    ok(p11kit_round_trip(b) == ENVELOPE_OK,
       "closing one does not log the other out");
    p11kit_close(b);
}

static void deadline_and_interrupt(void)
{
    envelope_cmk *cmk = p11kit_opened(GCM_KEY);

    p11kit_user.interrupt_at = 1;
    ok(p11kit_round_trip(cmk) == ENVELOPE_INTERRUPTED,
       "an interrupt is seen before a call of the module");
    p11kit_user.interrupt_at = 0;
    p11kit_user.clock_skew_ms = 120000;
    ok(p11kit_round_trip(cmk) == ENVELOPE_UNAVAILABLE &&
           strstr(p11kit_said, "provider_timeout") != NULL,
       "so is the end of the time");
    p11kit_user.clock_skew_ms = 0;
    ok(p11kit_round_trip(cmk) == ENVELOPE_OK, "and the next call works");
    p11kit_close(cmk);
}

/* ---- secrets ---- */

static void pins(void)
{
    envelope_cmk *cmk = NULL;
    char path[300];

    (void)unsetenv("ENVELOPE_PKCS11_PIN");
    ok(p11kit_open(&cmk, GCM_KEY) == ENVELOPE_DENIED &&
           strstr(p11kit_said, "ENVELOPE_PKCS11_PIN_FILE") != NULL,
       "without a PIN it says where one is looked for");
    p11kit_write("pin", P11KIT_PIN "\n", 0600);
    (void)snprintf(path, sizeof path, "%s/pin", p11kit_dir());
    (void)setenv("ENVELOPE_PKCS11_PIN_FILE", path, 1);
    cmk = p11kit_opened(GCM_KEY);
    ok(cmk != NULL, "a PIN in a file, with a line end");
    p11kit_close(cmk);
    p11kit_write("pin", P11KIT_PIN "\n", 0644);
    ok(p11kit_open(&cmk, GCM_KEY) == ENVELOPE_DENIED &&
           strstr(p11kit_said, "chmod 600") != NULL,
       "not in a file that others can read");
    p11kit_write("pin", "wrong-canary-0001", 0600);
    ok(p11kit_open(&cmk, GCM_KEY) == ENVELOPE_DENIED &&
           strstr(p11kit_said, "tried once") != NULL,
       "a wrong PIN is tried once");
    ok(p11kit_open(&cmk, GCM_KEY) == ENVELOPE_DENIED &&
           strstr(p11kit_said, "not sent again") != NULL,
       "and not again");
    p11kit_write("pin", P11KIT_PIN "\n", 0600);
    cmk = p11kit_opened(GCM_KEY);
    ok(cmk != NULL, "another PIN is tried");
    p11kit_close(cmk);
    (void)unsetenv("ENVELOPE_PKCS11_PIN_FILE");
    (void)setenv("ENVELOPE_PKCS11_PIN", P11KIT_PIN, 1);
}

static void settings(void)
{
    envelope_cmk *cmk = NULL;

    (void)setenv("ENVELOPE_PKCS11_MODULE", "libsofthsm2.so", 1);
    ok(p11kit_open(&cmk, GCM_KEY) == ENVELOPE_CONFIGURATION,
       "a module is an absolute path");
    (void)setenv("ENVELOPE_PKCS11_MODULE", "/nowhere/module.so", 1);
    ok(p11kit_open(&cmk, GCM_KEY) == ENVELOPE_CONFIGURATION &&
           strstr(p11kit_said, "cannot load") != NULL,
       "one that is not there is named");
    (void)unsetenv("ENVELOPE_PKCS11_MODULE");
    (void)setenv("ENVELOPE_PKCS11_INIT_ARGS", "x", 1);
    ok(p11kit_open(&cmk, GCM_KEY) == ENVELOPE_CONFIGURATION,
       "a string for no module is an error");
    (void)unsetenv("ENVELOPE_PKCS11_INIT_ARGS");
    (void)setenv("ENVELOPE_PKCS11_ALLOW_UNPROTECTED", "yes", 1);
    ok(p11kit_open(&cmk, GCM_KEY) == ENVELOPE_CONFIGURATION,
       "neither 0 nor 1 is an error");
    (void)unsetenv("ENVELOPE_PKCS11_ALLOW_UNPROTECTED");
    (void)setenv("ENVELOPE_PKCS11_MODULE", p11kit_softhsm(), 1);
}

int main(void)
{
    if (p11kit_softhsm() == NULL) {
        skip("SoftHSM is not installed: make test-providers",
             "the provider in a process that uses SoftHSM, too");
        return done();
    }
    p11kit_provider = envelope_module_providers()[0];
    p11kit_token("one");
    ok(p11kit_create(GCM_KEY) == ENVELOPE_OK, "a key to work with");
    two_at_once();
    others_log_out();
    others_finalize();
    after_fork();
    deadline_and_interrupt();
    pins();
    settings();
    p11kit_clear();
    return done();
}
