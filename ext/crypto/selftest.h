/* SPDX-License-Identifier: MIT
 *
 * selftest.h: do the two libraries agree, and do they give known answers?
 *
 * Runs once for the process, before the first key is used. libsodium's,
 * OpenSSL's and our own AES must give the bytes of a published vector; a
 * library that does not is never used (fail closed).
 */
#ifndef EE_CRYPTO_SELFTEST_H
#define EE_CRYPTO_SELFTEST_H

#include "base/status.h"
#include "crypto/ossl.h"

/* EE_OK, or EE_INTERNAL with the name of the check that failed. Later calls
 * return the first one's result. */
int ee_selftest(struct ee_ossl *ossl, struct ee_error *err) EE_CHECKED;

#endif
