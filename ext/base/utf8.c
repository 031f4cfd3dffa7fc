/* SPDX-License-Identifier: MIT
 *
 * utf8.c: checks characters.
 */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

/* Table 3-7 of the Unicode Standard: no overlong form, no surrogate, nothing
 * above U+10FFFF. */
size_t ee_utf8_length(const uint8_t *p, size_t n)
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

/* Of a valid character of n bytes, 3 at most. */
static uint32_t code_point(const uint8_t *p, size_t n)
{
    switch (n) {
    case 1:
        return p[0];
    case 2:
        return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
    default:
        return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 |
               (p[2] & 0x3f);
    }
}

static bool is_printable(const uint8_t *p, size_t n)
{
    const uint32_t c = n < 4 ? code_point(p, n) : 0x10000;

    return c >= 0x20 && !(c >= 0x7f && c <= 0x9f) && /* controls */
           !(c >= 0x200b && c <= 0x200f) &&          /* no width, direction */
           !(c >= 0x2028 && c <= 0x202e) &&          /* lines, direction */
           !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff;
}

void ee_utf8_make_printable(char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        const uint8_t *p = (const uint8_t *)text;
        const size_t length = ee_utf8_length(p, left);
        const size_t n = length > 0 ? length : 1;

        if (length == 0 || !is_printable(p, n)) {
            memset(text, '?', n);
        }
        text += n;
        left -= n;
    }
}
