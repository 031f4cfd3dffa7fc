/* SPDX-License-Identifier: MIT
 *
 * heap.h: the heap of this module, of libcurl and of jansson: whatever is
 * freed is wiped first.
 *
 * Requests and replies hold keys and tokens, and both libraries copy them.
 */
#ifndef EE_KMS_HEAP_H
#define EE_KMS_HEAP_H

#include "base/status.h"
#include "envelope_provider.h"

/* n zeroed bytes, or NULL. */
void *ee_kms_new(size_t n) EE_CHECKED;

/* Wipes. NULL-safe. */
void ee_kms_free(void *p);

/* How often this heap had nothing to give. Both libraries tell of that as of
 * anything else, such as bad syntax: when this grew meanwhile, memory ran out.
 * (An allocation of another thread that failed counts, too.) */
unsigned long ee_kms_heap_failures(void);

/* Has both libraries use this heap, unless the application gave them one of
 * its own before. Every way into the module that leads to one of them comes
 * through here; the first call in the process does it. */
int ee_kms_libraries(struct envelope_call *call) EE_CHECKED;

#endif
