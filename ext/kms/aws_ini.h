/* SPDX-License-Identifier: MIT
 *
 * aws_ini.h: reads the files of AWS's tools, ~/.aws/config and
 * ~/.aws/credentials.
 *
 *     [profile app]          # sections; names are case-sensitive
 *     region = eu-west-1     # properties; their names are not
 *     services = local
 *     [services local]
 *     kms =                  # a group: its members are indented
 *       endpoint_url = https://127.0.0.1:4566
 *
 * A line that starts with '#' or ';' is a comment, and so is what follows a
 * '#' or ';' that a blank stands before. Of a property that is there twice the
 * last one counts, also when its section is. Nothing is copied: what is found
 * lies in the text, which may hold secrets.
 */
#ifndef EE_KMS_AWS_INI_H
#define EE_KMS_AWS_INI_H

#include "base/bytes.h"

#include <stdbool.h>

/* The first line (from 1) that is none of the above; 0: all are. */
size_t ee_aws_ini_bad_line(struct ee_bytes text);

/* kind: "profile", "services", or "" for a section of one word, [name]. group:
 * the property that the wanted one is a member of, or NULL. False, and *value
 * as it was, when it is not there or empty. */
bool ee_aws_ini_get(struct ee_bytes text, const char *kind, const char *name,
                    const char *group, const char *property,
                    struct ee_bytes *value);

/* Is there such a section? */
bool ee_aws_ini_has(struct ee_bytes text, const char *kind, const char *name);

#endif
