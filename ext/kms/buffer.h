/* SPDX-License-Identifier: MIT
 *
 * buffer.h: text that is written piece by piece into locked memory: the body
 * of a request, a header with a token.
 */
#ifndef EE_KMS_BUFFER_H
#define EE_KMS_BUFFER_H

#include "base/base64.h"
#include "base/json.h"
#include "base/status.h"

/* Its text is `text`, of w.used bytes. Bad, and stays so, when it was full. */
struct ee_buffer {
    struct ee_writer w;
    char *text; /* secret pages; always ends with a NUL */
    size_t size;
};

/* False when out of memory. */
bool ee_buffer_new(struct ee_buffer *b, size_t size) EE_CHECKED;

/* Wipes. Takes one that is all zero, too. */
void ee_buffer_free(struct ee_buffer *b);

/* Empties and wipes it. */
void ee_buffer_reset(struct ee_buffer *b);

/* Text as it is. */
void ee_buffer_put(struct ee_buffer *b, const char *text);
void ee_buffer_put_bytes(struct ee_buffer *b, struct ee_bytes text);

/* The text as a JSON string, with its quotes. */
void ee_buffer_put_json(struct ee_buffer *b, struct ee_bytes text);

/* Base64, without quotes. */
void ee_buffer_put_base64(struct ee_buffer *b, struct ee_bytes in);

#endif
