/* SPDX-License-Identifier: MIT
 *
 * aws_ini.c: one line at a time; each question reads the text anew.
 */
#include "kms/aws_ini.h"

#include <string.h>
#include <strings.h>

enum line_kind {
    LINE_BAD,
    LINE_BLANK,
    LINE_SECTION,
    LINE_PROPERTY,
    LINE_MEMBER
};

struct line {
    enum line_kind kind;
    struct ee_bytes name;  /* of a section: all between the brackets */
    struct ee_bytes value; /* of a property or member */
};

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct ee_bytes trim(struct ee_bytes s)
{
    while (s.n > 0 && blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && blank(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

/* The text before a '#' or ';' that starts the text or follows a blank. */
static struct ee_bytes without_comment(struct ee_bytes s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] == '#' || s.p[i] == ';') && (i == 0 || blank(s.p[i - 1]))) {
            s.n = i;
        }
    }
    return s;
}

/* Takes the next line off the text. False at its end. */
static bool next_line(struct ee_bytes *text, struct ee_bytes *line)
{
    const uint8_t *end = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;
    const size_t n = end != NULL ? (size_t)(end - text->p) : text->n;

    if (text->n == 0) {
        return false;
    }
    *line = ee_bytes(text->p, n);
    text->p += end != NULL ? n + 1 : n;
    text->n -= end != NULL ? n + 1 : n;
    return true;
}

static struct line read_section(struct ee_bytes s)
{
    struct line line = {.kind = LINE_BAD};

    s = trim(without_comment(s));
    if (s.n > 2 && s.p[s.n - 1] == ']') {
        line.name = trim(ee_bytes(s.p + 1, s.n - 2));
        line.kind = line.name.n > 0 ? LINE_SECTION : LINE_BAD;
    }
    return line;
}

static struct line read_line(struct ee_bytes raw)
{
    const bool indented = raw.n > 0 && blank(raw.p[0]);
    const struct ee_bytes s = trim(raw);
    const uint8_t *equals = s.n > 0 ? memchr(s.p, '=', s.n) : NULL;
    struct line line = {.kind = LINE_BAD};

    if (s.n == 0 || s.p[0] == '#' || s.p[0] == ';') {
        line.kind = LINE_BLANK;
        return line;
    }
    if (memchr(s.p, '\0', s.n) != NULL) {
        return line;
    }
    if (!indented && s.p[0] == '[') {
        return read_section(s);
    }
    if (equals == NULL) {
        /* the value of a property goes on; none of ours does */
        line.kind = indented ? LINE_BLANK : LINE_BAD;
        return line;
    }
    line.name = trim(ee_bytes(s.p, (size_t)(equals - s.p)));
    line.value = trim(without_comment(
        ee_bytes(equals + 1, s.n - (size_t)(equals - s.p) - 1)));
    if (line.name.n > 0) {
        line.kind = indented ? LINE_MEMBER : LINE_PROPERTY;
    }
    return line;
}

static bool is(struct ee_bytes text, const char *word, bool any_case)
{
    const char *p = (const char *)text.p;

    return text.n == strlen(word) && text.n > 0 &&
           (any_case ? strncasecmp(p, word, text.n)
                     : strncmp(p, word, text.n)) == 0;
}

/* Is the section, as it stands in its brackets, the one that is asked for? */
static bool is_section(struct ee_bytes section, const char *kind,
                       const char *name)
{
    const size_t n = strlen(kind);

    if (n == 0) {
        return is(section, name, false);
    }
    if (section.n <= n || !is(ee_bytes(section.p, n), kind, false) ||
        !blank(section.p[n])) {
        return false;
    }
    section = trim(ee_bytes(section.p + n, section.n - n));
    if (section.n > 2 && section.p[0] == section.p[section.n - 1] &&
        (section.p[0] == '"' || section.p[0] == '\'')) {
        section = ee_bytes(section.p + 1, section.n - 2);
    }
    return is(section, name, false);
}

size_t ee_aws_ini_bad_line(struct ee_bytes text)
{
    struct ee_bytes raw;
    bool in_section = false;

    for (size_t number = 1; next_line(&text, &raw); number++) {
        const struct line line = read_line(raw);

        in_section = in_section || line.kind == LINE_SECTION;
        if (line.kind == LINE_BAD ||
            (line.kind >= LINE_PROPERTY && !in_section)) {
            return number;
        }
    }
    return 0;
}

bool ee_aws_ini_get(struct ee_bytes text, const char *kind, const char *name,
                    const char *group, const char *property,
                    struct ee_bytes *value)
{
    bool here = false;     /* in the section */
    bool in_group = false; /* in the group */
    bool found = false;
    struct ee_bytes raw;

    while (next_line(&text, &raw)) {
        const struct line line = read_line(raw);
        const bool wanted =
            here && is(line.name, property, true) &&
            line.kind == (group == NULL ? LINE_PROPERTY : LINE_MEMBER) &&
            (group == NULL || in_group);

        if (line.kind == LINE_SECTION) {
            here = is_section(line.name, kind, name);
            in_group = false;
        } else if (line.kind == LINE_PROPERTY) {
            in_group = group != NULL && line.value.n == 0 &&
                       is(line.name, group, true);
        }
        if (wanted && line.value.n > 0) {
            *value = line.value;
            found = true;
        }
    }
    return found;
}

bool ee_aws_ini_has(struct ee_bytes text, const char *kind, const char *name)
{
    struct ee_bytes raw;

    while (next_line(&text, &raw)) {
        const struct line line = read_line(raw);

        if (line.kind == LINE_SECTION && is_section(line.name, kind, name)) {
            return true;
        }
    }
    return false;
}
