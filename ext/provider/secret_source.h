/* SPDX-License-Identifier: MIT
 *
 * secret_source.h: where the secret of a keyring or a PEM file comes from.
 *
 *   passphrase  $ENVELOPE_PASSPHRASE, the file $ENVELOPE_PASSPHRASE_FILE, the
 *               systemd credential envelope_passphrase, or the terminal
 *   key file    $ENVELOPE_KEYFILE, or the systemd credential envelope_keyfile
 *
 * and of a private key in a PEM file, under names of their own: it is often
 * another person's, and one secret must not be tried on the other's file.
 *
 *   passphrase  $ENVELOPE_PEM_PASSPHRASE, the file
 *               $ENVELOPE_PEM_PASSPHRASE_FILE, the systemd credential
 *               envelope_pem_passphrase, or the terminal
 *   the file    $ENVELOPE_PEM_KEYFILE, or the systemd credential
 *               envelope_pem_keyfile
 *
 * The first that is set is used; one that is set and unusable is an error and
 * never skipped. A secret is never an SQL value.
 */
#ifndef EE_PROVIDER_SECRET_SOURCE_H
#define EE_PROVIDER_SECRET_SOURCE_H

#include "base/secret_file.h"
#include "base/wait.h"

#include <limits.h>

#define EE_SECRET_MAX 1024

enum ee_secret_kind {
    EE_SECRET_PASSPHRASE = 1,
    EE_SECRET_KEYFILE = 2,
    EE_SECRET_PEM_PASSPHRASE = 3,
    EE_SECRET_PEM_KEYFILE = 4 /* found by ee_secret_find() only */
};

/* Where a secret is, not what it is. */
struct ee_secret_place {
    const char *what;  /* the setting, for messages; NULL: none is set */
    const char *value; /* secret: in the environment, which is not ours */
    char path[PATH_MAX];
    enum ee_file_rule rule; /* of the file at path */
};

/* EE_OK also when nothing is set. */
int ee_secret_find(struct ee_secret_place *s, int kind,
                   struct ee_error *err) EE_CHECKED;

/* Secret: an arena cell. */
struct ee_secret {
    uint8_t kind; /* zero in a forked child */
    size_t n;
    uint8_t bytes[EE_SECRET_MAX + 2]; /* a file may end with CR LF */
};

/* The secret that opens an existing keyring or PEM file of this kind. locked
 * names it in messages and in the question. user: who may be asked, and may
 * interrupt that; NULL: nobody may. Free *out with ee_secret_free(). */
int ee_secret_to_open(struct ee_secret **out, int kind, const char *locked,
                      const struct ee_wait *user,
                      struct ee_error *err) EE_CHECKED;

/* The secret for a new keyring. The sources that are set choose the kind; a
 * typed passphrase is asked for twice. */
int ee_secret_to_create(struct ee_secret **out, const char *keyring,
                        const struct ee_wait *user,
                        struct ee_error *err) EE_CHECKED;

void ee_secret_free(struct ee_secret *secret); /* NULL-safe; wipes */

#endif
