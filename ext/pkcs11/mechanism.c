/* SPDX-License-Identifier: MIT
 *
 * mechanism.c: which mechanism may be used; and AES-GCM, the one that needs
 * nothing of ours.
 */
#include "pkcs11/mechanism.h"

#include "base/secret.h"
#include "pkcs11/rv.h"

#include <string.h>

static const struct {
    CK_MECHANISM_TYPE type;
    CK_FLAGS flags; /* that the token must offer */
    CK_KEY_TYPE key;
    unsigned may; /* enum ee_p11_may that the key must have */
} mechanisms[EE_P11_MECHANISMS] = {
    [EE_P11_AES_GCM] = {CKM_AES_GCM, CKF_ENCRYPT | CKF_DECRYPT, CKK_AES,
                        EE_P11_MAY_ENCRYPT | EE_P11_MAY_DECRYPT},
    [EE_P11_AES_KEY_WRAP] = {CKM_AES_KEY_WRAP, CKF_WRAP | CKF_UNWRAP, CKK_AES,
                             EE_P11_MAY_WRAP | EE_P11_MAY_UNWRAP},
    /* the public half is used here, and not by the token */
    [EE_P11_RSA_OAEP_SHA256] = {CKM_RSA_PKCS_OAEP, CKF_DECRYPT, CKK_RSA,
                                EE_P11_MAY_DECRYPT},
    [EE_P11_RSA_OAEP_SHA1] = {CKM_RSA_PKCS_OAEP, CKF_DECRYPT, CKK_RSA,
                              EE_P11_MAY_DECRYPT},
};

bool ee_p11_mechanism_fits(int mechanism, CK_KEY_TYPE type)
{
    return mechanisms[mechanism].key == type;
}

bool ee_p11_mechanism_usable(struct ee_p11_work *w, int mechanism)
{
    const CK_FLAGS flags = mechanisms[mechanism].flags;
    const unsigned may = mechanisms[mechanism].may;
    CK_MECHANISM_INFO info;

    return (w->job->settings.mechanisms & 1U << mechanism) != 0 &&
           ee_p11_mechanism_fits(mechanism, w->cmk->key.type) &&
           (w->cmk->key.may & may) == may &&
           w->f->C_GetMechanismInfo(w->cmk->slot, mechanisms[mechanism].type,
                                    &info) == CKR_OK &&
           (info.flags & flags) == flags;
}

int ee_p11_not_opened(struct ee_p11_work *w, CK_RV rv, struct ee_error *err)
{
    if (ee_p11_is_trouble(rv)) {
        return ee_p11_work_fail(w, rv, "decrypt", err);
    }
    return ee_fail_auth(err, "a wrap");
}

/* ulIvBits: two modules out of two want it. */
static CK_GCM_PARAMS params(uint8_t *iv, struct ee_bytes aad)
{
    return (CK_GCM_PARAMS){.iv_ptr = iv,
                           .iv_len = EE_P11_IV_BYTES,
                           .iv_bits = EE_P11_IV_BYTES * 8,
                           .aad_ptr = (uint8_t *)aad.p,
                           .aad_len = aad.n,
                           .tag_bits = EE_TAG_BYTES * 8};
}

int ee_p11_gcm_seal(struct ee_p11_work *w, uint8_t *iv, uint8_t *sealed,
                    struct ee_bytes aad, const uint8_t *payload,
                    struct ee_error *err)
{
    CK_GCM_PARAMS gcm = params(iv, aad);
    CK_MECHANISM m = {CKM_AES_GCM, &gcm, sizeof gcm};
    uint8_t out[2 * EE_P11_SEALED_BYTES]; /* some size queries are wrong */
    CK_ULONG n = sizeof out;
    CK_RV rv = CKR_OK;
    int rc = ee_p11_random(w->job, iv, EE_P11_IV_BYTES, err);

    if (rc != EE_OK) {
        return rc;
    }
    rv = w->f->C_EncryptInit(w->session, &m, w->cmk->key.handle);
    if (rv == CKR_OK) {
        rv = w->f->C_Encrypt(w->session, (uint8_t *)payload,
                             ENVELOPE_PAYLOAD_BYTES, out, &n);
    }
    if (rv != CKR_OK) {
        return ee_p11_work_fail(w, rv, "encrypt by AES-GCM", err);
    }
    if (n != EE_P11_SEALED_BYTES) {
        return ee_fail(err, EE_UNAVAILABLE,
                       "the PKCS#11 module made %lu bytes by AES-GCM, and "
                       "%d are right: set ENVELOPE_PKCS11_MECHANISMS to "
                       "another mechanism",
                       n, EE_P11_SEALED_BYTES);
    }
    memcpy(sealed, out, n);
    return EE_OK;
}

int ee_p11_gcm_open(struct ee_p11_work *w, uint8_t *payload,
                    const struct ee_p11_wrap *wrap, struct ee_bytes aad,
                    struct ee_error *err)
{
    CK_GCM_PARAMS gcm = params((uint8_t *)wrap->iv.p, aad);
    CK_MECHANISM m = {CKM_AES_GCM, &gcm, sizeof gcm};
    uint8_t out[2 * EE_P11_SEALED_BYTES]; /* secret: wiped at the end */
    CK_ULONG n = sizeof out;
    int rc = EE_OK;
    CK_RV rv = w->f->C_DecryptInit(w->session, &m, w->cmk->key.handle);

    if (rv != CKR_OK) {
        return ee_p11_work_fail(w, rv, "decrypt by AES-GCM", err);
    }
    rv = w->f->C_Decrypt(w->session, (uint8_t *)wrap->sealed.p, wrap->sealed.n,
                         out, &n);
    if (rv != CKR_OK) {
        rc = ee_p11_not_opened(w, rv, err);
    } else if (n != ENVELOPE_PAYLOAD_BYTES) {
        rc = ee_fail_auth(err, "a wrap");
    } else {
        memcpy(payload, out, n);
    }
    ee_wipe(out, sizeof out);
    return rc;
}
