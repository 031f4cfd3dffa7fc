/* SPDX-License-Identifier: MIT
 *
 * cmk_uri.h: the address of a customer master key, SCHEME:PATH#FRAGMENT, such
 * as `keyring:app.keyring#pii`.
 *
 * Splits and validates what all schemes have in common; opens nothing. What a
 * path and a fragment mean, and may be, is the provider's to say. PATH may
 * hold %XX escapes (write % as %25 and # as %23); where it is a file's, they
 * are decoded here. Query options (`?…`) are refused: what a database names
 * must not steer how a provider is reached.
 */
#ifndef EE_PROVIDER_CMK_URI_H
#define EE_PROVIDER_CMK_URI_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define EE_CMK_URI_MAX      1024
#define EE_CMK_FRAGMENT_MAX 128

struct ee_cmk_uri {
    char text[EE_CMK_URI_MAX]; /* as given, for messages and storage */
    char scheme[16];
    char path[EE_CMK_URI_MAX];          /* a file's is decoded */
    char fragment[EE_CMK_FRAGMENT_MAX]; /* "" when not given */
};

/* Parses text; names the mistake. Never reads beyond the first NUL. */
int ee_cmk_uri_parse(struct ee_cmk_uri *uri, const char *text,
                     struct ee_error *err) EE_CHECKED;

/* Is its path a file's, relative or absolute? Else the path is as written, and
 * only its provider knows what it means. */
bool ee_cmk_uri_is_file(const struct ee_cmk_uri *uri);

#endif
