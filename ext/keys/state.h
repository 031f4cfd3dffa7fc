/* SPDX-License-Identifier: MIT
 *
 * state.h: a change of the state of a key, of all versions of a name or of
 * one. For state.c, and for destroy.c, which does more to each version.
 */
#ifndef EE_KEYS_STATE_H
#define EE_KEYS_STATE_H

#include "keys/keys.h"

struct ee_state_change {
    struct ee_keys *k;
    struct ee_key_entry *e; /* the current version, pinned: has the secret S */
    bool one;               /* only the version of this key id */
    uint8_t key_id[EE_KEY_ID_BYTES];
    uint32_t version; /* with `one`: its version */
    uint8_t state;    /* enum ee_key_state */
    uint64_t generation;
    size_t count; /* records changed */
    /* What else happens to each version, inside the write; or NULL. */
    int (*also)(struct ee_state_change *c, const struct ee_key_record *old,
                struct ee_error *err);
};

/* Finds what is meant by a name, or by the 16 hex digits of one version. k and
 * state are set; clear afterwards, also on failure. */
int ee_state_change_find(struct ee_state_change *c, const char *name, size_t n,
                         struct ee_error *err) EE_CHECKED;
/* Is it one version, and not the current one? */
bool ee_state_change_is_old(const struct ee_state_change *c);
int ee_state_change_write(struct ee_state_change *c,
                          struct ee_error *err) EE_CHECKED;
void ee_state_change_clear(struct ee_state_change *c);

/* What of these wraps, which were deleted, may still be found (destroy.c). */
enum ee_leftover ee_keys_look_for_wraps(struct ee_keys *k, const char *schema,
                                        const struct ee_wrap *wraps);

#endif
