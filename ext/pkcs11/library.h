/* SPDX-License-Identifier: MIT
 *
 * library.h: the PKCS#11 modules of this process.
 *
 * A module that was loaded stays loaded and initialized as long as the process
 * lives: C_Finalize ends it for every thread, and some modules take their
 * cryptographic library down with them. p11-kit shares it with others in the
 * process who use p11-kit.
 */
#ifndef EE_PKCS11_LIBRARY_H
#define EE_PKCS11_LIBRARY_H

#include "pkcs11/turn.h"

#include <p11-kit/pkcs11.h>
#include <stddef.h>

#define EE_P11_LIBRARIES_MAX 32

struct ee_p11_libraries {
    CK_FUNCTION_LIST *f[EE_P11_LIBRARIES_MAX];
    size_t n; /* at least 1 */
};

/* Loads what the settings of the job name, unless it is loaded, and initializes
 * what is not initialized: all in a child of fork(), and what somebody else in
 * the process has finalized. */
int ee_p11_libraries_get(struct ee_p11_libraries *out, struct ee_p11_job *job,
                         struct ee_error *err) EE_CHECKED;

/* Did the module not notice that this is a child of the process that started
 * it? Then it goes on with its parent's state. */
bool ee_p11_library_is_inherited(CK_FUNCTION_LIST *f);

#endif
