/* SPDX-License-Identifier: MIT
 *
 * audit_chain.c: judges the chain of an audit log's lines.
 *
 * After a finding it goes on from the line it has, so that one change gives
 * one finding. Lines that are out of place are not gone on from.
 */
#include "keys/audit_chain.h"

#include "base/secret.h"

#include <stdio.h>
#include <string.h>

static void find(struct ee_audit_chain *c, uint64_t line, uint64_t seq,
                 const char *problem, const char *detail)
{
    struct ee_audit_finding *f = NULL;

    if (c->found_count == EE_FINDINGS_MAX) {
        return; /* cannot be: see ee_audit_chain_line() */
    }
    f = &c->found[c->found_count++];
    *f =
        (struct ee_audit_finding){.line = line, .seq = seq, .problem = problem};
    (void)snprintf(f->detail, sizeof f->detail, "%s", detail);
}

static void find_edited(struct ee_audit_chain *c, uint64_t line, uint64_t seq,
                        const char *detail)
{
    if (c->blamed != line) {
        c->blamed = line;
        find(c, line, seq, "edited", detail);
    }
}

static bool same(const uint8_t *a, const uint8_t *b)
{
    return ee_equal(a, b, EE_HASH_BYTES);
}

static bool is_start(const struct ee_audit_link *link)
{
    return link->seq == 1 && ee_is_zero(link->prev, sizeof link->prev);
}

static void judge_first(struct ee_audit_chain *c,
                        const struct ee_audit_link *link)
{
    char detail[128];

    if (link->continued && link->seq > 1) {
        c->continued = true;
        memcpy(c->before, link->prev, sizeof c->before);
        c->kept_before = c->kept != NULL && same(c->kept, c->before);
    } else if (link->seq == 1 && !is_start(link)) {
        find_edited(c, c->lines, link->seq,
                    "the first line of all has a line before it");
    } else if (!is_start(link)) {
        (void)snprintf(detail, sizeof detail,
                       "the log begins with seq %llu: what came before it is "
                       "missing",
                       (unsigned long long)link->seq);
        find(c, c->lines, link->seq, "removed", detail);
    }
}

static void judge_gap(struct ee_audit_chain *c,
                      const struct ee_audit_link *link)
{
    const unsigned long long from = c->last.seq + 1;
    const unsigned long long to = link->seq - 1;
    char detail[128];

    (void)snprintf(detail, sizeof detail,
                   from == to ? "seq %llu is missing before this line"
                              : "seq %llu to %llu are missing before this line",
                   from, to);
    find(c, c->lines, link->seq, "removed", detail);
}

/* A run of lines that is out of place is told of once. */
static void judge_aside(struct ee_audit_chain *c,
                        const struct ee_audit_link *link, bool runs_on)
{
    char detail[128];

    if (!runs_on) {
        (void)snprintf(detail, sizeof detail,
                       "it comes after seq %llu: moved, repeated or inserted",
                       (unsigned long long)c->last.seq);
        find(c, c->lines, link->seq, "reordered", detail);
    }
}

/* The number that the chain goes on from with this line; 0: not with it. bad:
 * so many lines before it are none, and may have been others. */
static uint64_t judge_next(struct ee_audit_chain *c,
                           const struct ee_audit_link *link, uint64_t bad)
{
    const uint64_t expected = c->last.seq + 1;
    const bool runs_on = c->aside.seq > 0 && link->seq == c->aside.seq + 1 &&
                         same(link->prev, c->aside.head);

    if (bad > 0 && link->seq >= expected && link->seq - expected <= bad) {
        return link->seq; /* said already */
    }
    if (same(link->prev, c->last.head)) {
        if (link->seq != expected) {
            find_edited(c, c->lines, link->seq,
                        "its number is not the one after the line before");
        }
        return expected;
    }
    if (link->seq < expected) {
        judge_aside(c, link, runs_on);
        return 0;
    }
    if (runs_on) {
        return link->seq;
    }
    if (link->seq > expected) {
        judge_gap(c, link);
    } else if (link->torn) {
        find(c, c->lines, link->seq, "removed",
             "the torn line before this one is missing");
    } else {
        find_edited(c, c->last_line, c->last.seq,
                    "its hash is not the one that the next line has");
    }
    return link->seq;
}

/* What is to be said of the lines that are none, now that the line after them
 * is here (NULL: there is none). */
static void judge_bad(struct ee_audit_chain *c,
                      const struct ee_audit_link *link)
{
    if (c->bad == 0) {
        return;
    }
    if (c->bad_long) {
        find(c, c->bad_line, 0, "too long",
             "a line of more than 65536 bytes, which no audit log has");
    } else if (link != NULL && link->torn && link->seq == c->last.seq + 1 &&
               same(link->prev, c->bad_head)) {
        find(c, c->bad_line, 0, "torn",
             "cut short by a crash or a full disk; the next writer closed it");
    } else {
        find(c, c->bad_line, 0, "edited", "this is not a line of an audit log");
    }
    c->bad = 0;
    c->bad_long = false;
}

/* A good line: in its place with number seq, or out of place with 0. */
static void go_on(struct ee_audit_chain *c, uint64_t seq,
                  const struct ee_audit_end *line)
{
    c->end = *line;
    if (seq > 0) {
        c->last = *line;
        c->last.seq = seq;
        c->last_line = c->lines;
        c->aside.seq = 0;
    } else {
        c->aside = *line;
    }
}

static void count_bad(struct ee_audit_chain *c)
{
    if (c->bad++ == 0) {
        c->bad_line = c->lines;
    }
}

static void add_bad(struct ee_audit_chain *c, const uint8_t *head, bool closed)
{
    count_bad(c);
    memcpy(c->bad_head, head, sizeof c->bad_head);
    if (!closed) {
        find(c, c->lines, 0, "torn",
             "cut short by a crash or a full disk; the next writer will close "
             "it");
        c->bad--;
    }
}

void ee_audit_chain_line(struct ee_audit_chain *c, struct ee_bytes line,
                         bool closed)
{
    const uint64_t bad = c->bad;
    struct ee_audit_link link;
    struct ee_audit_end this;
    uint64_t seq = 0;

    c->lines++;
    ee_sha256(this.head, line);
    if (c->kept != NULL && c->kept_line == 0 && same(c->kept, this.head)) {
        c->kept_line = c->lines;
    }
    if (!ee_audit_line_parse(&link, line)) {
        add_bad(c, this.head, closed);
        return;
    }
    this.seq = seq = link.seq;
    judge_bad(c, &link);
    if (c->first > 0) {
        seq = judge_next(c, &link, bad);
    } else {
        c->first = link.seq;
        if (link.seq > bad + 1 || bad == 0) {
            judge_first(c, &link);
        }
    }
    go_on(c, seq, &this);
}

void ee_audit_chain_long_line(struct ee_audit_chain *c)
{
    c->lines++;
    count_bad(c);
    c->bad_long = true;
}

void ee_audit_chain_end(struct ee_audit_chain *c)
{
    judge_bad(c, NULL);
    if (c->kept != NULL && c->kept_line == 0 && !c->kept_before) {
        find(c, c->lines, c->last.seq, "cut off",
             "no line has the head that was given: the end was cut off, or "
             "all of it was written anew");
    }
}
