/* SPDX-License-Identifier: MIT
 *
 * sql_text.c: names, comments and strings as SQLite's tokenize.c tells them
 * apart. A byte order mark is white space where a token may begin.
 */
#include "sqlite/sql_text.h"

#include <stdbool.h>
#include <string.h>

static const char mark[] = "\xef\xbb\xbf";

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_';
}

static bool is_name_char(char c)
{
    return is_word_char(c) || c == '$' || (unsigned char)c >= 0x80;
}

/* Behind the next `what`, or at the end. */
static const char *behind(const char *p, const char *what)
{
    const char *hit = strstr(p, what);

    return hit != NULL ? hit + strlen(what) : p + strlen(p);
}

static const char *skip_blanks(const char *p)
{
    for (;;) {
        if ((*p >= '\t' && *p <= '\r') || *p == ' ') {
            p++;
        } else if (strncmp(p, mark, sizeof mark - 1) == 0) {
            p += sizeof mark - 1;
        } else if (p[0] == '-' && p[1] == '-') {
            p = behind(p, "\n");
        } else if (p[0] == '/' && p[1] == '*') {
            p = behind(p + 2, "*/");
        } else {
            return p;
        }
    }
}

/* p: at the opening quote. Two closing ones are one inside; not so of ']'. */
static const char *skip_quoted(const char *p)
{
    const char close = *p == '[' ? ']' : *p;

    for (p++; *p != '\0'; p++) {
        if (*p == close && (close == ']' || p[1] != close)) {
            return p + 1;
        }
        if (*p == close) {
            p++;
        }
    }
    return p;
}

/* Behind the token at p, which is not at the end. name: where it may be one. */
static const char *read_token(const char *p, struct ee_sql_name *name)
{
    const char *begin = p;

    name->p = NULL;
    if (*p == '\'') {
        return skip_quoted(p);
    }
    if (*p == '"' || *p == '`' || *p == '[') {
        p = skip_quoted(p);
        name->p = begin + 1;
        name->n = (size_t)(p - begin) - 1;
        name->n -= name->n > 0; /* the closing quote */
        return p;
    }
    while (is_name_char(*p)) {
        p++;
    }
    if (p == begin) {
        return p + 1;
    }
    name->p = begin;
    name->n = (size_t)(p - begin);
    return p;
}

void ee_sql_next_call(const char **at, struct ee_sql_name *name)
{
    const char *p = skip_blanks(*at);

    while (*p != '\0') {
        p = skip_blanks(read_token(p, name));
        if (name->p != NULL && *p == '(') {
            *at = p;
            return;
        }
    }
    name->p = NULL;
    *at = p;
}

void ee_sql_next_word(const char **at, struct ee_sql_name *word)
{
    const char *p = *at;

    while (*p != '\0' && !is_word_char(*p)) {
        p++;
    }
    *at = p;
    while (is_word_char(**at)) {
        (*at)++;
    }
    word->p = *at > p ? p : NULL;
    word->n = (size_t)(*at - p);
}
