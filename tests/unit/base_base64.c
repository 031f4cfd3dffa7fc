/* SPDX-License-Identifier: MIT
 *
 * base_base64.c: RFC 4648's own examples, and what is no base64.
 */
#include "base/base64.h"
#include "tap.h"

#include <string.h>

static const struct {
    const char *plain;
    const char *text;
} known[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void examples(void)
{
    bool written = true;
    bool read = true;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint8_t out[16] = {0};
        uint8_t back[16] = {0};
        struct ee_writer w = ee_writer(out, sizeof out);
        const size_t n = strlen(known[i].plain);
        size_t got = 99;

        ee_write_base64(&w, ee_bytes(known[i].plain, n));
        written = written && !w.bad && w.used == EE_BASE64_CHARS(n) &&
                  strcmp((char *)out, known[i].text) == 0;
        read = read && ee_unbase64(back, n, &got, ee_bytes(out, w.used)) &&
               got == n && memcmp(back, known[i].plain, n) == 0;
    }
    ok(written, "what is written is the RFC's");
    ok(read, "and is read back, into just as many bytes");
}

static void refusals(void)
{
    static const char *const bad[] = {
        "Zg",   "Zg=",  "Zg===",  "Z",     "====",     "Zh==",
        "Zm9=", "Zm8",  "Zm9v\n", " Zm9v", "Zm 9v",    "Zm9v====",
        "Zm9-", "Zm9_", "Zm9v=",  "Z=9v",  "Zg==Zg==", "Zm9\xc3",
    };
    uint8_t out[16];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        static const uint8_t zeros[16];
        size_t n = 99;

        memset(out, 0xAA, sizeof out);
        ok(!ee_unbase64(out, sizeof out, &n,
                        ee_bytes(bad[i], strlen(bad[i]))) &&
               n == 0 && memcmp(out, zeros, sizeof zeros) == 0,
           "refused, and nothing is left: bad[%zu]", i);
    }
}

static void sizes(void)
{
    uint8_t out[8];
    size_t n = 0;
    struct ee_writer w = ee_writer(out, sizeof out);

    ok(!ee_unbase64(out, 5, &n, ee_bytes("Zm9vYmFy", 8)) && n == 0,
       "more than there is room for is refused");
    ee_write_base64(&w, ee_bytes("foobar", 6));
    ok(w.bad && w.used == 0, "so is writing without room for its end");
}

int main(void)
{
    examples();
    refusals();
    sizes();
    return done();
}
