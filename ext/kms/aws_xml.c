/* SPDX-License-Identifier: MIT
 *
 * aws_xml.c: tags one after the other, with a stack of the open ones.
 */
#include "kms/aws_xml.h"

#include <string.h>

#define DEPTH_MAX 8

struct reader {
    const uint8_t *p;
    const uint8_t *end;
    struct ee_bytes open[DEPTH_MAX]; /* names */
    size_t depth;
    bool mixed; /* the text that was read last is not the whole of it */
};

enum event { XML_BAD, XML_END, XML_OPEN, XML_CLOSE };

static bool name_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static bool same(struct ee_bytes a, struct ee_bytes b)
{
    return a.n == b.n && a.n > 0 &&
           strncmp((const char *)a.p, (const char *)b.p, a.n) == 0;
}

static bool is(struct ee_bytes name, const char *word)
{
    return same(name, ee_bytes(word, strlen(word)));
}

/* The bytes before the next '<', or the end. */
static struct ee_bytes read_text(struct reader *r)
{
    const uint8_t *start = r->p;

    while (r->p < r->end && *r->p != '<') {
        r->p++;
    }
    return ee_bytes(start, (size_t)(r->p - start));
}

/* Behind a name: attributes, whose values may hold no '<' or '&', then '>' or
 * '/>'. */
static bool read_tag_end(struct reader *r, bool *empty)
{
    uint8_t quote = 0;

    for (; r->p < r->end; r->p++) {
        const uint8_t c = *r->p;

        if (c == '<' || c == '&' || c == '\0') {
            return false;
        }
        if (quote != 0) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            *empty = r->p[-1] == '/';
            r->p++;
            return true;
        }
    }
    return false;
}

static enum event read_close(struct reader *r, struct ee_bytes name)
{
    if (r->depth == 0 || !same(r->open[r->depth - 1], name) || r->p == r->end ||
        *r->p != '>') {
        return XML_BAD;
    }
    r->p++;
    r->depth--;
    return XML_CLOSE;
}

/* The next tag, and the text before it. An empty element, <a/>, is passed
 * over. */
static enum event next(struct reader *r, struct ee_bytes *text,
                       struct ee_bytes *name)
{
    for (r->mixed = false;; r->mixed = true) {
        bool closes = false;
        bool empty = false;
        const uint8_t *start = NULL;

        *text = read_text(r);
        if (r->p == r->end) {
            return r->depth == 0 ? XML_END : XML_BAD;
        }
        r->p++;
        closes = r->p < r->end && *r->p == '/';
        r->p += closes ? 1 : 0;
        start = r->p;
        while (r->p < r->end && name_char(*r->p)) {
            r->p++;
        }
        *name = ee_bytes(start, (size_t)(r->p - start));
        if (name->n == 0) { /* <!, <?, or no tag at all */
            return XML_BAD;
        }
        if (closes) {
            return read_close(r, *name);
        }
        if (!read_tag_end(r, &empty) || (!empty && r->depth == DEPTH_MAX)) {
            return XML_BAD;
        }
        if (!empty) {
            r->open[r->depth++] = *name;
            return XML_OPEN;
        }
    }
}

/* Behind "<?xml ...?>", where there is one. */
static struct reader start(struct ee_bytes text)
{
    static const char head[] = "<?xml ";
    struct reader r = {.p = text.p, .end = text.p + text.n};

    if (text.n > sizeof head && memcmp(r.p, head, sizeof head - 1) == 0) {
        /* lint: memcmp public, above */
        const uint8_t *close = memchr(r.p, '>', text.n);

        if (close != NULL && close[-1] == '?') {
            r.p = close + 1;
        }
    }
    return r;
}

/* No entity: neither credentials nor times need one. */
static bool take(struct ee_bytes *part, struct ee_bytes text)
{
    const bool first = part->p == NULL;

    *part = text;
    return first && text.n > 0 && memchr(text.p, '&', text.n) == NULL;
}

/* A child of <Credentials> has closed. False: it was there already. */
static bool take_named(struct ee_aws_parts *parts, struct ee_bytes name,
                       struct ee_bytes text)
{
    if (is(name, "AccessKeyId")) {
        return take(&parts->key_id, text);
    }
    if (is(name, "SecretAccessKey")) {
        return take(&parts->secret, text);
    }
    if (is(name, "SessionToken")) {
        return take(&parts->token, text);
    }
    return is(name, "Expiration") ? take(&parts->expiration, text) : true;
}

bool ee_aws_xml_credentials(struct ee_bytes text, struct ee_aws_parts *parts)
{
    struct reader r = start(text);
    struct ee_aws_parts found = {0};
    struct ee_bytes name = {NULL, 0};
    struct ee_bytes inner = {NULL, 0};
    enum event e = next(&r, &inner, &name);

    for (; e == XML_OPEN || e == XML_CLOSE; e = next(&r, &inner, &name)) {
        const size_t back = e == XML_OPEN ? 3 : 1;

        if (r.depth < back || !is(r.open[r.depth - back], "Credentials")) {
            continue;
        }
        /* a child of <Credentials> has text and nothing else */
        if (e == XML_OPEN || r.mixed || !take_named(&found, name, inner)) {
            return false;
        }
    }
    if (e != XML_END || found.key_id.p == NULL || found.secret.p == NULL ||
        found.token.p == NULL || found.expiration.p == NULL) {
        return false;
    }
    *parts = found;
    return true;
}

struct ee_bytes ee_aws_xml_code(struct ee_bytes text)
{
    struct reader r = start(text);
    struct ee_bytes name = {NULL, 0};
    struct ee_bytes inner = {NULL, 0};
    enum event e = next(&r, &inner, &name);

    for (; e == XML_OPEN || e == XML_CLOSE; e = next(&r, &inner, &name)) {
        if (e == XML_CLOSE && !r.mixed && is(name, "Code")) {
            return inner;
        }
    }
    return ee_bytes(NULL, 0);
}
