/* SPDX-License-Identifier: MIT
 *
 * secret_source.h: where a keyring's secret comes from.
 *
 *   passphrase  $ENVELOPE_PASSPHRASE, the file $ENVELOPE_PASSPHRASE_FILE, the
 *               systemd credential envelope_passphrase, or the terminal
 *   key file    $ENVELOPE_KEYFILE, or the systemd credential envelope_keyfile
 *
 * The first that is set is used; one that is set and unusable is an error and
 * never skipped. A secret is never an SQL value.
 */
#ifndef EE_PROVIDER_SECRET_SOURCE_H
#define EE_PROVIDER_SECRET_SOURCE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EE_SECRET_MAX 1024

enum ee_secret_kind { EE_SECRET_PASSPHRASE = 1, EE_SECRET_KEYFILE = 2 };

/* Secret: an arena cell. */
struct ee_secret {
    uint8_t kind; /* zero in a forked child */
    size_t n;
    uint8_t bytes[EE_SECRET_MAX + 2]; /* a file may end with CR LF */
};

/* The secret that opens an existing keyring of this kind. keyring names it in
 * messages and in the question. Free *out with ee_secret_free(). */
int ee_secret_to_open(struct ee_secret **out, int kind, const char *keyring,
                      bool may_prompt, struct ee_error *err) EE_CHECKED;

/* The secret for a new keyring. The sources that are set choose the kind; a
 * typed passphrase is asked for twice. */
int ee_secret_to_create(struct ee_secret **out, const char *keyring,
                        bool may_prompt, struct ee_error *err) EE_CHECKED;

void ee_secret_free(struct ee_secret *secret); /* NULL-safe; wipes */

#endif
