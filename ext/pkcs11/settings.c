/* SPDX-License-Identifier: MIT
 *
 * settings.c: reads the environment. secure_getenv() sees nothing in a
 * set-user-ID program.
 */
#include "pkcs11/settings.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const char *const mechanism_names[EE_P11_MECHANISMS] = {
    [EE_P11_AES_GCM] = "aes-gcm",
    [EE_P11_AES_KEY_WRAP] = "aes-key-wrap",
    [EE_P11_RSA_OAEP_SHA256] = "rsa-oaep-sha256",
    [EE_P11_RSA_OAEP_SHA1] = "rsa-oaep-sha1"};

const char *ee_p11_mechanism_name(int mechanism)
{
    return mechanism > 0 && mechanism < EE_P11_MECHANISMS
               ? mechanism_names[mechanism]
               : "unknown";
}

static int mechanism_of(struct ee_bytes word)
{
    for (int i = 1; i < EE_P11_MECHANISMS; i++) {
        if (strlen(mechanism_names[i]) == word.n &&
            strncmp(mechanism_names[i], (const char *)word.p, word.n) == 0) {
            return i;
        }
    }
    return 0;
}

static int read_mechanisms(unsigned *out, struct ee_error *err)
{
    const char *text = secure_getenv("ENVELOPE_PKCS11_MECHANISMS");
    struct ee_bytes word;

    /* SHA-1 is sound in OAEP, but not wanted where it can be avoided */
    *out = 1U << EE_P11_AES_GCM | 1U << EE_P11_AES_KEY_WRAP |
           1U << EE_P11_RSA_OAEP_SHA256;
    if (text == NULL) {
        return EE_OK;
    }
    *out = 0;
    while (ee_next_word(&text, &word)) {
        const int m = mechanism_of(word);

        if (m == 0) {
            *out = 0;
            break;
        }
        *out |= 1U << m;
    }
    if (*out == 0) {
        return ee_fail(err, EE_CONFIG,
                       "ENVELOPE_PKCS11_MECHANISMS must list mechanisms, with "
                       "blanks between them, of: aes-gcm aes-key-wrap "
                       "rsa-oaep-sha256 rsa-oaep-sha1");
    }
    return EE_OK;
}

static int copy(char *out, size_t size, const char *name, const char *value,
                struct ee_error *err)
{
    const size_t n = value != NULL ? strlen(value) : 0;

    out[0] = '\0';
    if (n >= size) {
        return ee_fail(err, EE_CONFIG, "%s is longer than %zu bytes", name,
                       size - 1);
    }
    if (n > 0) {
        memcpy(out, value, n + 1);
    }
    return EE_OK;
}

/* A relative path would be looked for where p11-kit keeps modules. */
static int read_module(struct ee_p11_settings *out, struct ee_error *err)
{
    const char *module = secure_getenv("ENVELOPE_PKCS11_MODULE");
    const char *init_args = secure_getenv("ENVELOPE_PKCS11_INIT_ARGS");
    int rc = EE_OK;

    if (module != NULL && module[0] != '/') {
        return ee_fail(err, EE_CONFIG,
                       "ENVELOPE_PKCS11_MODULE must be the absolute path of a "
                       "PKCS#11 module, such as /usr/lib/softhsm/"
                       "libsofthsm2.so");
    }
    if (init_args != NULL && module == NULL) {
        return ee_fail(err, EE_CONFIG,
                       "ENVELOPE_PKCS11_INIT_ARGS is for one module: set "
                       "ENVELOPE_PKCS11_MODULE, too, or unset it");
    }
    rc = copy(out->module, sizeof out->module, "ENVELOPE_PKCS11_MODULE", module,
              err);
    return rc != EE_OK ? rc
                       : copy(out->init_args, sizeof out->init_args,
                              "ENVELOPE_PKCS11_INIT_ARGS", init_args, err);
}

int ee_p11_settings_read(struct ee_p11_settings *out, struct ee_error *err)
{
    const char *unprotected =
        secure_getenv("ENVELOPE_PKCS11_ALLOW_UNPROTECTED");
    int rc = read_module(out, err);

    if (rc == EE_OK) {
        rc = read_mechanisms(&out->mechanisms, err);
    }
    out->unprotected = unprotected != NULL && strcmp(unprotected, "1") == 0;
    if (rc == EE_OK && unprotected != NULL && !out->unprotected &&
        strcmp(unprotected, "0") != 0) {
        rc = ee_fail(err, EE_CONFIG,
                     "ENVELOPE_PKCS11_ALLOW_UNPROTECTED must be 0 or 1");
    }
    return rc;
}
