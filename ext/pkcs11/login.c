/* SPDX-License-Identifier: MIT
 *
 * login.c: a token locks after a few wrong PINs, and an application that tries
 * again and again locks it for everybody. So a PIN that was refused is not
 * sent to that token again by this process, and the last try that a token has
 * is never taken.
 */
#include "pkcs11/login.h"

#include "base/secret.h"
#include "crypto/kdf.h"
#include "crypto/pool.h"
#include "pkcs11/rv.h"
#include "pkcs11/worker.h"

#include <string.h>

#define REFUSED_MAX 16

/* A PIN that a token refused, as a MAC under a key that only this process has.
 * Lock held for all of it. */
static struct refused {
    CK_TOKEN_INFO token; /* label and serialNumber count */
    uint8_t mac[EE_MAC_BYTES];
    bool used;
} refused[REFUSED_MAX];

static size_t next_refused; /* the oldest is replaced: after 16 PINs */

/* An arena cell: zero in a child of fork(), which then knows that a PIN was
 * refused, not which. */
static struct mac_key {
    uint8_t live;
    uint8_t key[EE_KEY_BYTES];
} * mac_key;

static bool same_token(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b)
{
    return ee_equal(a->label, b->label, sizeof a->label) &&
           ee_equal(a->serialNumber, b->serialNumber, sizeof a->serialNumber);
}

static bool mac_of(uint8_t *mac, const struct ee_secret *pin)
{
    if (mac_key == NULL) {
        mac_key = ee_cell_new();
        if (mac_key != NULL) {
            mac_key->live = 1;
            ee_random(mac_key->key, sizeof mac_key->key);
        }
    }
    if (mac_key == NULL || mac_key->live == 0) {
        return false;
    }
    ee_hmac(mac, mac_key->key, ee_bytes(pin->bytes, pin->n));
    return true;
}

static bool was_refused(const CK_TOKEN_INFO *token, const struct ee_secret *pin)
{
    uint8_t mac[EE_MAC_BYTES];
    const bool known = mac_of(mac, pin);

    for (size_t i = 0; i < REFUSED_MAX; i++) {
        const struct refused *r = &refused[i];

        if (r->used && same_token(&r->token, token) &&
            (!known || ee_equal(mac, r->mac, sizeof mac))) {
            return true;
        }
    }
    return false;
}

static void remember_refused(const CK_TOKEN_INFO *token,
                             const struct ee_secret *pin)
{
    struct refused *r = &refused[next_refused];

    next_refused = (next_refused + 1) % REFUSED_MAX;
    r->token = *token;
    if (!mac_of(r->mac, pin)) {
        memset(r->mac, 0, sizeof r->mac);
    }
    r->used = true;
}

/* ---- the login ---- */

static int refuse_locked(const struct ee_p11_token *token, struct ee_error *err)
{
    return ee_fail(err, EE_DENIED,
                   "the PIN of token %s is locked: its security officer must "
                   "set a new one; then start the process anew",
                   token->name);
}

/* Asked just before the PIN is sent: another process may have used up tries. */
static int check_tries(const struct ee_p11_token *token, struct ee_error *err)
{
    CK_TOKEN_INFO now;
    CK_RV rv = token->f->C_GetTokenInfo(token->slot, &now);

    if (rv != CKR_OK) {
        return ee_p11_fail(err, rv, "say whether its PIN is locked");
    }
    if ((now.flags & CKF_USER_PIN_LOCKED) != 0) {
        return refuse_locked(token, err);
    }
    if ((now.flags & CKF_USER_PIN_FINAL_TRY) != 0) {
        return ee_fail(err, EE_DENIED,
                       "token %s has one try left for its PIN, which is not "
                       "taken: log in once with another program and the right "
                       "PIN",
                       token->name);
    }
    if ((now.flags & CKF_USER_PIN_INITIALIZED) == 0) {
        return ee_fail(err, EE_CONFIG,
                       "token %s has no user PIN yet: its security officer "
                       "must set one",
                       token->name);
    }
    return EE_OK;
}

/* The token did not take the PIN. */
static int refused_now(const struct ee_p11_token *token, CK_RV rv,
                       struct ee_error *err)
{
    if (rv == CKR_PIN_LOCKED) {
        return refuse_locked(token, err);
    }
    if (rv == CKR_PIN_EXPIRED) {
        return ee_fail(err, EE_DENIED,
                       "the PIN of token %s has expired: set a new one with "
                       "the token's own tool, and give it in "
                       "ENVELOPE_PKCS11_PIN_FILE or ENVELOPE_PKCS11_PIN",
                       token->name);
    }
    return ee_fail(err, EE_DENIED,
                   "token %s refused the PIN. It was tried once: correct "
                   "ENVELOPE_PKCS11_PIN_FILE or ENVELOPE_PKCS11_PIN before "
                   "the next attempt, since the token locks after a few",
                   token->name);
}

/* Lock held. */
static int send_pin(const struct ee_p11_token *token, CK_SESSION_HANDLE session,
                    struct ee_secret *pin, struct ee_p11_job *job,
                    struct ee_error *err)
{
    int rc = check_tries(token, err);
    CK_RV rv = CKR_OK;

    if (rc != EE_OK) {
        return rc;
    }
    if (was_refused(&token->info, pin)) {
        return ee_fail(err, EE_DENIED,
                       "token %s has refused this PIN already; it is not sent "
                       "again, since the token locks after a few: correct "
                       "ENVELOPE_PKCS11_PIN_FILE or ENVELOPE_PKCS11_PIN, or "
                       "start the process anew if the token's PIN was changed",
                       token->name);
    }
    rc = ee_p11_turn(job, err);
    if (rc != EE_OK) {
        return rc;
    }
    rv = token->f->C_Login(session, CKU_USER, pin->bytes, pin->n);
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) {
        return EE_OK;
    }
    if (ee_p11_is_refused_pin(rv)) {
        remember_refused(&token->info, pin);
        return refused_now(token, rv, err);
    }
    return ee_p11_fail(err, rv, "log in to its token");
}

static bool is_logged_in(const struct ee_p11_token *token,
                         CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;

    return token->f->C_GetSessionInfo(session, &info) == CKR_OK &&
           (info.state == CKS_RO_USER_FUNCTIONS ||
            info.state == CKS_RW_USER_FUNCTIONS);
}

int ee_p11_login(const struct ee_p11_token *token, CK_SESSION_HANDLE session,
                 struct ee_p11_job *job, struct ee_error *err)
{
    struct ee_secret *pin = NULL; /* secret: wiped when freed */
    int rc = EE_OK;

    if ((token->info.flags & CKF_LOGIN_REQUIRED) == 0 ||
        is_logged_in(token, session)) {
        return EE_OK;
    }
    rc = ee_p11_worker_ask_pin(job->worker, &pin, token->name, err);
    if (rc == EE_OK) {
        rc = ee_p11_lock(job, err);
        if (rc == EE_OK) {
            rc = send_pin(token, session, pin, job, err);
            ee_p11_unlock();
        }
    }
    ee_secret_free(pin);
    return rc;
}
