/* SPDX-License-Identifier: MIT
 *
 * keyring.h: the provider of `keyring:` URIs, the embedded default.
 *
 * CMKs lie in a small SQLite database of their own, encrypted under a
 * passphrase or a key file. KEYRING.md is the format.
 */
#ifndef EE_PROVIDER_KEYRING_H
#define EE_PROVIDER_KEYRING_H

#include "provider/provider.h"

extern const struct ee_provider_class ee_keyring_provider;

#endif
