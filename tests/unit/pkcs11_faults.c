/* SPDX-License-Identifier: MIT
 *
 * pkcs11_faults.c: what goes wrong with tokens: pulled out, reset, about to
 * lock, finalized by somebody else. The module is tests/providers'
 * pkcs11_faults.so: SoftHSM, with faults on demand.
 */
#include "child.h"
#include "p11kit.h"
#include "pkcs11/provider.h"
#include "tap.h"

#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KEY "pkcs11:token=one;object=kek"

static void lost_sessions(void)
{
    static const struct {
        const char *function;
        CK_RV rv;
        const char *name;
    } losses[] = {
        {"C_Encrypt", CKR_SESSION_HANDLE_INVALID, "a session that is gone"},
        {"C_Encrypt", CKR_SESSION_CLOSED, "a session that closes"},
        {"C_Encrypt", CKR_DEVICE_REMOVED, "a token out and in again"},
        {"C_Decrypt", CKR_DEVICE_REMOVED, "the same while it decrypts"},
        {"C_Encrypt", CKR_USER_NOT_LOGGED_IN, "a login that was ended"},
        {"C_DecryptInit", CKR_KEY_HANDLE_INVALID, "a handle that is stale"},
        {"C_OpenSession", CKR_TOKEN_NOT_PRESENT, "a slot without a token"},
        {"C_OpenSession", CKR_SLOT_ID_INVALID, "a slot with another number"},
        {"C_OpenSession", CKR_CRYPTOKI_NOT_INITIALIZED,
         "a module that somebody finalized"},
    };
    envelope_cmk *cmk = p11kit_opened(KEY);

    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        p11kit_plan(losses[i].function, losses[i].rv, 1);
        ok(p11kit_round_trip(cmk) == ENVELOPE_OK && p11kit_faults->times == 0,
           "%s: opened again, and done", losses[i].name);
        p11kit_plan(losses[i].function, losses[i].rv, 1000);
        ok(p11kit_round_trip(cmk) != ENVELOPE_OK && p11kit_faults->times > 990,
           "%s for good: an error, after two tries", losses[i].name);
        p11kit_faults->times = 0;
        ok(p11kit_round_trip(cmk) == ENVELOPE_OK, "%s: and then it works",
           losses[i].name);
    }
    p11kit_close(cmk);
    ok(p11kit_faults->sessions == 0, "no session is left open");
}

static void removed(void)
{
    envelope_cmk *cmk = p11kit_opened(KEY);
    envelope_cmk *none = NULL;
    int state = ENVELOPE_CMK_ENABLED;

    p11kit_faults->removed = 1;
    ok(p11kit_round_trip(cmk) == ENVELOPE_UNAVAILABLE &&
           strstr(p11kit_said, "is it there?") != NULL,
       "a token that was pulled out: it may come back");
    ok(p11kit_open(&none, KEY) == ENVELOPE_UNAVAILABLE && none == NULL,
       "and cannot be opened");
    ok(p11kit_state(cmk, &state) == ENVELOPE_UNAVAILABLE &&
           state == ENVELOPE_CMK_UNKNOWN,
       "its state is not known");
    p11kit_faults->removed = 0;
    ok(p11kit_round_trip(cmk) == ENVELOPE_OK, "when it is back it works");
    p11kit_close(cmk);
    ok(p11kit_faults->sessions == 0, "no session is left open");
}

