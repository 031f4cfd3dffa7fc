/* SPDX-License-Identifier: MIT
 *
 * settings.h: what the environment says about PKCS#11, and the mechanisms.
 * Neither SQL nor a database can set any of it.
 */
#ifndef EE_PKCS11_SETTINGS_H
#define EE_PKCS11_SETTINGS_H

#include "base/status.h"

#include <stdbool.h>

#define EE_P11_PATH_MAX 512  /* with its NUL */
#define EE_P11_ARGS_MAX 1024 /* with its NUL */

/* As stored in a wrap. The first that the key and the session allow is used. */
enum ee_p11_mechanism {
    EE_P11_AES_GCM = 1,
    EE_P11_AES_KEY_WRAP = 2, /* RFC 3394, without padding */
    EE_P11_RSA_OAEP_SHA256 = 3,
    EE_P11_RSA_OAEP_SHA1 = 4,
    EE_P11_MECHANISMS
};

/* Copies: the environment may change while a module works. */
struct ee_p11_settings {
    char module[EE_P11_PATH_MAX];    /* absolute; "": those that p11-kit has */
    char init_args[EE_P11_ARGS_MAX]; /* for the module's C_Initialize, or "" */
    unsigned mechanisms;             /* 1 << enum ee_p11_mechanism: allowed */
    bool unprotected; /* wrap under a key that could leave its token */
};

/* EE_CONFIG when something set is unusable. */
int ee_p11_settings_read(struct ee_p11_settings *out,
                         struct ee_error *err) EE_CHECKED;

const char *ee_p11_mechanism_name(int mechanism); /* "aes-gcm" */

#endif
