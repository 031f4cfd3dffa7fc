/* SPDX-License-Identifier: MIT
 *
 * rewrap_batch.h: wraps brought under the current version of their CMK by its
 * provider, all of a key's versions in one call, where it can do that.
 */
#ifndef EE_KEYS_REWRAP_BATCH_H
#define EE_KEYS_REWRAP_BATCH_H

#include "keys/draft.h"

/* For each wrap that a draft has seen, whose provider rewraps: puts the new one
 * into draft->made, unwrapped and compared. Where that fails, or the provider
 * has no such thing, it stays NULL, and the caller wraps the payload instead. A
 * failure is one that asking again cannot mend. drafts: of one schema. */
int ee_rewrap_batches(struct ee_keys *k, const char *schema,
                      struct ee_draft *const *drafts, size_t count,
                      struct ee_error *err) EE_CHECKED;

#endif