static void trouble_is_no_forgery(void)
{
    envelope_cmk *cmk = p11kit_opened(KEY);

    p11kit_plan("C_Decrypt", CKR_DEVICE_ERROR, 1);
    ok(p11kit_round_trip(cmk) == ENVELOPE_UNAVAILABLE,
       "a token in trouble is not taken for a wrap that was altered");
    p11kit_plan("C_Decrypt", CKR_HOST_MEMORY, 1);
    ok(p11kit_round_trip(cmk) == ENVELOPE_NOMEM, "nor is one out of memory");
    p11kit_plan("C_Decrypt", CKR_FUNCTION_FAILED, 1);
    ok(p11kit_round_trip(cmk) == ENVELOPE_CORRUPT,
       "what else a token says of a decryption is");
    p11kit_plan("C_DecryptInit", CKR_KEY_FUNCTION_NOT_PERMITTED, 1);
    ok(p11kit_round_trip(cmk) == ENVELOPE_KEY_STATE,
       "a key that may not decrypt any more is disabled");
    ok(p11kit_round_trip(cmk) == ENVELOPE_OK, "until it may");
    p11kit_plan("C_FindObjectsInit", CKR_DEVICE_ERROR, 1);
    p11kit_close(cmk);
    ok(p11kit_open(&cmk, KEY) == ENVELOPE_UNAVAILABLE && cmk == NULL &&
           p11kit_faults->sessions == 0,
       "a search that fails leaves no session");
    p11kit_faults->longer = 300;
    cmk = p11kit_opened(KEY);
    ok(p11kit_round_trip(cmk) == ENVELOPE_UNAVAILABLE,
       "a length that cannot be is not believed");
    p11kit_faults->longer = 0;
    p11kit_close(cmk);
}

/* ---- PINs ---- */

static int with_flags(CK_FLAGS flags)
{
    envelope_cmk *cmk = NULL;
    int rc = 0;

    p11kit_faults->flags = flags;
    p11kit_faults->logins = 0;
    rc = p11kit_open(&cmk, KEY);
    p11kit_faults->flags = 0;
    p11kit_close(cmk);
    return rc;
}

static void pins_that_may_lock(void)
{
    envelope_cmk *cmk = NULL;

    ok(with_flags(CKF_USER_PIN_LOCKED) == ENVELOPE_DENIED &&
           p11kit_faults->logins == 0 &&
           strstr(p11kit_said, "is locked") != NULL,
       "a locked PIN is not sent");
    ok(with_flags(CKF_USER_PIN_FINAL_TRY) == ENVELOPE_DENIED &&
           p11kit_faults->logins == 0 &&
           strstr(p11kit_said, "one try left") != NULL,
       "the last try is not taken");
    ok(with_flags(CKF_USER_PIN_COUNT_LOW) == ENVELOPE_OK &&
           p11kit_faults->logins == 1,
       "a token that counts is logged in to");
    p11kit_plan("C_Login", CKR_USER_ALREADY_LOGGED_IN, 1);
    ok(p11kit_open(&cmk, KEY) != ENVELOPE_DENIED,
       "CKR_USER_ALREADY_LOGGED_IN is no failure");
    p11kit_close(cmk);
}

/* A token that shows no flag, and says it only when it gets a PIN. */
static void sent_once(CK_RV rv, const char *pin, const char *says)
{
    envelope_cmk *cmk = NULL;

    (void)setenv("ENVELOPE_PKCS11_PIN", pin, 1);
    p11kit_faults->logins = 0;
    p11kit_plan("C_Login", rv, 4);
    ok(p11kit_open(&cmk, KEY) == ENVELOPE_DENIED &&
           strstr(p11kit_said, says) != NULL,
       "a token says of a PIN that it %s", says);
    for (int i = 0; i < 3; i++) {
        (void)p11kit_open(&cmk, KEY);
    }
    ok(p11kit_faults->logins == 1 &&
           strstr(p11kit_said, "not sent again") != NULL,
       "one that %s is not sent again", says);
    p11kit_faults->times = 0;
    (void)setenv("ENVELOPE_PKCS11_PIN", P11KIT_PIN, 1);
}

static void refused_in_child(void *arg, void *out, size_t n)
{
    envelope_cmk *cmk = NULL;

    (void)arg;
    (void)n;
    p11kit_faults->logins = 0;
    (void)setenv("ENVELOPE_PKCS11_PIN", "wrong-canary-0002", 1);
    *(int *)out = p11kit_open(&cmk, KEY) == ENVELOPE_DENIED
                      ? p11kit_faults->logins
                      : 1000;
}

