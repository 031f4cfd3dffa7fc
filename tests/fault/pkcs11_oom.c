/* SPDX-License-Identifier: MIT
 *
 * pkcs11_oom.c: pkcs11: while memory runs out, on a token of SoftHSM.
 *
 * What fails is each allocation of the module, and p11-kit's for a URI; not
 * what p11-kit, OpenSSL and SoftHSM allocate inside.
 */
#include "fault/inject.h"
#include "p11kit.h"
#include "pkcs11/provider.h"
#include "tap.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GCM_KEY "pkcs11:token=one;object=gcm"
#define KW_KEY  "pkcs11:token=one;object=kw"

P11KitUri *__real_p11_kit_uri_new(void);
P11KitUri *__wrap_p11_kit_uri_new(void);

P11KitUri *__wrap_p11_kit_uri_new(void)
{
    return inject_must_fail() ? NULL : __real_p11_kit_uri_new();
}

struct scenario {
    const char *name;
    const char *uri;
    bool kept; /* opened before */
};

static int work(const struct scenario *s, envelope_cmk *kept)
{
    envelope_cmk *cmk = kept;
    int state = ENVELOPE_CMK_UNKNOWN;
    int rc = kept != NULL ? ENVELOPE_OK : p11kit_open(&cmk, s->uri);

    if (rc == ENVELOPE_OK) {
        rc = p11kit_round_trip(cmk);
    }
    if (rc == ENVELOPE_OK) {
        rc = p11kit_state(cmk, &state);
    }
    if (kept == NULL) {
        p11kit_close(cmk);
    }
    return rc;
}

static long attempt(const void *arg, long n, bool for_ever)
{
    const struct scenario *s = arg;
    const long live = inject_live();
    envelope_cmk *cmk = s->kept ? p11kit_opened(s->uri) : NULL;
    long failed = 0;
    int rc = 0;

    inject_start(n, for_ever);
    rc = work(s, cmk);
    failed = inject_stop();
    if (rc != (failed > 0 ? ENVELOPE_NOMEM : ENVELOPE_OK)) {
        note("result %d: %s", rc, p11kit_said);
        failed = -1;
    }
    if (work(s, cmk) != ENVELOPE_OK) {
        note("afterwards: %s", p11kit_said);
        failed = -1;
    }
    p11kit_close(cmk);
    if (inject_live() != live) {
        note("%ld leaks", inject_live() - live);
        failed = -1;
    }
    return failed;
}

static long attempt_create(const void *arg, long n, bool for_ever)
{
    static int number;
    char uri[64];
    long failed = 0;
    int rc = 0;

    (void)arg;
    (void)snprintf(uri, sizeof uri, "pkcs11:token=one;object=made-%d",
                   ++number);
    inject_start(n, for_ever);
    rc = p11kit_create(uri);
    failed = inject_stop();
    if (rc != (failed > 0 ? ENVELOPE_NOMEM : ENVELOPE_OK)) {
        note("result %d: %s", rc, p11kit_said);
        return -1;
    }
    /* all or nothing: what failed can be made now, and nothing twice */
    rc = p11kit_create(uri);
    return rc == (failed > 0 ? ENVELOPE_OK : ENVELOPE_CONFIGURATION) ? failed
                                                                     : -1;
}

static void sweeps(void)
{
    static const struct scenario scenarios[] = {
        {"pkcs11, AES-GCM", GCM_KEY, false},
        {"pkcs11, AES-GCM, open before", GCM_KEY, true},
        {"pkcs11, key wrap", KW_KEY, false},
        {"pkcs11, key wrap, open before", KW_KEY, true},
    };

    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        inject_sweep(scenarios[i].name, attempt, &scenarios[i]);
    }
    inject_sweep("pkcs11: create", attempt_create, NULL);
}

int main(void)
{
    p11kit_provider = &ee_pkcs11_provider;
    if (p11kit_softhsm() == NULL) {
        skip("SoftHSM is not installed", "pkcs11 out of memory");
        return done();
    }
    p11kit_token("one");
    if (p11kit_create(GCM_KEY) != ENVELOPE_OK) {
        ok(0, "a key for AES-GCM: %s", p11kit_said);
    }
    (void)setenv("ENVELOPE_PKCS11_MECHANISMS", "aes-key-wrap", 1);
    if (p11kit_create(KW_KEY) != ENVELOPE_OK) {
        ok(0, "a key for key wrap: %s", p11kit_said);
    }
    (void)unsetenv("ENVELOPE_PKCS11_MECHANISMS");
    sweeps();
    p11kit_clear();
    return done();
}
