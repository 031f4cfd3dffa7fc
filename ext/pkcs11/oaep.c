/* SPDX-License-Identifier: MIT
 *
 * oaep.c: RSAES-OAEP (RFC 8017 section 7.1) without a label: TPMs take none.
 *
 * Wrapping needs the public half alone. With SHA-256 it is done here: some
 * modules' C_Encrypt gives a wrong length. The modulus is the private key
 * object's: an object with the public half can be made without a PIN. What was
 * made is decrypted by the token at once. So no key is wrapped that it could
 * not unwrap, be it that it does not know SHA-256 here.
 */
#include "pkcs11/mechanism.h"

#include "base/secret.h"
#include "crypto/rsa.h"
#include "pkcs11/rv.h"

#include <string.h>

/* The public half, big-endian, without zeros in front. */
struct public
{
    uint8_t modulus[EE_P11_RSA_BYTES_MAX + 8];
    uint8_t exponent[16];
    struct ee_bytes n;
    struct ee_bytes e;
};

static CK_RV attribute(struct ee_bytes *number, struct ee_p11_work *w,
                       uint8_t *out, size_t size, CK_ATTRIBUTE_TYPE type)
{
    size_t n = size;
    size_t zeros = 0;
    CK_RV rv = ee_p11_key_attribute(out, &n, w->f, w->session,
                                    w->cmk->key.handle, type);

    while (zeros < n && out[zeros] == 0) {
        zeros++;
    }
    *number = ee_bytes(out + zeros, n - zeros);
    return rv == CKR_BUFFER_TOO_SMALL ? CKR_OK : rv; /* then it is empty */
}

static int read_public(struct ee_p11_work *w, struct public *p,
                       struct ee_error *err)
{
    CK_RV rv = attribute(&p->n, w, p->modulus, sizeof p->modulus, CKA_MODULUS);

    if (rv == CKR_OK) {
        rv = attribute(&p->e, w, p->exponent, sizeof p->exponent,
                       CKA_PUBLIC_EXPONENT);
    }
    if (rv != CKR_OK) {
        return ee_p11_work_fail(w, rv, "tell the public half of the key", err);
    }
    if (p->n.n != w->cmk->key.bytes || p->e.n == 0 ||
        (p->e.p[p->e.n - 1] & 1) == 0) {
        return ee_fail(err, EE_CONFIG,
                       "the private key on the token does not show its "
                       "modulus and public exponent: make the pair anew, or "
                       "name another key");
    }
    return EE_OK;
}

static CK_RSA_PKCS_OAEP_PARAMS params(int mechanism)
{
    const bool sha1 = mechanism == EE_P11_RSA_OAEP_SHA1;

    return (CK_RSA_PKCS_OAEP_PARAMS){.hashAlg = sha1 ? CKM_SHA_1 : CKM_SHA256,
                                     .mgf =
                                         sha1 ? CKG_MGF1_SHA1 : CKG_MGF1_SHA256,
                                     .source = CKZ_DATA_SPECIFIED};
}

/* ---- sealing ---- */

static int seal_here(const struct public *p, uint8_t *carried,
                     const struct ee_p11_local *local, struct ee_error *err)
{
    uint8_t modulus[EE_P11_RSA_BYTES_MAX];
    uint8_t exponent[sizeof p->exponent];
    const struct ee_bytes numbers[] = {ee_bytes(modulus, p->n.n),
                                       ee_bytes(exponent, p->e.n)};
    struct evp_pkey_st *rsa = NULL;
    int rc = -1;

    memcpy(modulus, p->n.p, p->n.n);
    memcpy(exponent, p->e.p, p->e.n);
    ee_rsa_native(modulus, p->n.n);
    ee_rsa_native(exponent, p->e.n);
    rsa = ee_rsa_new(numbers, false);
    if (rsa != NULL) {
        rc = ee_rsa_seal(rsa, p->n.n, carried, ee_bytes(NULL, 0),
                         ee_bytes(local->key, sizeof local->key));
    }
    ee_rsa_free(rsa);
    return rc == 0 ? EE_OK
                   : ee_fail(err, EE_NOMEM,
                             "OpenSSL cannot encrypt to the token's RSA key");
}

/* OAEP with SHA-1 is not among what crypto/ does; the token does it, with a
 * public key that lives as long as the session. */
static int seal_there(struct ee_p11_work *w, const struct public *p,
                      uint8_t *carried, struct ee_p11_local *local,
                      struct ee_error *err)
{
    static CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    static CK_KEY_TYPE type = CKK_RSA;
    static CK_BBOOL yes = CK_TRUE;
    static CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE object[] = {{CKA_CLASS, &class, sizeof class},
                             {CKA_KEY_TYPE, &type, sizeof type},
                             {CKA_TOKEN, &no, sizeof no},
                             {CKA_ENCRYPT, &yes, sizeof yes},
                             {CKA_MODULUS, (uint8_t *)p->n.p, p->n.n},
                             {CKA_PUBLIC_EXPONENT, (uint8_t *)p->e.p, p->e.n}};
    CK_RSA_PKCS_OAEP_PARAMS oaep = params(EE_P11_RSA_OAEP_SHA1);
    CK_MECHANISM m = {CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep};
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    CK_ULONG n = p->n.n;
    CK_RV rv = w->f->C_CreateObject(w->session, object,
                                    sizeof object / sizeof *object, &handle);

