/* SPDX-License-Identifier: MIT
 *
 * subject_record.h: the key record of a data subject, FORMAT section 12.
 *
 * Plain data; no SQL, no keys. One AEAD under the parent's KEK authenticates
 * all of it together with the name and the key id.
 */
#ifndef EE_KEYS_SUBJECT_RECORD_H
#define EE_KEYS_SUBJECT_RECORD_H

#include "envelope/subject.h"
#include "keys/record.h"

/* Key id, state, created, key id of the parent's version, nonce, wrapped KEK.
 * Of one length in every state: a change overwrites a row where it lies (FORMAT
 * R55) and leaves no copy in its page. */
#define EE_SUBJECT_RECORD_BYTES                                                \
    (EE_KEY_ID_BYTES + 1 + 8 + EE_KEY_ID_BYTES + EE_WRAP_NONCE_BYTES +         \
     EE_WRAPPED_BYTES)

struct ee_subject {
    char name[EE_NAME_MAX];                  /* all of it: pii/42 */
    uint8_t record[EE_SUBJECT_RECORD_BYTES]; /* as stored */
};

/* Fields of the record; each points into it. */
uint8_t *ee_subject_id(struct ee_subject *s);
uint8_t ee_subject_state(const struct ee_subject *s);
uint64_t ee_subject_created(const struct ee_subject *s);
const uint8_t *ee_subject_parent(const struct ee_subject *s);
uint8_t *ee_subject_nonce(struct ee_subject *s);
uint8_t *ee_subject_wrapped(struct ee_subject *s);

/* Sets all of the record behind the key id; nonce and wrapped KEK become zero.
 */
void ee_subject_set(struct ee_subject *s, uint8_t state, uint64_t created,
                    const uint8_t *parent);

/* What the wrap authenticates. out: EE_SUBJECT_AAD_MAX. Returns the length. */
#define EE_SUBJECT_AAD_MAX 256
size_t ee_subject_aad(uint8_t *out, const struct ee_subject *s, uint8_t suite);

/* The record as envelope_keys and messages know it: version 1. */
void ee_subject_describe(struct ee_key_record *out, const struct ee_subject *s,
                         uint8_t suite);

/* Is this the name of a subject's key: `pii/42`, `aux:pii/42`? *slash: where
 * its '/' stands. By form only. */
bool ee_subject_name(const char *name, size_t n, size_t *slash);

/* FORMAT R50; name without a schema. EE_OK, or EE_MISUSE. */
int ee_subject_name_check(const char *name, size_t n,
                          struct ee_error *err) EE_CHECKED;

/* pii and its slash: is s of this parent? */
bool ee_subject_is_of(const struct ee_subject *s, const char *parent);

/* `pii/ *` without the blank: not a person, but leave to make subjects. */
bool ee_subject_is_all(const struct ee_subject *s);

#endif
