/* SPDX-License-Identifier: MIT
 *
 * vec.c: `name: text` lines; a blank line ends a case, # starts a comment.
 */
#include "vec.h"

#include "base/text.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void stop(const char *what, const char *name)
{
    (void)printf("Bail out! vectors: %s: %s\n", what, name);
    exit(1);
}

static void *need(void *p)
{
    if (p == NULL) {
        stop("malloc", "out of memory");
    }
    return p;
}

const char *vec_folder(int argc, char **argv)
{
    static char path[4096];
    const char *repo = getenv("EE_REPO");

    if (argc > 1) {
        return argv[1];
    }
    (void)snprintf(path, sizeof path, "%s%stests/vectors",
                   repo != NULL ? repo : "", repo != NULL ? "/" : "");
    return path;
}

static int is_vec(const struct dirent *entry)
{
    const size_t n = strlen(entry->d_name);

    return n > 4 && strcmp(entry->d_name + n - 4, ".vec") == 0;
}

size_t vec_each_file(const char *folder, const char *sub,
                     void (*each)(const char *path, void *arg), void *arg)
{
    struct dirent **entries = NULL;
    char path[4096];
    int n = 0;

    (void)snprintf(path, sizeof path, "%s/%s", folder, sub);
    n = scandir(path, &entries, is_vec, alphasort);
    if (n < 0) {
        stop("no such folder", path);
    }
    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "%s/%s/%s", folder, sub,
                       entries[i]->d_name);
        each(path, arg);
        free(entries[i]);
    }
    free(entries);
    return (size_t)n;
}

FILE *vec_open(const char *path)
{
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        stop("cannot open", path);
    }
    return file;
}

static void empty(struct vec_case *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->lines[i].name);
        free(c->lines[i].bytes);
    }
    free(c->lines);
    *c = (struct vec_case){0};
}

static void append(struct vec_case *c, const char *line)
{
    char *name = need(strdup(line));
    char *colon = strchr(name, ':');

    if (colon == NULL) {
        stop("a line without ':'", line);
    }
    *colon = '\0';
    c->lines = need(realloc(c->lines, (c->count + 1) * sizeof *c->lines));
    c->lines[c->count++] = (struct vec_line){
        .name = name,
        .text = colon[1] == ' ' ? colon + 2 : colon + 1,
    };
}

bool vec_next(FILE *file, struct vec_case *c)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n = 0;

    empty(c);
    while ((n = getline(&line, &size, file)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0' && c->count > 0) {
            break;
        }
        if (line[0] != '\0' && line[0] != '#') {
            append(c, line);
        }
    }
    free(line);
    return c->count > 0;
}

static struct vec_line *nth(const struct vec_case *c, const char *name,
                            size_t i)
{
    for (size_t k = 0; k < c->count; k++) {
        if (strcmp(c->lines[k].name, name) == 0 && i-- == 0) {
            return &c->lines[k];
        }
    }
    return NULL;
}

static struct vec_line *one(const struct vec_case *c, const char *name,
                            size_t i)
{
    struct vec_line *line = nth(c, name, i);

    if (line == NULL) {
        stop("missing line", name);
    }
    return line;
}

bool vec_has(const struct vec_case *c, const char *name)
{
    return nth(c, name, 0) != NULL;
}

size_t vec_count(const struct vec_case *c, const char *name)
{
    size_t n = 0;

    while (nth(c, name, n) != NULL) {
        n++;
    }
    return n;
}

const char *vec_text(const struct vec_case *c, const char *name)
{
    return one(c, name, 0)->text;
}

bool vec_is(const struct vec_case *c, const char *name, const char *text)
{
    return strcmp(vec_text(c, name), text) == 0;
}

uint64_t vec_number(const struct vec_case *c, const char *name)
{
    const char *text = vec_text(c, name);
    char *end = NULL;
    uint64_t n = strtoull(text, &end, 10);

    if (end == text || *end != '\0') {
        stop("not a number", name);
    }
    return n;
}

/* An exact allocation, so that a checker sees a read past its end. */
static struct ee_bytes unhex(struct vec_line *line, const char *text)
{
    const size_t n = strlen(text) / 2;

    if (line->bytes == NULL) {
        line->bytes = need(malloc(n > 0 ? n : 1));
        if (!ee_unhex(line->bytes, n, text, strlen(text))) {
            stop("not hexadecimal", line->name);
        }
    }
    return ee_bytes(line->bytes, n);
}

struct ee_bytes vec_bytes(struct vec_case *c, const char *name)
{
    struct vec_line *line = one(c, name, 0);

    return unhex(line, line->text);
}

const uint8_t *vec_exact(struct vec_case *c, const char *name, size_t n)
{
    struct ee_bytes b = vec_bytes(c, name);

    if (b.n != n) {
        stop("wrong length", name);
    }
    return b.p;
}

struct ee_value vec_value(struct vec_case *c, const char *name, size_t i)
{
    struct vec_line *line = one(c, name, i);
    const char *body = strchr(line->text, ' ');
    struct ee_value v = ee_value_null();
    uint8_t type = 0;

    if (strlen(line->text) < 2 || !ee_unhex(&type, 1, line->text, 2)) {
        stop("not a value", name);
    }
    if (type != EE_NULL &&
        !ee_value_decode(&v, type, unhex(line, body != NULL ? body + 1 : ""))) {
        stop("not a value", name);
    }
    return v;
}
