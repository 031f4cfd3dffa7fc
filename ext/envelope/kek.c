/* SPDX-License-Identifier: MIT
 *
 * kek.c: loads a key-encryption key into the arena.
 */
#include "envelope/kek.h"

#include "base/secret.h"
#include "crypto/kdf.h"

#include <string.h>

_Static_assert(sizeof(struct ee_kek) <= EE_CELL_BYTES, "a KEK is one cell");

/* All but the key id and the fingerprint. NULL: the error is filled. */
static struct ee_kek *fill(struct ee_ossl *ossl, const struct ee_suite *suite,
                           const uint8_t *kek, const uint8_t *name_secret,
                           struct ee_error *err)
{
    uint8_t kw[EE_KEY_BYTES]; /* secret: wiped below */
    struct ee_kek *k = ee_cell_new();
    int rc = 0;

    if (k == NULL) {
        (void)ee_fail(err, EE_NOMEM, "out of memory for keys");
        return NULL;
    }
    memcpy(k->kek, kek, EE_KEY_BYTES);
    memcpy(k->name_secret, name_secret, EE_KEY_BYTES);
    ee_kdf(kw, kek, "kek-wrap", ee_bytes(&suite->id, 1));
    rc = suite->wrap_init(ossl, &k->wrap, kw);
    ee_wipe(kw, sizeof kw);
    if (rc != 0) {
        ee_kek_free(k);
        (void)ee_fail(err, EE_INTERNAL, "OpenSSL could not load a key");
        return NULL;
    }
    k->suite = suite;
    return k;
}

int ee_kek_new(struct ee_kek **out, struct ee_ossl *ossl,
               const struct ee_suite *suite, const uint8_t *kek,
               const uint8_t *name_secret, struct ee_error *err)
{
    struct ee_kek *k = fill(ossl, suite, kek, name_secret, err);

    *out = k;
    if (k == NULL) {
        return err->code;
    }
    ee_kdf(k->fingerprint, kek, "kek-id", ee_bytes(&suite->id, 1));
    memcpy(k->key_id, k->fingerprint, EE_KEY_ID_BYTES); /* FORMAT R10 */
    return EE_OK;
}

int ee_kek_new_subject(struct ee_kek **out, struct ee_ossl *ossl,
                       const struct ee_kek *parent, const uint8_t *key_id,
                       const uint8_t *kek, struct ee_error *err)
{
    struct ee_kek *k = fill(ossl, parent->suite, kek, parent->name_secret, err);

    *out = k;
    if (k == NULL) {
        return err->code;
    }
    memcpy(k->key_id, key_id, EE_KEY_ID_BYTES);
    memcpy(k->fingerprint, key_id, EE_KEY_ID_BYTES);
    return EE_OK;
}

void ee_kek_free(struct ee_kek *kek)
{
    ee_cell_free(kek);
}

bool ee_kek_usable(const struct ee_kek *kek)
{
    return kek != NULL && kek->suite != NULL;
}

bool ee_kek_same_name(const struct ee_kek *a, const struct ee_kek *b)
{
    return ee_equal(a->name_secret, b->name_secret, EE_KEY_BYTES);
}

void ee_kek_name_id(uint8_t out[EE_NAME_ID_BYTES], const struct ee_kek *kek)
{
    uint8_t id[EE_KEY_BYTES]; /* public: not wiped */

    ee_kdf(id, kek->name_secret, "name-id", ee_bytes(NULL, 0));
    memcpy(out, id, EE_NAME_ID_BYTES);
}
