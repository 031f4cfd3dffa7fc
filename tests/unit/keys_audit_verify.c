/* SPDX-License-Identifier: MIT
 *
 * keys_audit_verify.c: one change to an audit log gives one finding, at the
 * line it was made. And what the verifier cannot see without a head.
 */
#include "ring.h"
#include "tap.h"
#include "verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT 10

static struct ee_error err;

/* A log of COUNT lines, as pieces that are put together again. */
static struct {
    char *text;
    char *line[COUNT + 1]; /* without newlines */
} good;

static void make_log(void)
{
    struct ee_audit_log log;
    char key[16];
    size_t n = 0;

    ee_audit_log_init(&log);
    ring_must(ee_audit_log_set(&log, ring_path("good.log"), &err) == EE_OK);
    for (int i = 1; i <= COUNT; i++) {
        const struct ee_audit_event e = {.event = "wrap", .key = key};

        (void)snprintf(key, sizeof key, "key%d", i);
        ring_must(ee_audit_log_append(&log, &e, false, &err) == EE_OK);
    }
    ee_audit_log_close(&log);
    good.text = (char *)ring_read("good.log", &n);
    for (char *p = good.text, i = 1; i <= COUNT; i++) {
        good.line[(int)i] = p;
        p = memchr(p, '\n', n - (size_t)(p - good.text));
        *p++ = '\0';
    }
}

/* Writes the lines that order names, 1 to COUNT; 0 ends it. change: one
 * character of line `changed`, from the end. */
static void put(const int *order, int changed, size_t from_end, char change)
{
    FILE *f = fopen(ring_path("bad.log"), "wb");

    ring_must(f != NULL);
    for (; *order > 0; order++) {
        char *line = good.line[*order];
        char *at = line + strlen(line) - from_end;
        const char was = *at;

        if (*order == changed) {
            *at = change;
        }
        (void)fprintf(f, "%s\n", line);
        *at = was;
    }
    (void)fclose(f);
}

static const uint8_t *kept;

static void expect(const char *wanted, const char *what)
{
    const struct verdict v = verify("bad.log", kept);

    ok(strcmp(v.problems, wanted) == 0, "%s: %s (%s)", what,
       wanted[0] != '\0' ? wanted : "nothing", v.problems);
}

static const int all[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0};

#define LINES(...) ((const int[]){__VA_ARGS__, 0})

static void removed(void)
{
    put(all, 0, 0, 0);
    expect("", "untouched");
    put(LINES(1, 2, 3, 5, 6, 7, 8, 9, 10), 0, 0, 0);
    expect("removed:4", "one line is missing");
    put(LINES(1, 2, 3, 8, 9, 10), 0, 0, 0);
    expect("removed:4", "several lines are missing");
    put(LINES(1, 3, 4, 5, 7, 8), 0, 0, 0);
    expect("removed:2 removed:5", "in two places");
    put(LINES(4, 5, 6), 0, 0, 0);
    expect("removed:1", "the first ones are missing");
    put(LINES(1, 2, 3), 0, 0, 0);
    expect("", "the last ones are missing, which only a head shows");
}

static void edited(void)
{
    put(all, 4, 20, '#');
    expect("edited:4", "a character of line 4");
    put(all, 1, 20, '#');
    expect("edited:1", "of the first line");
    put(all, COUNT, 20, '#');
    expect("", "of the last line, which only a head shows");
    put(all, 4, 1, '#');
    expect("edited:4", "the brace at its end");
    put(all, 4, strlen(good.line[4]), '#');
    expect("edited:4", "the brace at its start");
    put(all, COUNT, 1, '#');
    expect("edited:10", "a last line that is none");
    put(all, 4, strlen(good.line[4]) - 7, '9');
    expect("edited:4", "its number");
    put(all, 4, strlen(good.line[4]) - 40, '#');
    expect("edited:4", "its hash of the line before, to what is none");
}

/* Each byte of each line but the last. */
static void every_byte(void)
{
    unsigned tried = 0;
    unsigned missed = 0;

    for (int line = 1; line < COUNT; line++) {
        const size_t n = strlen(good.line[line]);

        for (size_t at = 1; at <= n; at++) {
            const char was = good.line[line][n - at];

            put(all, line, at, was == '1' ? '2' : '1');
            tried++;
            if (verify("bad.log", NULL).problems[0] == '\0') {
                missed++;
            }
        }
    }
    ok(missed == 0, "each of %u edited bytes is found", tried);
}

