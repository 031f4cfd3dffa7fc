/* SPDX-License-Identifier: MIT
 *
 * json.h: JSON (RFC 8259) that somebody else wrote, read by jansson within
 * bounds.
 *
 * ee_kms_libraries() must have been called. What is freed is wiped.
 */
#ifndef EE_KMS_JSON_H
#define EE_KMS_JSON_H

#include "base/bytes.h"
#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>

#define EE_JSON_DEPTH 16

/* The object that text is, to be freed by json_decref(). NULL for anything
 * else, for a name that is there twice, NULs, invalid UTF-8, and deeper nesting
 * than EE_JSON_DEPTH. ENVELOPE_NOMEM, and NULL, when memory ran out; else
 * ENVELOPE_OK. */
int ee_json_read(json_t **out, struct ee_bytes text) EE_CHECKED;

/* The member `name` of an object, if it is a string; borrowed. False when
 * object is NULL or no object, or it has no such string. */
bool ee_json_string_of(const json_t *object, const char *name,
                       struct ee_bytes *out);

/* The same for a whole number from 0 to max. */
bool ee_json_number_of(const json_t *object, const char *name, int64_t max,
                       int64_t *out);

/* The member `name` if it is base64 of exactly ENVELOPE_PAYLOAD_BYTES bytes;
 * out is zero otherwise. */
bool ee_json_payload_of(const json_t *object, const char *name, uint8_t *out);

#endif
