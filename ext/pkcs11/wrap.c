/* SPDX-License-Identifier: MIT
 *
 * wrap.c: the payload under the token's key by AES-GCM; or under a local key,
 * which the token's key wraps.
 *
 * The head of the wrap and the context are associated data either way, so the
 * mechanism that a wrap names is authenticated. It is not believed before that:
 * one that the session does not allow is not tried.
 */
#include "pkcs11/wrap.h"

#include "base/secret.h"
#include "crypto/gcm.h"
#include "crypto/selftest.h"
#include "pkcs11/mechanism.h"

#include <string.h>

/* The local key serves one message, so its nonce may be constant. */
static const uint8_t nonce[EE_P11_IV_BYTES];

/* ---- the payload under the local key ---- */

static int start_crypto(struct ee_ossl *ossl, struct ee_error *err)
{
    int rc = EE_OK;

    if (ee_ossl_init(ossl) != 0) {
        return ee_fail(err, EE_NOMEM, "OpenSSL is out of memory");
    }
    rc = ee_selftest(ossl, err);
    if (rc != EE_OK) {
        ee_ossl_clear(ossl);
    }
    return rc;
}

static int carry(struct ee_p11_work *w, int mechanism, uint8_t *carried,
                 struct ee_p11_local *local, struct ee_error *err)
{
    return mechanism == EE_P11_AES_KEY_WRAP
               ? ee_p11_kw_wrap(w, carried, local, err)
               : ee_p11_oaep_wrap(w, mechanism, carried, local, err);
}

static int seal_by_local_key(struct ee_p11_work *w, int mechanism,
                             uint8_t *carried, uint8_t *sealed,
                             struct ee_bytes aad, const uint8_t *payload,
                             struct ee_error *err)
{
    struct ee_p11_local *local = ee_cell_new(); /* secret: freed at the end */
    struct ee_ossl ossl = {NULL, NULL};
    int rc = EE_OK;

    if (local == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for a key");
    }
    rc = start_crypto(&ossl, err);
    if (rc == EE_OK) {
        rc = ee_p11_random(w->job, local->key, sizeof local->key, err);
    }
    if (rc == EE_OK) {
        rc = carry(w, mechanism, carried, local, err);
    }
    if (rc == EE_OK &&
        ee_gcm_seal(&ossl, sealed, local->key, nonce, aad,
                    ee_bytes(payload, ENVELOPE_PAYLOAD_BYTES)) != 0) {
        rc = ee_fail(err, EE_INTERNAL, "AES-256-GCM failed");
    }
    ee_ossl_clear(&ossl);
    ee_cell_free(local);
    return rc;
}

static int open_by_local_key(struct ee_p11_work *w, uint8_t *payload,
                             const struct ee_p11_wrap *wrap,
                             struct ee_bytes aad, struct ee_error *err)
{
    struct ee_p11_local *local = ee_cell_new(); /* secret: freed at the end */
    struct ee_ossl ossl = {NULL, NULL};
    int rc = EE_OK;

    if (local == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for a key");
    }
    rc = start_crypto(&ossl, err);
    if (rc == EE_OK) {
        rc = wrap->mechanism == EE_P11_AES_KEY_WRAP
                 ? ee_p11_kw_unwrap(w, local, wrap->carried, err)
                 : ee_p11_oaep_unwrap(w, wrap->mechanism, local, wrap->carried,
                                      err);
    }
    if (rc == EE_OK && ee_gcm_open(&ossl, payload, local->key, nonce, aad,
                                   wrap->sealed) != 0) {
        rc = ee_fail_auth(err, "a wrap");
    }
    ee_ossl_clear(&ossl);
    ee_cell_free(local);
    return rc;
}

/* ---- wrapping ---- */

static struct ee_bytes key_id(const struct ee_p11_work *w)
{
    return ee_bytes(w->cmk->key.id, w->cmk->key.id_n);
}

static int wrap_by(struct ee_p11_work *w, int mechanism, uint8_t *wrapped,
                   size_t *wrapped_n, const uint8_t *payload,
                   struct ee_bytes context, struct ee_error *err)
{
    uint8_t aad[EE_P11_AAD_MAX];
    const size_t head_n = ee_p11_wrap_head(wrapped, mechanism, key_id(w));
    const size_t aad_n =
        ee_p11_wrap_aad(aad, ee_bytes(wrapped, head_n), context);
    uint8_t *body = wrapped + head_n;
    size_t first = w->cmk->key.bytes; /* an encrypted RSA block */
    int rc = EE_OK;

    if (aad_n == 0) {
        return ee_fail(err, EE_MISUSE, "the context of a wrap is too long");
    }
    if (mechanism == EE_P11_AES_GCM) {
        first = EE_P11_IV_BYTES;
        rc = ee_p11_gcm_seal(w, body, body + first, ee_bytes(aad, aad_n),
                             payload, err);
    } else {
        first = mechanism == EE_P11_AES_KEY_WRAP ? EE_P11_KW_BYTES : first;
        rc = seal_by_local_key(w, mechanism, body, body + first,
                               ee_bytes(aad, aad_n), payload, err);
    }
    *wrapped_n = rc == EE_OK ? head_n + first + EE_P11_SEALED_BYTES : 0;
    return rc;
}