    if (rv == CKR_OK) {
        rv = w->f->C_EncryptInit(w->session, &m, handle);
    }
    if (rv == CKR_OK) {
        rv = w->f->C_Encrypt(w->session, local->key, sizeof local->key, carried,
                             &n);
    }
    if (handle != CK_INVALID_HANDLE) {
        (void)w->f->C_DestroyObject(w->session, handle);
    }
    return rv == CKR_OK ? EE_OK
                        : ee_p11_work_fail(w, rv, "encrypt by RSA-OAEP", err);
}

/* ---- opening ---- */

static CK_RV decrypt_init(struct ee_p11_work *w, int mechanism)
{
    CK_RSA_PKCS_OAEP_PARAMS oaep = params(mechanism);
    CK_MECHANISM m = {CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep};

    return w->f->C_DecryptInit(w->session, &m, w->cmk->key.handle);
}

/* Tokens that offer RSA-OAEP do not say with which hashes before they are asked
 * to begin. */
static bool is_other_hash(CK_RV rv)
{
    return rv == CKR_ARGUMENTS_BAD || rv == CKR_MECHANISM_INVALID ||
           rv == CKR_MECHANISM_PARAM_INVALID;
}

bool ee_p11_oaep_is_taken(struct ee_p11_work *w, int mechanism)
{
    return !is_other_hash(decrypt_init(w, mechanism));
}

static int not_begun(struct ee_p11_work *w, int mechanism, CK_RV rv,
                     struct ee_error *err)
{
    const bool sha1 = mechanism == EE_P11_RSA_OAEP_SHA1;

    if (!is_other_hash(rv)) {
        return ee_p11_work_fail(w, rv, "decrypt by RSA-OAEP", err);
    }
    return ee_fail(err, EE_CONFIG,
                   "the token does not decrypt by %s (0x%lX): for this RSA key "
                   "add %s to ENVELOPE_PKCS11_MECHANISMS in the environment "
                   "(unset, it is: aes-gcm aes-key-wrap rsa-oaep-sha256), or "
                   "name an AES key",
                   ee_p11_mechanism_name(mechanism), rv,
                   ee_p11_mechanism_name(sha1 ? EE_P11_RSA_OAEP_SHA256
                                              : EE_P11_RSA_OAEP_SHA1));
}

/* EE_AUTH also when the token takes these parameters for wrong only now. */
static int decrypt(struct ee_p11_work *w, int mechanism,
                   struct ee_p11_local *local, struct ee_bytes carried,
                   struct ee_error *err)
{
    CK_ULONG n = sizeof local->scratch;
    CK_RV rv = decrypt_init(w, mechanism);

    if (rv != CKR_OK) {
        return not_begun(w, mechanism, rv, err);
    }
    rv = w->f->C_Decrypt(w->session, (uint8_t *)carried.p, carried.n,
                         local->scratch, &n);
    if (rv != CKR_OK) {
        return ee_p11_not_opened(w, rv, err);
    }
    return n == EE_KEY_BYTES ? EE_OK : ee_fail_auth(err, "a wrap");
}

int ee_p11_oaep_unwrap(struct ee_p11_work *w, int mechanism,
                       struct ee_p11_local *local, struct ee_bytes carried,
                       struct ee_error *err)
{
    int rc = carried.n == w->cmk->key.bytes
                 ? decrypt(w, mechanism, local, carried, err)
                 : ee_fail_auth(err, "a wrap");

    if (rc == EE_OK) {
        memcpy(local->key, local->scratch, sizeof local->key);
    }
    return rc;
}

int ee_p11_oaep_wrap(struct ee_p11_work *w, int mechanism, uint8_t *carried,
                     struct ee_p11_local *local, struct ee_error *err)
{
    struct public p;
    int rc = read_public(w, &p, err);

    if (rc == EE_OK) {
        rc = mechanism == EE_P11_RSA_OAEP_SHA256
                 ? seal_here(&p, carried, local, err)
                 : seal_there(w, &p, carried, local, err);
    }
    if (rc == EE_OK) {
        rc = decrypt(w, mechanism, local, ee_bytes(carried, p.n.n), err);
    }
    if (rc == EE_AUTH || (rc == EE_OK && !ee_equal(local->scratch, local->key,
                                                   sizeof local->key))) {
        rc = ee_fail(err, EE_CONFIG,
                     "the token cannot decrypt what was encrypted to its RSA "
                     "key by %s: name another key, or allow another mechanism "
                     "in ENVELOPE_PKCS11_MECHANISMS",
                     ee_p11_mechanism_name(mechanism));
    }
    return rc;
}
