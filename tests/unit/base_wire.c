/* SPDX-License-Identifier: MIT
 *
 * base_wire.c: reading and writing stay inside their bounds, and a failure
 * sticks.
 */
#include "base/text.h"
#include "base/wire.h"
#include "tap.h"

#include <string.h>

static const uint8_t bytes[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc};

static void reads_big_endian(void)
{
    struct ee_reader r = ee_reader(ee_bytes(bytes, sizeof bytes));
    const uint8_t a = ee_read_u8(&r);
    const uint16_t b = ee_read_u16(&r);
    const uint32_t c = ee_read_u32(&r);
    const uint64_t d = ee_read_u64(&r);

    ok(a == 0x01 && b == 0x2345 && c == 0x6789abcd && d == 0xef1032547698badc,
       "u8, u16, u32 and u64 are read big-endian, one after the other");
    ok(!r.bad && r.left == 0, "reading everything is not a failure");
    ok(ee_read_bytes(&r, 0).n == 0 && !r.bad,
       "nothing can be read from nothing");
}

static void reads_in_place(void)
{
    struct ee_reader r = ee_reader(ee_bytes(bytes, sizeof bytes));
    struct ee_bytes part = ee_read_bytes(&r, 4);

    ok(part.p == bytes && part.n == 4 && r.p == bytes + 4 &&
           r.left == sizeof bytes - 4,
       "bytes are a view into the input");
}

static void failed_read_sticks(void)
{
    struct ee_reader r = ee_reader(ee_bytes(bytes, 3));
    const uint32_t first = ee_read_u32(&r);
    const uint8_t second = ee_read_u8(&r);
    struct ee_bytes third = ee_read_bytes(&r, 1);
    struct ee_bytes fourth = ee_read_bytes(&r, 0);

    ok(r.bad && first == 0, "a number cut short is 0 and a failure");
    ok(r.bad && second == 0 && third.p == NULL && third.n == 0 &&
           fourth.p == NULL && r.left == 3,
       "after a failure nothing is read, though it would fit");
}

static void length_does_not_wrap(void)
{
    struct ee_reader r = ee_reader(ee_bytes(bytes, 8));
    uint8_t out[8];
    struct ee_writer w = ee_writer(out, sizeof out);
    struct ee_bytes part;

    (void)ee_read_u32(&r);
    part = ee_read_bytes(&r, SIZE_MAX);
    ok(r.bad && part.p == NULL, "a length of SIZE_MAX is refused by a reader");
    ee_write_u32(&w, 0);
    ee_write_bytes(&w, ee_bytes(bytes, SIZE_MAX));
    ok(w.bad && w.used == 4, "and by a writer");
}

static void empty_input(void)
{
    struct ee_reader r = ee_reader(ee_bytes(NULL, 0));
    const uint8_t v = ee_read_u8(&r);

    ok(r.bad && v == 0, "no input at all is a failure, not a crash");
}

static void writes_big_endian(void)
{
    uint8_t out[sizeof bytes];
    struct ee_writer w = ee_writer(out, sizeof out);

    ee_write_u8(&w, 0x01);
    ee_write_u16(&w, 0x2345);
    ee_write_u32(&w, 0x6789abcd);
    ee_write_u64(&w, 0xef1032547698badc);
    ok(memcmp(out, bytes, sizeof bytes) == 0,
       "u8, u16, u32 and u64 are written big-endian, one after the other");
    ok(!w.bad && w.used == sizeof bytes && w.left == 0,
       "filling the buffer is not a failure");
    ee_write_bytes(&w, ee_bytes(NULL, 0));
    ok(!w.bad, "writing nothing into a full buffer is not a failure");
}

static void failed_write_sticks(void)
{
    uint8_t out[4] = {7, 7, 7, 7};
    struct ee_writer w = ee_writer(out, 3);

    ee_write_u8(&w, 1);
    ee_write_u32(&w, 0xffffffff);
    ee_write_u8(&w, 2);
    ok(w.bad && w.used == 1 && out[0] == 1,
       "a failed write sticks: what would fit is not written either");
    ok(out[1] == 7 && out[2] == 7 && out[3] == 7,
       "a failed write leaves the buffer alone");
}

static void hexadecimal(void)
{
    char text[2 * 3 + 1];
    uint8_t back[3] = {0};

    ee_hex(text, ee_bytes("\x00\x7f\xff", 3));
    ok(strcmp(text, "007fff") == 0, "hexadecimal is lower case and complete");
    ok(ee_unhex(back, 3, text, 6) && memcmp(back, "\x00\x7f\xff", 3) == 0,
       "hexadecimal is read back");
    ok(ee_unhex(back, 1, "Ab", 2) && back[0] == 0xab,
       "hexadecimal is read in either case");
    ok(!ee_unhex(back, 3, "007ff", 5) && !ee_unhex(back, 3, "007fff0", 7) &&
           !ee_unhex(back, 3, "007fff00", 8) && !ee_unhex(back, 3, "", 0),
       "hexadecimal of another length is refused");
    ok(!ee_unhex(back, 3, "007ffg", 6) && !ee_unhex(back, 3, "00 7ff", 6) &&
           !ee_unhex(back, 3, "-07fff", 6),
       "what is not a hexadecimal digit is refused");
}

int main(void)
{
    reads_big_endian();
    reads_in_place();
    failed_read_sticks();
    length_does_not_wrap();
    empty_input();
    writes_big_endian();
    failed_write_sticks();
    hexadecimal();
    return done();
}
