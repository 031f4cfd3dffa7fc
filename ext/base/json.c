/* SPDX-License-Identifier: MIT
 *
 * json.c: writes JSON strings.
 */
#include "base/json.h"

/* The length of the valid UTF-8 character at p, of n bytes; 0 when there is
 * none. Table 3-7 of the Unicode Standard: no overlong form, no surrogate,
 * nothing above U+10FFFF. */
static size_t character(const uint8_t *p, size_t n)
{
    const uint8_t lead = p[0];
    const size_t length = lead < 0x80   ? 1
                          : lead < 0xc2 ? 0
                          : lead < 0xe0 ? 2
                          : lead < 0xf0 ? 3
                          : lead < 0xf5 ? 4
                                        : 0;
    const uint8_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

    if (length == 0 || length > n) {
        return 0;
    }
    if (length > 1 && (p[1] < least || p[1] > most)) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

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
        const size_t n = character(text.p + i, text.n - i);

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
