/* SPDX-License-Identifier: MIT
 *
 * keyring_store.h: a keyring as an SQLite database, KEYRING.md section 1.
 *
 * Only ciphertexts pass through here. Nothing is judged but its shape; whether
 * it is authentic is keyring_crypto.h's to say.
 */
#ifndef EE_PROVIDER_KEYRING_STORE_H
#define EE_PROVIDER_KEYRING_STORE_H

#include "base/status.h"
#include "base/wait.h"
#include "db/sql.h"
#include "provider/keyring_image.h"

struct ee_keyring_store {
    sqlite3 *db;
    const char *keyring;  /* names it in messages; borrowed */
    struct ee_wait *wait; /* for locks; NULL: not at all. Set before opening,
                             begun anew for each operation; borrowed */
};

/* Opens an existing file and checks that it is a keyring. */
int ee_keyring_store_open(struct ee_keyring_store *s, const char *file,
                          const char *keyring, struct ee_error *err) EE_CHECKED;

/* Opens an empty file and makes the tables and the row of parameters, in a
 * transaction that is left open. */
int ee_keyring_store_create(struct ee_keyring_store *s, const char *file,
                            const char *keyring,
                            const struct ee_keyring_image *image,
                            struct ee_error *err) EE_CHECKED;

void ee_keyring_store_close(struct ee_keyring_store *s);

/* Reads all of it, at one moment. On failure *image is empty. */
int ee_keyring_store_load(struct ee_keyring_store *s,
                          struct ee_keyring_image *image,
                          struct ee_error *err) EE_CHECKED;

/* A write transaction: begin, changes, then commit or rollback. */
int ee_keyring_store_begin(struct ee_keyring_store *s,
                           struct ee_error *err) EE_CHECKED;
int ee_keyring_store_insert(struct ee_keyring_store *s,
                            const struct ee_cmk *cmk,
                            struct ee_error *err) EE_CHECKED;
int ee_keyring_store_destroy(struct ee_keyring_store *s, const char *name,
                             uint32_t version, struct ee_error *err) EE_CHECKED;
int ee_keyring_store_set_mac(struct ee_keyring_store *s, const uint8_t *mac,
                             struct ee_error *err) EE_CHECKED;
int ee_keyring_store_commit(struct ee_keyring_store *s,
                            struct ee_error *err) EE_CHECKED;
void ee_keyring_store_rollback(struct ee_keyring_store *s);

/* Rewrites the file without its free space. Outside transactions. */
int ee_keyring_store_vacuum(struct ee_keyring_store *s,
                            struct ee_error *err) EE_CHECKED;

/* For keyring_load.c: turns SQLite's failure into ours. */
int ee_keyring_store_fail(struct ee_keyring_store *s, int rc,
                          struct ee_error *err);

#endif
