/* SPDX-License-Identifier: MIT
 *
 * kit.h: an engine, keys that never change, and sealing and opening in one
 * call each, for tests that are about something else.
 */
#ifndef TESTS_UNIT_KIT_H
#define TESTS_UNIT_KIT_H

#include "envelope/envelope.h"

#define KIT_SUITES 3 /* an array by suite id; 0 is none */

struct kit {
    struct ee_engine engine;
    struct ee_kek *kek[KIT_SUITES];
    struct ee_kek *target[KIT_SUITES]; /* next version of the same name */
    struct ee_kek *other[KIT_SUITES];  /* of another name */
};

/* What to seal, and how. */
struct shape {
    uint8_t suite;
    uint8_t flags;
    size_t record_bytes; /* with EE_FLAG_RECORD */
    struct ee_value value;
    const struct ee_value *parts; /* the context; the first is the scope */
    size_t part_count;
};

/* The keys of a kit; the test needs them to look inside an envelope. */
extern const uint8_t kit_kek_bytes[EE_KEY_BYTES];
extern const uint8_t kit_target_bytes[EE_KEY_BYTES];

/* Ends the program when it fails. */
void kit_init(struct kit *k);
void kit_clear(struct kit *k);

/* malloc() that ends the program when it fails; never NULL. */
void *kit_alloc(size_t n);

/* Seals; the caller frees the bytes, which are allocated exactly. */
struct ee_bytes kit_seal(struct kit *k, const struct shape *s);

/* Puts a record of n bytes into an envelope without one; allocates. */
struct ee_bytes kit_add_record(struct ee_bytes blob, size_t n);

/* Parses and opens with a context: EE_OK, EE_MALFORMED or EE_AUTH. On EE_OK
 * *value's bytes lie in *scratch, which the caller frees; else *scratch is
 * NULL. */
int kit_open(struct kit *k, const struct ee_kek *kek, struct ee_bytes blob,
             const struct ee_value *parts, size_t part_count,
             struct ee_value *value, uint8_t **scratch);

/* The same, and is it the value of s? */
int kit_opens(struct kit *k, const struct ee_kek *kek, struct ee_bytes blob,
              const struct shape *s, bool *equal);

bool kit_same_value(const struct ee_value *a, const struct ee_value *b);

/* A context in a buffer that the caller frees. */
uint8_t *kit_context(struct ee_context *c, const struct ee_value *parts,
                     size_t part_count);

/* The DEK of an envelope that is under kek. */
void kit_dek(uint8_t *dek, struct kit *k, const struct ee_kek *kek,
             struct ee_bytes blob);

/* n bytes that look random and depend on the seed alone. */
void kit_fill(uint8_t *out, size_t n, uint32_t seed);

#endif
