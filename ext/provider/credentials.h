/* SPDX-License-Identifier: MIT
 *
 * credentials.h: what this process would unlock CMKs with, as 32 bytes to
 * compare.
 */
#ifndef EE_PROVIDER_CREDENTIALS_H
#define EE_PROVIDER_CREDENTIALS_H

#include "base/bytes.h"

#include <stdbool.h>

/* A MAC under key (EE_KEY_BYTES) over the effective user and group, and over
 * each secret of secret_source.h that is set: its value, or the path, identity
 * and times of its file. out: EE_MAC_BYTES; tells nothing without the key.
 * False when none is set, or one cannot be told. */
bool ee_credentials_digest(uint8_t *out, const uint8_t *key);

#endif