static void *try_wrong_pin(void *arg)
{
    struct envelope_call call = p11kit_call();
    envelope_cmk *cmk = NULL;

    (void)arg;
    (void)p11kit_provider->open(&call, KEY, &cmk);
    p11kit_close(cmk);
    return NULL;
}

static void wrong_pins(void)
{
    pthread_t threads[8];
    envelope_cmk *cmk = NULL;
    int logins = -1;

    (void)setenv("ENVELOPE_PKCS11_PIN", "wrong-canary-0002", 1);
    p11kit_faults->logins = 0;
    for (size_t i = 0; i < 8; i++) {
        (void)pthread_create(&threads[i], NULL, try_wrong_pin, NULL);
    }
    for (size_t i = 0; i < 8; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    ok(p11kit_faults->logins == 1, "8 threads send a wrong PIN once");
    ok(child_ask(refused_in_child, NULL, &logins, sizeof logins) && logins == 0,
       "a child of fork() does not send it either");
    (void)setenv("ENVELOPE_PKCS11_PIN", "wrong-canary-0003", 1);
    ok(p11kit_open(&cmk, KEY) == ENVELOPE_DENIED && p11kit_faults->logins == 2,
       "another wrong one is sent once, too");
    (void)setenv("ENVELOPE_PKCS11_PIN", "wrong-canary-0002", 1);
    ok(p11kit_open(&cmk, KEY) == ENVELOPE_DENIED && p11kit_faults->logins == 2,
       "after which the first is still not sent again");
    (void)setenv("ENVELOPE_PKCS11_PIN", P11KIT_PIN, 1);
    cmk = p11kit_opened(KEY);
    ok(cmk != NULL && p11kit_faults->logins == 3,
       "the right one opens the token");
    p11kit_close(cmk);
}

static void *round_trips(void *arg)
{
    struct envelope_call call = p11kit_call();
    envelope_cmk *cmk = NULL;
    intptr_t failed = 0;

    (void)arg;
    for (int i = 0; i < 20; i++) {
        uint8_t wrapped[ENVELOPE_WRAPPED_MAX];
        uint8_t payload[ENVELOPE_PAYLOAD_BYTES];
        size_t n = 0;

        failed += p11kit_provider->open(&call, KEY, &cmk) != ENVELOPE_OK;
        failed += cmk == NULL ||
                  p11kit_provider->wrap(cmk, &call, p11kit_payload, NULL, 0,
                                        wrapped, &n) != ENVELOPE_OK ||
                  p11kit_provider->unwrap(cmk, &call, wrapped, n, NULL, 0,
                                          payload) != ENVELOPE_OK;
        p11kit_close(cmk);
    }
    return (void *)failed;
}

static void threads(void)
{
    pthread_t threads[4];
    intptr_t failed = 0;

    for (size_t i = 0; i < 4; i++) {
        (void)pthread_create(&threads[i], NULL, round_trips, NULL);
    }
    for (size_t i = 0; i < 4; i++) {
        void *result = NULL;

        (void)pthread_join(threads[i], &result);
        failed += (intptr_t)result;
    }
    ok(failed == 0, "threads open, use and close sessions side by side");
}

int main(void)
{
    if (p11kit_softhsm() == NULL) {
        skip("SoftHSM is not installed: make test-providers",
             "the provider and tokens in trouble");
        return done();
    }
    p11kit_provider = envelope_module_providers()[0];
    p11kit_token("one");
    if (!p11kit_load_faults()) {
        skip("pkcs11_faults.so is not built: make test-providers",
             "the provider and tokens in trouble");
        return done();
    }
    ok(p11kit_create(KEY) == ENVELOPE_OK, "a key to work with");
    lost_sessions();
    removed();
    trouble_is_no_forgery();
    pins_that_may_lock();
    sent_once(CKR_PIN_LOCKED, "locked-canary-0005", "is locked");
    sent_once(CKR_PIN_EXPIRED, "old-canary-0006", "has expired");
    wrong_pins();
    threads();
    p11kit_clear();
    return done();
}
