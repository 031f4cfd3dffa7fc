/* SPDX-License-Identifier: MIT
 *
 * text.c: hexadecimal, by libsodium (constant time, though nothing here is
 * secret), numbers, and lists of words.
 */
#include "base/text.h"

#include <sodium.h>
#include <string.h>

void ee_hex(char *out, struct ee_bytes in)
{
    (void)sodium_bin2hex(out, 2 * in.n + 1, in.p, in.n);
}

bool ee_unhex(uint8_t *out, size_t n, const char *text, size_t text_n)
{
    size_t got = 0;

    return text_n == 2 * n &&
           sodium_hex2bin(out, n, text, text_n, NULL, &got, NULL) == 0 &&
           got == n;
}

bool ee_number(const char *text, size_t n, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++) {
        if (text[i] < (i == 0 ? '1' : '0') || text[i] > '9' || v > max / 10) {
            return false;
        }
        v = v * 10 + (uint64_t)(text[i] - '0');
    }
    *out = v;
    return n > 0 && v <= max;
}

bool ee_duration(const char *text, size_t n, uint64_t max, uint64_t *seconds)
{
    const char unit = n > 0 ? text[n - 1] : '\0';
    const uint64_t each = unit == 'd' ? 86400 : unit == 'h' ? 3600 : 1;

    if ((unit != 'd' && unit != 'h' && unit != 's') ||
        !ee_number(text, n - 1, max / each, seconds)) {
        return false;
    }
    *seconds *= each;
    return true;
}

bool ee_next_word(const char **text, struct ee_bytes *word)
{
    static const char between[] = " \t\r\n";
    const char *start = *text + strspn(*text, between);
    const size_t n = strcspn(start, between);

    *text = start + n;
    *word = ee_bytes(start, n);
    return n > 0;
}
