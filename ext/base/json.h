/* SPDX-License-Identifier: MIT
 *
 * json.h: JSON (RFC 8259) strings from whatever bytes there are.
 */
#ifndef EE_BASE_JSON_H
#define EE_BASE_JSON_H

#include "base/wire.h"

/* Writes text as a JSON string, with its quotes. A byte that is not part of
 * valid UTF-8 becomes U+FFFD, so that the result always is. At most six bytes
 * for one, and the quotes. */
void ee_json_string(struct ee_writer *w, struct ee_bytes text);

#endif
