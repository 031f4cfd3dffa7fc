/* SPDX-License-Identifier: MIT
 *
 * mechanism.h: what a token does with its key, for each mechanism.
 *
 * AES-GCM encrypts the payload itself. The others have no associated data, so
 * they carry a local key: 32 fresh bytes, under which the payload is sealed
 * here (wrap.c).
 */
#ifndef EE_PKCS11_MECHANISM_H
#define EE_PKCS11_MECHANISM_H

#include "pkcs11/session.h"
#include "pkcs11/wrap_format.h"

/* Is the mechanism for keys of this type? */
bool ee_p11_mechanism_fits(int mechanism, CK_KEY_TYPE type);

/* Do the session, the key and the token allow it? Asks the token. */
bool ee_p11_mechanism_usable(struct ee_p11_work *w, int mechanism);

/* Draws iv, but a token may put its own in its place. sealed: of
 * EE_P11_SEALED_BYTES. */
int ee_p11_gcm_seal(struct ee_p11_work *w, uint8_t *iv, uint8_t *sealed,
                    struct ee_bytes aad, const uint8_t *payload,
                    struct ee_error *err) EE_CHECKED;
/* payload is the caller's to wipe after a failure. */
int ee_p11_gcm_open(struct ee_p11_work *w, uint8_t *payload,
                    const struct ee_p11_wrap *wrap, struct ee_bytes aad,
                    struct ee_error *err) EE_CHECKED;

/* Secret: an arena cell. */
struct ee_p11_local {
    uint8_t key[EE_KEY_BYTES];
    uint8_t scratch[EE_P11_RSA_BYTES_MAX]; /* what a token decrypts */
};

/* carried: of EE_P11_KW_BYTES, or of the modulus. */
int ee_p11_kw_wrap(struct ee_p11_work *w, uint8_t *carried,
                   struct ee_p11_local *local, struct ee_error *err) EE_CHECKED;
int ee_p11_kw_unwrap(struct ee_p11_work *w, struct ee_p11_local *local,
                     struct ee_bytes carried, struct ee_error *err) EE_CHECKED;

int ee_p11_oaep_wrap(struct ee_p11_work *w, int mechanism, uint8_t *carried,
                     struct ee_p11_local *local,
                     struct ee_error *err) EE_CHECKED;
int ee_p11_oaep_unwrap(struct ee_p11_work *w, int mechanism,
                       struct ee_p11_local *local, struct ee_bytes carried,
                       struct ee_error *err) EE_CHECKED;

/* Does the token take this hash with OAEP? Asking leaves the session with a
 * decryption that has begun: good for nothing else. */
bool ee_p11_oaep_is_taken(struct ee_p11_work *w, int mechanism);

/* What a failed decryption says: trouble with the token, or a wrap that is not
 * authentic. */
int ee_p11_not_opened(struct ee_p11_work *w, CK_RV rv, struct ee_error *err);

#endif
