/* SPDX-License-Identifier: MIT
 *
 * json.c: writes JSON strings.
 */
#include "base/json.h"

#include "base/utf8.h"

/* Quotes, backslashes and control characters, DEL with them. */
static void write_ascii(struct ee_writer *w, uint8_t c)
{
    static const char digits[] = "0123456789abcdef";

    if (c == '"' || c == '\\') {
        ee_write_u8(w, '\\');
        ee_write_u8(w, c);
    } else if (c < 0x20 || c == 0x7f) {
        ee_write_bytes(w, ee_bytes("\\u00", 4));
        ee_write_u8(w, (uint8_t)digits[c >> 4]);
        ee_write_u8(w, (uint8_t)digits[c & 15]);
    } else {
        ee_write_u8(w, c);
    }
}

void ee_json_string(struct ee_writer *w, struct ee_bytes text)
{
    ee_write_u8(w, '"');
    for (size_t i = 0; i < text.n;) {
        const size_t n = ee_utf8_length(text.p + i, text.n - i);

        if (n == 0) {
            ee_write_bytes(w, ee_bytes("\xef\xbf\xbd", 3)); /* U+FFFD */
        } else if (n == 1) {
            write_ascii(w, text.p[i]);
        } else {
            ee_write_bytes(w, ee_bytes(text.p + i, n));
        }
        i += n > 0 ? n : 1;
    }
    ee_write_u8(w, '"');
}
