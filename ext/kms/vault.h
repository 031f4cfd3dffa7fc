/* SPDX-License-Identifier: MIT
 *
 * vault.h: the provider of vault: URIs. provider/VAULT.md is for users.
 */
#ifndef EE_KMS_VAULT_H
#define EE_KMS_VAULT_H

#include "envelope_provider.h"

extern const struct envelope_provider ee_vault_provider;

#endif
