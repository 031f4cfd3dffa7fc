/* SPDX-License-Identifier: MIT
 *
 * kms_json.c: which JSON is read, and what of it is taken.
 */
#include "envelope_provider.h"
#include "fake.h"
#include "kms/buffer.h"
#include "kms/heap.h"
#include "kms/json.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

static json_t *read_text(const char *text)
{
    json_t *json = NULL;

    return ee_json_read(&json, ee_bytes(text, strlen(text))) == ENVELOPE_OK
               ? json
               : NULL;
}

static bool is_read(const char *text)
{
    json_t *json = read_text(text);
    const bool was = json != NULL;

    json_decref(json);
    return was;
}

static void texts(void)
{
    static const char *const good[] = {
        "{}",
        " {\"a\":1} ",
        "{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[\"}",
        "{\"a\":\"\\\\\",\"b\":[]}",
        "{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}",
    };
    static const char *const bad[] = {
        "",
        " ",
        "null",
        "[]",
        "\"text\"",
        "5",
        "{",
        "{}}",
        "{}{}",
        "{} x",
        "{\"a\":1,}",
        "{'a':1}",
        "{\"a\":1,\"a\":1}",
        "{\"x\":{\"a\":1,\"a\":2}}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":1e999}",
        "{\"a\":NaN}",
        "{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}",
        "// a comment\n{}",
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ok(is_read(good[i]), "read: %s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ok(!is_read(bad[i]), "refused: text %zu", i);
    }
}

static void depth(void)
{
    enum { N = 200000 };
    char *text = malloc(N + 1);

    memset(text, '[', N);
    text[0] = '{';
    text[N] = '\0';
    ok(!is_read(text), "200000 brackets are refused, and the stack holds");
    free(text);
}

static void members(void)
{
    json_t *json = read_text("{\"s\":\"text\",\"n\":7,\"big\":8,\"neg\":-1,"
                             "\"real\":1.5,\"null\":null}");
    struct ee_bytes s = {0};
    int64_t n = 0;

    ok(ee_json_string_of(json, "s", &s) && s.n == 4, "a string");
    ok(!ee_json_string_of(json, "n", &s) && !ee_json_string_of(json, "x", &s) &&
           !ee_json_string_of(json, "null", &s) &&
           !ee_json_string_of(NULL, "s", &s),
       "and nothing else for one");
    ok(ee_json_number_of(json, "n", 7, &n) && n == 7, "a number");
    ok(!ee_json_number_of(json, "big", 7, &n) &&
           !ee_json_number_of(json, "neg", 7, &n) &&
           !ee_json_number_of(json, "real", 7, &n) &&
           !ee_json_number_of(json, "s", 7, &n) &&
           !ee_json_number_of(NULL, "n", 7, &n),
       "within bounds, and nothing else for one");
    json_decref(json);
}

/* {"p":"BASE64"} of n bytes. */
static bool payload_of(size_t n, uint8_t *out)
{
    struct ee_buffer b;
    uint8_t bytes[200];
    json_t *json = NULL;
    bool was = false;

    memset(bytes, 0x5A, sizeof bytes);
    if (!ee_buffer_new(&b, 1024)) {
        abort();
    }
    ee_buffer_put(&b, "{\"p\":\"");
    ee_buffer_put_base64(&b, ee_bytes(bytes, n));
    ee_buffer_put(&b, "\"}");
    if (ee_json_read(&json, ee_bytes(b.text, b.w.used)) != ENVELOPE_OK) {
        abort();
    }
    memset(out, 0xAA, ENVELOPE_PAYLOAD_BYTES);
    was = ee_json_payload_of(json, "p", out);
    json_decref(json);
    ee_buffer_free(&b);
    return was;
}

static void payloads(void)
{
    static const uint8_t zeros[ENVELOPE_PAYLOAD_BYTES];
    static const size_t wrong[] = {0, 1, 31, 32, 33, 63, 65, 96, 128};
    uint8_t out[ENVELOPE_PAYLOAD_BYTES];

    ok(payload_of(64, out) && out[0] == 0x5A && out[63] == 0x5A,
       "64 bytes are a payload");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ok(!payload_of(wrong[i], out) && memcmp(out, zeros, sizeof zeros) == 0,
           "%zu bytes are none, and nothing is left", wrong[i]);
    }
}

static void buffers(void)
{
    struct ee_buffer b;
    size_t used = 0;

    if (!ee_buffer_new(&b, 16)) {
        abort();
    }
    ee_buffer_put(&b, "0123456789abcde");
    ok(!b.w.bad && strlen(b.text) == 15, "a buffer keeps a byte for its end");
    used = b.w.used;
    ee_buffer_put(&b, "f");
    ok(b.w.bad && b.w.used == used, "full, it turns bad");
    ee_buffer_reset(&b);
    ok(!b.w.bad && b.w.used == 0 && b.text[3] == '\0', "empty, it is wiped");
    ee_buffer_put_json(&b, ee_bytes("a\"\n", 3));
    ok(strcmp(b.text, "\"a\\\"\\u000a\"") == 0, "JSON strings are quoted");
    ee_buffer_free(&b);
}

int main(void)
{
    static struct fake f;

    fake_init(&f, NULL, 0);
    ok(ee_kms_libraries(&f.call) == ENVELOPE_OK, "the libraries start");
    texts();
    depth();
    members();
    payloads();
    buffers();
    return done();
}
