/* SPDX-License-Identifier: MIT
 *
 * subject.c: wraps and unwraps the KEK of a data subject, FORMAT section 12.
 */
#include "envelope/subject.h"

#include "base/secret.h"
#include "crypto/kdf.h"

#include <string.h>

void ee_subject_key_id(uint8_t *out, const uint8_t *kek,
                       const struct ee_suite *suite)
{
    uint8_t fingerprint[EE_MAC_BYTES]; /* public */

    ee_kdf(fingerprint, kek, "kek-id", ee_bytes(&suite->id, 1));
    memcpy(out, fingerprint, EE_KEY_ID_BYTES);
}

/* Derived when the parent's first subject is met, and kept beside it. */
static int ready(struct ee_ossl *ossl, struct ee_kek *parent)
{
    uint8_t key[EE_KEY_BYTES]; /* secret: wiped below */
    int rc = EE_OK;

    if (!parent->has_subjects) {
        ee_kdf(key, parent->kek, "kek-subject",
               ee_bytes(&parent->suite->id, 1));
        if (parent->suite->wrap_init(ossl, &parent->subjects, key) != 0) {
            rc = EE_INTERNAL;
        }
        parent->has_subjects = rc == EE_OK;
        ee_wipe(key, sizeof key);
    }
    return rc;
}

int ee_subject_wrap(struct ee_ossl *ossl, struct ee_kek *parent, uint8_t *out,
                    const uint8_t *nonce, struct ee_bytes aad,
                    const uint8_t *kek)
{
    int rc = ready(ossl, parent);

    if (rc == EE_OK &&
        parent->suite->wrap(ossl, &parent->subjects, out, nonce, aad,
                            ee_bytes(kek, EE_KEY_BYTES)) != 0) {
        rc = EE_INTERNAL;
    }
    return rc;
}

int ee_subject_unwrap(struct ee_kek **out, struct ee_ossl *ossl,
                      struct ee_kek *parent, const uint8_t *key_id,
                      const uint8_t *nonce, struct ee_bytes aad,
                      const uint8_t *wrapped, struct ee_error *err)
{
    uint8_t kek[EE_KEY_BYTES]; /* secret: wiped below */
    int rc = ready(ossl, parent);

    *out = NULL;
    if (rc != EE_OK) {
        return ee_fail(err, rc, "OpenSSL could not load a key");
    }
    if (parent->suite->unwrap(ossl, &parent->subjects, kek, nonce, aad,
                              ee_bytes(wrapped, EE_WRAPPED_BYTES)) != 0) {
        rc = EE_AUTH; /* the caller knows the key's name */
    } else {
        rc = ee_kek_new_subject(out, ossl, parent, key_id, kek, err);
    }
    ee_wipe(kek, sizeof kek);
    return rc;
}
