/* SPDX-License-Identifier: MIT
 *
 * buffer.c: a writer over secret pages. They come zeroed, and one byte more
 * than the writer knows of, so the text always ends with a NUL.
 */
#include "kms/buffer.h"

#include "base/secret.h"

#include <string.h>

bool ee_buffer_new(struct ee_buffer *b, size_t size)
{
    b->text = ee_secret_pages_new(size);
    b->size = size;
    b->w = ee_writer((uint8_t *)b->text, b->text != NULL ? size - 1 : 0);
    return b->text != NULL;
}

void ee_buffer_free(struct ee_buffer *b)
{
    ee_secret_pages_free(b->text, b->size);
    *b = (struct ee_buffer){0};
}

void ee_buffer_reset(struct ee_buffer *b)
{
    ee_wipe(b->text, b->size);
    b->w = ee_writer((uint8_t *)b->text, b->size - 1);
}

void ee_buffer_put(struct ee_buffer *b, const char *text)
{
    ee_write_bytes(&b->w, ee_bytes(text, strlen(text)));
}

void ee_buffer_put_bytes(struct ee_buffer *b, struct ee_bytes text)
{
    ee_write_bytes(&b->w, text);
}

void ee_buffer_put_json(struct ee_buffer *b, struct ee_bytes text)
{
    ee_json_string(&b->w, text);
}

void ee_buffer_put_base64(struct ee_buffer *b, struct ee_bytes in)
{
    ee_write_base64(&b->w, in);
}
