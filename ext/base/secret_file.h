/* SPDX-License-Identifier: MIT
 *
 * secret_file.h: reads a small file that holds a secret or a key, if nobody
 * else can read or change it.
 */
#ifndef EE_BASE_SECRET_FILE_H
#define EE_BASE_SECRET_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whose file it must be, and what others may do with it. */
enum ee_file_rule {
    EE_FILE_SECRET,     /* one's own; nothing */
    EE_FILE_CREDENTIAL, /* systemd's or one's own; a group may read */
    EE_FILE_PUBLIC      /* root's or one's own; read, and not write */
};

/* Reads the whole file, at most size bytes, into out, which should be secret
 * memory: out is the caller's to wipe, after a failure too. what names the
 * setting that gave the path. */
int ee_secret_file_read(uint8_t *out, size_t size, size_t *n, const char *path,
                        const char *what, enum ee_file_rule rule,
                        struct ee_error *err) EE_CHECKED;

#endif
