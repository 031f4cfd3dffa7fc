/* SPDX-License-Identifier: MIT
 *
 * module.h: files with more providers, shipped beside envelope.so and loaded
 * when the first URI needs one.
 *
 * A module is looked for in one place, the folder that envelope.so itself was
 * loaded from. No setting, no search path and no database can name another one.
 * It is never unloaded.
 */
#ifndef EE_PROVIDER_MODULE_H
#define EE_PROVIDER_MODULE_H

#include "base/status.h"
#include "envelope_provider.h"

#include <stdbool.h>

/* Where is this file? Called when the extension is loaded, since its path may
 * be relative to a folder that the process leaves later. */
void ee_module_locate(void);

/* Is the module's file there? Loads nothing. */
bool ee_module_is_there(const char *module);

/* *list: the module's providers, ending with NULL, for as long as the process
 * lives. EE_CONFIG: it is not there, or not one. scheme: that it is needed for.
 */
int ee_module_load(const struct envelope_provider *const **list,
                   const char *module, const char *scheme,
                   struct ee_error *err) EE_CHECKED;

#endif
