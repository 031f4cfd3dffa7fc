/* SPDX-License-Identifier: MIT
 *
 * kek.h: one key-encryption key, ready for use, and the secret of its name.
 *
 * Lives in one arena cell. Everything that a row needs is derived here once,
 * when the key is loaded (FORMAT section 3).
 */
#ifndef EE_ENVELOPE_KEK_H
#define EE_ENVELOPE_KEK_H

#include "base/status.h"
#include "crypto/suite.h"

#include <stdbool.h>

/* Scopes longer than this are derived again for every value. */
#define EE_SCOPE_CACHED_MAX 128

struct ee_kek {
    const struct ee_suite *suite; /* NULL when wiped by a fork: not usable */
    uint8_t key_id[EE_KEY_ID_BYTES];
    uint8_t fingerprint[EE_MAC_BYTES]; /* F; of a subject only the key id */
    struct ee_wrap_key wrap;
    struct ee_wrap_key subjects; /* wraps KEKs under this one, FORMAT R51 */
    bool has_subjects;           /* derived already */
    uint8_t kek[EE_KEY_BYTES];
    uint8_t name_secret[EE_KEY_BYTES]; /* S */
    struct {                           /* the last scope's index key */
        size_t n;                      /* 0: none yet */
        uint8_t scope[EE_SCOPE_CACHED_MAX];
        uint8_t key[EE_KEY_BYTES];
    } index;
};

/* A new cell holding kek and name_secret (EE_KEY_BYTES each, copied; the
 * caller wipes its own). EE_NOMEM or EE_INTERNAL (OpenSSL failed). */
int ee_kek_new(struct ee_kek **out, struct ee_ossl *ossl,
               const struct ee_suite *suite, const uint8_t *kek,
               const uint8_t *name_secret, struct ee_error *err) EE_CHECKED;
/* The same for the KEK of a data subject, with the suite and the name secret of
 * its parent, and a key id that was authenticated already (FORMAT R53). */
int ee_kek_new_subject(struct ee_kek **out, struct ee_ossl *ossl,
                       const struct ee_kek *parent, const uint8_t *key_id,
                       const uint8_t *kek, struct ee_error *err) EE_CHECKED;
void ee_kek_free(struct ee_kek *kek); /* NULL-safe; wipes */

/* Versions of one name share its secret (FORMAT section 8). */
bool ee_kek_same_name(const struct ee_kek *a, const struct ee_kek *b);

#define EE_NAME_ID_BYTES 16

/* The public identity of the key's name (FORMAT R40). */
void ee_kek_name_id(uint8_t out[EE_NAME_ID_BYTES], const struct ee_kek *kek);

/* False in a child that forked after the key was loaded. */
bool ee_kek_usable(const struct ee_kek *kek);

#endif
