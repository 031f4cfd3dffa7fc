/* SPDX-License-Identifier: MIT
 *
 * secret_file.h: reads a small file that holds a secret, if nobody else can.
 */
#ifndef EE_PROVIDER_SECRET_FILE_H
#define EE_PROVIDER_SECRET_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads the whole file, at most size bytes, into out, which should be an arena
 * cell: out is secret and the caller's to wipe, after a failure too. what
 * names the setting that gave the path. credential: systemd owns the file and
 * lets a group read it. */
int ee_secret_file_read(uint8_t *out, size_t size, size_t *n, const char *path,
                        const char *what, bool credential,
                        struct ee_error *err) EE_CHECKED;

#endif
