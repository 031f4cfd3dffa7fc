/* SPDX-License-Identifier: MIT
 *
 * vec.h: reads test vectors; tests/vectors/README.md describes the files.
 *
 * A damaged file ends the program: a test that reads nothing proves nothing.
 */
#ifndef TESTS_UNIT_VEC_H
#define TESTS_UNIT_VEC_H

#include "base/bytes.h"
#include "envelope/value.h"

#include <stdbool.h>
#include <stdio.h>

struct vec_line {
    char *name;
    char *text;
    uint8_t *bytes; /* text as hexadecimal, once asked for */
};

/* One case: its lines in order. Start from {0}; vec_next() reuses it. */
struct vec_case {
    struct vec_line *lines;
    size_t count;
};

/* The vectors folder: argv[1], $EE_REPO/tests/vectors, or tests/vectors. */
const char *vec_folder(int argc, char **argv);

/* Calls each(path, arg) for every .vec file of folder/sub, by name, and
 * returns how many there were. */
size_t vec_each_file(const char *folder, const char *sub,
                     void (*each)(const char *path, void *arg), void *arg);

FILE *vec_open(const char *path);
/* The next case, or false at the end of the file, with c emptied. */
bool vec_next(FILE *file, struct vec_case *c);

bool vec_has(const struct vec_case *c, const char *name);
/* How many lines have this name. */
size_t vec_count(const struct vec_case *c, const char *name);
/* The text of a line that must be there. */
const char *vec_text(const struct vec_case *c, const char *name);
bool vec_is(const struct vec_case *c, const char *name, const char *text);
uint64_t vec_number(const struct vec_case *c, const char *name);
/* Bytes in hexadecimal. The case owns them. */
struct ee_bytes vec_bytes(struct vec_case *c, const char *name);
/* The same, which must be n bytes. */
const uint8_t *vec_exact(struct vec_case *c, const char *name, size_t n);
/* The i-th `type hexbody` of this name; the case owns the body. */
struct ee_value vec_value(struct vec_case *c, const char *name, size_t i);

#endif
