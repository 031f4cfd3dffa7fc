/* SPDX-License-Identifier: MIT
 *
 * text.c: hexadecimal, by libsodium (constant time, though nothing here is
 * secret), and lists of words.
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

bool ee_next_word(const char **text, struct ee_bytes *word)
{
    static const char between[] = " \t\r\n";
    const char *start = *text + strspn(*text, between);
    const size_t n = strcspn(start, between);

    *text = start + n;
    *word = ee_bytes(start, n);
    return n > 0;
}
