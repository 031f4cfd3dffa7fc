/* SPDX-License-Identifier: MIT
 *
 * module.c: the providers of envelope_kms.so.
 */
#include "envelope_provider.h"
#include "kms/aws_kms.h"
#include "kms/vault.h"

#include <stddef.h>

#define EXPORTED __attribute__((visibility("default")))

/* ENVELOPE_MODULE_ENTRY */
EXPORTED const struct envelope_provider *const *envelope_module_providers(void);

const struct envelope_provider *const *envelope_module_providers(void)
{
    static const struct envelope_provider *const providers[] = {
        &ee_vault_provider,
        &ee_aws_kms_provider,
        NULL,
    };

    return providers;
}
