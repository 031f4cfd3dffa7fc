/* SPDX-License-Identifier: MIT
 *
 * base_utf8.c: what is a character and what is not, counted over all byte
 * sequences, and what of it a message shows.
 */
#include "base/utf8.h"
#include "tap.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* RFC 3629 section 3. */
static size_t encode(uint8_t *p, uint32_t c)
{
    const size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n - 1; i > 0; i--) {
        p[i] = (uint8_t)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    p[0] = (uint8_t)(lead[n] | c);
    return n;
}

static void each_character(void)
{
    uint8_t p[4];
    int good = 1;
    int cut = 1;

    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        if (c >= 0xd800 && c <= 0xdfff) {
            continue;
        }
        const size_t n = encode(p, c);

        good &= ee_utf8_length(p, n) == n && ee_utf8_length(p, 4) == n;
        cut &= n == 1 || ee_utf8_length(p, n - 1) == 0;
    }
    ok(good, "every character has its length");
    ok(cut, "one that is cut short is none");
}

/* There are as many sequences as characters, so no other one is valid: no
 * overlong form, no surrogate, no lone continuation, nothing above U+10FFFF.
 * Of the third and the fourth byte, the ones around the bounds. */
static void no_other_sequence(void)
{
    static const uint8_t ends[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    long count[5] = {0};

    for (uint32_t i = 0; i < 65536; i++) {
        for (size_t k = 0; k < sizeof ends * sizeof ends; k++) {
            const uint8_t p[] = {(uint8_t)(i >> 8), (uint8_t)i,
                                 ends[k / sizeof ends], ends[k % sizeof ends]};

            count[ee_utf8_length(p, sizeof p)]++;
        }
    }
    ok(count[1] == 128L * 256 * 36, "one byte: %ld", count[1]);
    ok(count[2] == 1920L * 36, "two bytes: %ld", count[2]);
    ok(count[3] == (65536L - 2048 - 2048) / 64 * 2 * 6, "three bytes: %ld",
       count[3]);
    ok(count[4] == (0x110000L - 0x10000) / 4096 * 4, "four bytes: %ld",
       count[4]);
}

static bool is_shown_as(const char *text, const char *shown)
{
    char copy[64];

    (void)snprintf(copy, sizeof copy, "%s", text);
    ee_utf8_make_printable(copy);
    return strcmp(copy, shown) == 0;
}

static void what_is_shown(void)
{
    ok(is_shown_as("", "") && is_shown_as("Gr\xc3\xb6\xc3\x9f"
                                          "e \xe9\x8d\xb5 \xf0\x9f\x94\x91 ~",
                                          "Gr\xc3\xb6\xc3\x9f"
                                          "e \xe9\x8d\xb5 \xf0\x9f\x94\x91 ~"),
       "letters stay as they are");
    ok(is_shown_as("a\x1b[31m\n\x7f", "a?[31m??"), "C0 controls do not");
    ok(is_shown_as("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "??????\xc2\xa0"),
       "C1 controls do not");
    ok(is_shown_as("\xe2\x80\xae"
                   "gnp\xe2\x81\xa6\xe2\x80\xa8\xef\xbb\xbf",
                   "???gnp?????????"),
       "marks of direction and ends of lines do not");
    ok(is_shown_as("\xff\xc0\xaf\xed\xa0\x80\xe2\x82", "????????"),
       "what is not UTF-8 does not");
}

int main(void)
{
    each_character();
    no_other_sequence();
    what_is_shown();
    return done();
}
