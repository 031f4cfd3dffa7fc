/* SPDX-License-Identifier: MIT
 *
 * smaps.h: what the kernel says about a page of this process.
 */
#ifndef TESTS_UNIT_SMAPS_H
#define TESTS_UNIT_SMAPS_H

#include <stdbool.h>

/* Is this two-letter flag among the VmFlags of the mapping that p is in? */
bool smaps_has(const void *p, const char *flag);

#endif