/* The first mechanism from one on that can be used; 0: none. */
static int next_mechanism(struct ee_p11_work *w, int from)
{
    for (int m = from; m < EE_P11_MECHANISMS; m++) {
        if (ee_p11_mechanism_usable(w, m)) {
            return m;
        }
    }
    return 0;
}

int ee_p11_wrap_mechanism(struct ee_p11_work *w)
{
    const int m = next_mechanism(w, EE_P11_AES_GCM);

    return m == EE_P11_RSA_OAEP_SHA256 && !ee_p11_oaep_is_taken(w, m)
               ? next_mechanism(w, m + 1)
               : m;
}

static int check_state(const struct ee_p11_work *w, struct ee_error *err)
{
    if (ee_p11_key_is_disabled(&w->cmk->key)) {
        return ee_fail(err, EE_KEY_STATE,
                       "the key is disabled at its token, where it may "
                       "neither decrypt nor unwrap: allow it there");
    }
    return EE_OK;
}

static int no_mechanism(struct ee_error *err)
{
    return ee_fail(err, EE_CONFIG,
                   "the key cannot wrap: it needs CKA_ENCRYPT and CKA_DECRYPT "
                   "(aes-gcm), CKA_WRAP and CKA_UNWRAP (aes-key-wrap), or RSA "
                   "with CKA_DECRYPT (rsa-oaep-sha256), the token that "
                   "mechanism, and ENVELOPE_PKCS11_MECHANISMS its name");
}

int ee_p11_wrap(struct ee_p11_work *w, uint8_t *wrapped, size_t *wrapped_n,
                const uint8_t *payload, struct ee_bytes context,
                struct ee_error *err)
{
    const int m = next_mechanism(w, EE_P11_AES_GCM);
    int rc = check_state(w, err);

    *wrapped_n = 0;
    if (rc != EE_OK) {
        return rc;
    }
    if (!w->cmk->key.protected && !w->job->settings.unprotected) {
        return ee_fail(err, EE_CONFIG,
                       "the key can be read out of its token, or be put there "
                       "by anybody (it is not CKA_SENSITIVE, CKA_PRIVATE and "
                       "not CKA_EXTRACTABLE): use another one, or set "
                       "ENVELOPE_PKCS11_ALLOW_UNPROTECTED=1");
    }
    if (m == 0) {
        return no_mechanism(err);
    }
    rc = wrap_by(w, m, wrapped, wrapped_n, payload, context, err);
    /* tokens that cannot do SHA-256 say so only when it is used */
    if (rc == EE_CONFIG && m == EE_P11_RSA_OAEP_SHA256 &&
        next_mechanism(w, m + 1) != 0) {
        rc = wrap_by(w, next_mechanism(w, m + 1), wrapped, wrapped_n, payload,
                     context, err);
    }
    return rc;
}

/* ---- unwrapping ---- */

static int check_mechanism(struct ee_p11_work *w, int mechanism,
                           struct ee_error *err)
{
    if (!ee_p11_mechanism_fits(mechanism, w->cmk->key.type)) {
        return ee_fail(err, EE_KEY_UNKNOWN,
                       "a wrap was made by %s, which is not for keys of this "
                       "type: it is under another key",
                       ee_p11_mechanism_name(mechanism));
    }
    if ((w->job->settings.mechanisms & 1U << mechanism) == 0) {
        return ee_fail(err, EE_CONFIG,
                       "a wrap was made by %s, which this session does not "
                       "allow: add it to ENVELOPE_PKCS11_MECHANISMS",
                       ee_p11_mechanism_name(mechanism));
    }
    return EE_OK;
}

static int open_wrap(struct ee_p11_work *w, uint8_t *payload,
                     const struct ee_p11_wrap *wrap, struct ee_bytes context,
                     struct ee_error *err)
{
    uint8_t aad[EE_P11_AAD_MAX];
    const size_t n = ee_p11_wrap_aad(aad, wrap->head, context);

    if (n == 0) {
        return ee_fail_auth(err, "a wrap");
    }
    return wrap->mechanism == EE_P11_AES_GCM
               ? ee_p11_gcm_open(w, payload, wrap, ee_bytes(aad, n), err)
               : open_by_local_key(w, payload, wrap, ee_bytes(aad, n), err);
}

int ee_p11_unwrap(struct ee_p11_work *w, uint8_t *payload,
                  struct ee_bytes wrapped, struct ee_bytes context,
                  struct ee_error *err)
{
    const struct ee_bytes id = key_id(w);
    struct ee_p11_wrap wrap;
    int rc = EE_OK;

    memset(payload, 0, ENVELOPE_PAYLOAD_BYTES);
    if (!ee_p11_wrap_read(&wrap, wrapped)) {
        return ee_fail_auth(err, "a wrap");
    }
    if (wrap.id.n != id.n || !ee_equal(wrap.id.p, id.p, id.n)) {
        return ee_fail(err, EE_KEY_UNKNOWN,
                       "a wrap is under a key with another CKA_ID than the "
                       "one that the pkcs11: URI names now");
    }
    rc = check_state(w, err);
    if (rc == EE_OK) {
        rc = check_mechanism(w, wrap.mechanism, err);
    }
    if (rc == EE_OK) {
        rc = open_wrap(w, payload, &wrap, context, err);
    }
    if (rc != EE_OK) {
        ee_wipe(payload, ENVELOPE_PAYLOAD_BYTES);
    }
    return rc;
}
