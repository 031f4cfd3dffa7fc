/* SPDX-License-Identifier: MIT
 *
 * tap.c: counts and prints tests. Each line is flushed, so that a crash or a
 * fork neither loses nor repeats one.
 */
#include "tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    size_t run;
    size_t failed;
} tests;

void ok(int cond, const char *name, ...)
{
    va_list args;

    tests.run++;
    if (!cond) {
        tests.failed++;
    }
    (void)printf("%sok %zu - ", cond ? "" : "not ", tests.run);
    va_start(args, name);
    (void)vprintf(name, args);
    va_end(args);
    (void)printf("\n");
    (void)fflush(stdout);
}

void skip(const char *why, const char *name)
{
    tests.run++;
    (void)printf("ok %zu - %s # SKIP %s\n", tests.run, name, why);
    (void)fflush(stdout);
}

void note(const char *format, ...)
{
    va_list args;

    (void)printf("# ");
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)printf("\n");
    (void)fflush(stdout);
}

int done(void)
{
    (void)printf("1..%zu\n", tests.run);
    (void)fflush(stdout);
    return tests.failed == 0 && tests.run > 0 ? 0 : 1;
}

size_t scaled(size_t n)
{
    const char *text = getenv("EE_SCALE");
    double scale = text != NULL ? strtod(text, NULL) : 1.0;
    double rounds = (double)n * scale;

    return rounds < 1.0 ? 1 : (size_t)rounds;
}
