/* SPDX-License-Identifier: MIT
 *
 * ring.h: what the provider tests share: a folder, a keyring in it, and its
 * secret.
 */
#ifndef EE_TESTS_RING_H
#define EE_TESTS_RING_H

#include "provider/registry.h"

#include <stdbool.h>

#define RING_CONTEXT ee_bytes("context", 7)

extern char ring_dir[200]; /* "" before ring_setup() */

/* None but those built in. */
extern struct ee_providers ring_providers;

/* Makes ring_dir, mode 0700, removed at exit; and a key file in it, which
 * becomes the only secret that is set. */
void ring_setup(void);

/* Unsets every source of a secret. */
void ring_no_secret(void);

/* Ends the program when what a test stands on could not be set up. */
void ring_must(int good);

/* A path in ring_dir; one of eight buffers. */
const char *ring_path(const char *name);

/* Makes a file in ring_dir. Its path, as above. */
const char *ring_write(const char *name, const void *bytes, size_t n,
                       unsigned mode);

/* Opens keyring:NAME_AND_CMK, relative to ring_dir. */
int ring_open(struct ee_provider **p, const char *name_and_cmk, bool may_create,
              struct ee_error *err);

/* A payload whose bytes depend on seed. */
void ring_payload(uint8_t *payload, unsigned seed);

/* Wraps ring_payload(seed). */
int ring_wrap(struct ee_provider *p, unsigned seed, uint8_t *wrapped, size_t *n,
              struct ee_error *err);

/* EE_OK when it unwraps to ring_payload(seed); -1 when to something else. */
int ring_unwrap(struct ee_provider *p, unsigned seed, const uint8_t *wrapped,
                size_t n, struct ee_error *err);

/* Runs SQL in a keyring; the first column of the first row, or NULL. One
 * buffer. */
const char *ring_sql(const char *name, const char *sql);

/* The whole file; the caller frees it. */
uint8_t *ring_read(const char *name, size_t *n);

#endif
