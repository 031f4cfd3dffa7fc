/* SPDX-License-Identifier: MIT
 *
 * pem.h: the provider of `pem:` URIs: a public or private key in a file.
 *
 * Who has the public key wraps, who has the private key unwraps. PEM.md is
 * the format.
 */
#ifndef EE_PROVIDER_PEM_H
#define EE_PROVIDER_PEM_H

#include "provider/provider.h"

extern const struct ee_provider_class ee_pem_provider;

#endif
