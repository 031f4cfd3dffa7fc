/* SPDX-License-Identifier: MIT
 *
 * aws_file.h: reads the small files that AWS's settings name.
 */
#ifndef EE_KMS_AWS_FILE_H
#define EE_KMS_AWS_FILE_H

#include "base/status.h"
#include "envelope_provider.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ee_aws_file_rule {
    EE_AWS_FILE_SETTINGS,   /* nobody else may write to it */
    EE_AWS_FILE_CREDENTIALS /* and one's own not everybody may read */
};

/* Reads the whole file, at most size bytes, into out, which should be secret
 * memory and is the caller's to wipe. A symbolic link is followed: Kubernetes
 * mounts tokens as links. what names the file in messages. *found is false,
 * and the result ENVELOPE_OK, when there is no such file. */
int ee_aws_file_read(struct envelope_call *call, const char *path,
                     const char *what, enum ee_aws_file_rule rule, uint8_t *out,
                     size_t size, size_t *n, bool *found) EE_CHECKED;

#endif
