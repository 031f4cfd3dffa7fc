/* SPDX-License-Identifier: MIT
 *
 * record.h: a key version's record and its name's manifest, FORMAT section 8.
 *
 * Plain data and the tags over it; no SQL. The database may be written by an
 * attacker: nothing here is believed before its tags are checked.
 */
#ifndef EE_KEYS_RECORD_H
#define EE_KEYS_RECORD_H

#include "base/bytes.h"
#include "base/status.h"

#include <stdbool.h>

#define EE_NAME_MAX 128 /* bytes of a key name, with its NUL */

enum ee_key_state {
    EE_STATE_ACTIVE = 1,
    EE_STATE_DECRYPT_ONLY = 2,
    EE_STATE_DISABLED = 3,
    EE_STATE_DESTROYED = 4
};

/* The last is of FORMAT section 13 only: no row of envelope_key has it. */
enum ee_key_origin {
    EE_ORIGIN_LOCAL = 1,
    EE_ORIGIN_IMPORTED = 2,
    EE_ORIGIN_SEAL_ONLY = 3
};

struct ee_key_record {
    char name[EE_NAME_MAX];
    uint32_t version;
    uint8_t suite;
    uint8_t state;  /* enum ee_key_state */
    uint8_t origin; /* enum ee_key_origin */
    uint64_t created;
    uint64_t generation;
    uint8_t fingerprint[EE_MAC_BYTES]; /* F; its first 8 are the key id */
    uint8_t tag1[EE_MAC_BYTES];
    uint8_t tag2[EE_MAC_BYTES];
};

/* What a key name's owner laid down for it; 0: nothing. */
struct ee_key_policy {
    uint64_t rotate_after; /* seconds from the making of the current version */
    uint32_t min_version;  /* older ones do not open */
    uint64_t rotate_seals; /* values sealed under the current version */
};

/* How many seals of a version were counted, FORMAT R39. */
#define EE_SEALS_NONCE_BYTES 16
struct ee_seal_count {
    uint64_t reserved;
    uint8_t nonce[EE_SEALS_NONCE_BYTES]; /* another one with each change */
    uint8_t tag[EE_MAC_BYTES];
};

#define EE_ROTATE_SEALS_MAX 1000000000000000000 /* twice of it fits */

struct ee_key_manifest {
    uint64_t generation;
    uint32_t current;
    uint8_t tag[EE_MAC_BYTES];
    /* Right after ee_keys_verify() only: the tag covers it, but it is kept in a
     * table of its own. */
    struct ee_key_policy policy;
};

bool ee_policy_same(const struct ee_key_policy *a,
                    const struct ee_key_policy *b);
/* Every field and tag; of a manifest all but the policy, which its tag covers.
 */
bool ee_record_same(const struct ee_key_record *a,
                    const struct ee_key_record *b);
bool ee_manifest_same(const struct ee_key_manifest *a,
                      const struct ee_key_manifest *b);

void ee_record_tag1(uint8_t *out, const struct ee_key_record *r,
                    const uint8_t *kek);
/* Covers r->tag1, so set that first. */
void ee_record_tag2(uint8_t *out, const struct ee_key_record *r,
                    const uint8_t *name_secret);
/* tag2s: the versions' tag2, ascending, one after the other. */
void ee_manifest_tag(uint8_t *out, const struct ee_key_manifest *m,
                     struct ee_bytes tag2s, const uint8_t *name_secret);

/* The tag of a version's count, with the KEK of that version. */
void ee_record_seals_tag(uint8_t *out, const struct ee_seal_count *c,
                         uint8_t suite, const uint8_t *kek);

/* FORMAT R43: is the payload, of EE_PAYLOAD_BYTES, that of a seal-only version
 * with this record? */
bool ee_record_is_seal_only(const struct ee_key_record *r,
                            const uint8_t *payload);

/* What a provider authenticates with the payload. */
#define EE_PROVIDER_CONTEXT_MAX 256
size_t ee_record_provider_context(uint8_t *out, const struct ee_key_record *r);

/* "active" and so on; NULL and 0 for what is none. */
const char *ee_state_name(uint8_t state);
uint8_t ee_state_by_name(const char *name);
const char *ee_origin_name(uint8_t origin);
uint8_t ee_origin_by_name(const char *name);

/* EE_OK, or EE_MISUSE that says what a key name may be. */
int ee_key_name_check(const char *name, size_t n,
                      struct ee_error *err) EE_CHECKED;

#endif