static void reordered(void)
{
    put(LINES(1, 2, 4, 3, 5, 6, 7), 0, 0, 0);
    expect("removed:3 reordered:4", "two neighbours swapped");
    put(LINES(1, 2, 3, 3, 4, 5), 0, 0, 0);
    expect("reordered:4", "a line twice");
    put(LINES(1, 2, 3, 4, 1, 2, 3, 5), 0, 0, 0);
    expect("reordered:5", "a run of lines twice");
    put(LINES(1, 5, 6, 7, 2, 3, 4, 8), 0, 0, 0);
    expect("removed:2 reordered:5", "a run of lines moved");
}

/* Lines 1 and 2 of the log, something else, and line 3. */
static struct verdict with_stranger(const char *bytes, size_t n)
{
    FILE *f = NULL;

    put(LINES(1, 2), 0, 0, 0);
    f = fopen(ring_path("bad.log"), "ab");
    ring_must(f != NULL && fwrite(bytes, 1, n, f) == n);
    (void)fprintf(f, "\n%s\n", good.line[3]);
    (void)fclose(f);
    return verify("bad.log", NULL);
}

static void strangers(void)
{
    static const size_t sizes[] = {EE_AUDIT_LINE_MAX - 1,
                                   EE_AUDIT_LINE_MAX,
                                   EE_AUDIT_LINE_MAX + 1,
                                   EE_AUDIT_LINE_MAX + 2,
                                   4 * EE_AUDIT_LINE_MAX - 700,
                                   4 * EE_AUDIT_LINE_MAX,
                                   1000000};
    char *bytes = malloc(1000000);
    unsigned bad = 0;

    ring_must(bytes != NULL);
    memset(bytes, 'x', 1000000);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const struct verdict v = with_stranger(bytes, sizes[i]);
        const bool longer = sizes[i] > EE_AUDIT_LINE_MAX;

        if (strcmp(v.problems, longer ? "too long:3" : "edited:3") != 0 ||
            v.last.line != 4) {
            note("%zu bytes: %s", sizes[i], v.problems);
            bad++;
        }
    }
    ok(bad == 0, "lines of 65535 bytes to a megabyte");
    ok(strcmp(with_stranger("hello\n\nx", 8).problems, "edited:3") == 0,
       "lines of another kind, told of once");
    free(bytes);
    put(LINES(0), 0, 0, 0);
    expect("", "an empty log");
}

static void heads(void)
{
    uint8_t head[EE_HASH_BYTES];

    memcpy(head, verify("good.log", NULL).last.head, sizeof head);
    kept = head;
    put(all, 0, 0, 0);
    expect("", "the head that was kept is there");
    put(LINES(1, 2, 3, 4, 5, 6, 7, 8, 9), 0, 0, 0);
    expect("cut off:9", "a last line less");
    put(all, COUNT, 20, '#');
    expect("cut off:10", "a last line edited");
    ee_sha256(head, ee_bytes(good.line[5], strlen(good.line[5])));
    put(all, 0, 0, 0);
    expect("", "an older head is there, too");
    put(LINES(1, 2, 3, 4), 0, 0, 0);
    expect("cut off:4", "but not in what is left of the log");
    kept = NULL;
}

/* A log of some 20 MB in little memory. */
static void long_log(void)
{
    const size_t copies = scaled(8000);
    struct verdict v;
    struct rusage before;
    struct rusage after;
    FILE *f = fopen(ring_path("bad.log"), "wb");

    ring_must(f != NULL);
    for (size_t i = 0; i < copies; i++) {
        for (int line = 1; line <= COUNT; line++) {
            (void)fprintf(f, "%s\n", good.line[line]);
        }
    }
    (void)fclose(f);
    (void)getrusage(RUSAGE_SELF, &before);
    v = verify("bad.log", NULL);
    (void)getrusage(RUSAGE_SELF, &after);
    ok(v.last.line == copies * COUNT &&
           after.ru_maxrss - before.ru_maxrss < 1024,
       "%llu lines in %ld KiB more", (unsigned long long)v.last.line,
       after.ru_maxrss - before.ru_maxrss);
    (void)unlink(ring_path("bad.log"));
}

static void not_there(void)
{
    struct ee_audit_verify *v = NULL;

    ok(ee_audit_verify_open(&v, ring_path("none.log"), NULL, &err) ==
               EE_CONFIG &&
           v == NULL,
       "no such file: %s", err.msg);
    ok(ee_audit_verify_open(&v, ring_dir, NULL, &err) == EE_CONFIG, "%s",
       err.msg);
    ring_must(mkfifo(ring_path("fifo"), 0600) == 0);
    ok(ee_audit_verify_open(&v, ring_path("fifo"), NULL, &err) == EE_CONFIG,
       "%s", err.msg);
}

int main(void)
{
    ring_setup();
    make_log();
    removed();
    edited();
    every_byte();
    reordered();
    strangers();
    heads();
    long_log();
    not_there();
    free(good.text);
    return done();
}
