/* SPDX-License-Identifier: MIT
 *
 * shared.h: loaded keys that connections of this process share, when they ask
 * for it (the setting cache_shared).
 *
 * It is a store of payloads and nothing else: a connection that takes one out
 * verifies the key's record as if a provider had given it. A payload is found
 * by the database file, the key, the CMK that gave it, and the credentials that
 * are set at that moment (provider/credentials.h): who could not have asked
 * that CMK gets nothing. Where no credential is set nothing is shared.
 */
#ifndef EE_KEYS_SHARED_H
#define EE_KEYS_SHARED_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define EE_SHARED_MAX 256 /* keys, one arena cell each; the oldest goes */

/* One more connection shares, or one less. With the last one all is wiped. */
void ee_shared_join(void);
void ee_shared_leave(void);

/* Where a key belongs, as a MAC that tells nothing. */
struct ee_shared_place {
    uint8_t mac[32];
    const uint8_t *fingerprint; /* borrowed */
};

/* False: what belongs there is not shared. file: of the database. cmk: its URI
 * as stored. */
bool ee_shared_place(struct ee_shared_place *out, const char *file,
                     const uint8_t *fingerprint, const char *cmk);

/* payload: EE_PAYLOAD_BYTES, secret, the caller wipes it. *loaded: when a CMK
 * gave it (ee_coarse_ms()), not before oldest. False: there is none. */
bool ee_shared_get(const struct ee_shared_place *place, int64_t oldest,
                   uint8_t *payload, int64_t *loaded);
/* Wipes what is older. */
void ee_shared_sweep(int64_t oldest);

/* Where there is no memory for it, it is not kept. kek and name_secret:
 * EE_KEY_BYTES. */
void ee_shared_put(const struct ee_shared_place *place, const uint8_t *kek,
                   const uint8_t *name_secret, int64_t loaded);

/* ---- for the other list of this process, seal_only_share.c ---- */

/* fork() takes the lock, too. The arena's lock may be taken inside. */
void ee_shared_lock(void);
void ee_shared_unlock(void);

/* ---- */

/* Wipes a key that was destroyed, whoever put it there. key_id:
 * EE_KEY_ID_BYTES. */
void ee_shared_forget(const uint8_t *key_id);

#endif
