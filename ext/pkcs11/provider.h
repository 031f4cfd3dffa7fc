/* SPDX-License-Identifier: MIT
 *
 * provider.h: the provider pkcs11:, as envelope_provider.h wants it.
 */
#ifndef EE_PKCS11_PROVIDER_H
#define EE_PKCS11_PROVIDER_H

#include "envelope_provider.h"

extern const struct envelope_provider ee_pkcs11_provider;

/* What the core asks the loaded module for: ENVELOPE_MODULE_ENTRY. */
const struct envelope_provider *const *envelope_module_providers(void);

#endif
