/* SPDX-License-Identifier: MIT
 *
 * find.h: searches all databases of a connection for a key.
 */
#ifndef EE_KEYS_FIND_H
#define EE_KEYS_FIND_H

#include "keys/subject.h"

/* What the tables say of a key id. Not verified. */
struct ee_found_key {
    char schema[EE_SCHEMA_MAX];
    bool is_subject; /* then it is `subject`, and no record */
    struct ee_subject subject;
    bool is_seal_only; /* then the record is of envelope_seal_only */
    struct ee_key_record record;
    struct ee_key_manifest manifest;
};

/* A living key before a tombstone; of either, the first. EE_KEY_UNKNOWN. */
int ee_find_key_id(struct ee_keys *k, const uint8_t *key_id,
                   struct ee_found_key *out, struct ee_error *err) EE_CHECKED;

/* The current version of a name, verified. told: a message may repeat the
 * text, which is no value in the wrong place. */
int ee_find_key_name(struct ee_keys *k, const char *text, size_t n, bool told,
                     struct ee_key_entry **out,
                     struct ee_error *err) EE_CHECKED;

/* For what no database has: EE_TAMPERED when one of them has lost some of its
 * key tables, else EE_OK. */
int ee_find_lost_tables(struct ee_keys *k, struct ee_error *err) EE_CHECKED;

/* The error for a database that cannot be searched now. */
int ee_find_locked(const char *schema, struct ee_error *err);

#endif
