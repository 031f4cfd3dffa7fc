/* SPDX-License-Identifier: MIT
 *
 * module.c: what this module has.
 */
#include "kms/aws_kms.h"

#include <stddef.h>

__attribute__((visibility("default"))) const struct envelope_provider *const *
envelope_module_providers(void);

const struct envelope_provider *const *envelope_module_providers(void)
{
    static const struct envelope_provider *const providers[] = {
        &ee_aws_kms_provider, NULL};

    return providers;
}
