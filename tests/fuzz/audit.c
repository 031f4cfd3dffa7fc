/* SPDX-License-Identifier: MIT
 *
 * audit.c: lines of an audit log, any bytes. A line that is accepted begins as
 * one of ours does. The judge of the chain takes every sequence of lines, says
 * of each at most a few things, and calls a chain whole only when it is.
 */
#include "keys/audit_chain.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static int is_ours(struct ee_bytes line, struct ee_audit_link *link)
{
    const struct ee_audit_link untouched = {.seq = 77};
    char hex[2 * EE_HASH_BYTES + 1];
    char start[200];
    int n = 0;

    *link = untouched;
    if (!ee_audit_line_parse(link, line)) {
        check(link->seq == 77);
        return 0;
    }
    ee_hex(hex, ee_bytes(link->prev, sizeof link->prev));
    n = snprintf(start, sizeof start,
                 "{\"seq\":%llu,\"prev\":\"%s\",\"time\":\"",
                 (unsigned long long)link->seq, hex);
    check(n > 0 && line.n > (size_t)n && memcmp(line.p, start, (size_t)n) == 0);
    check(line.p[line.n - 1] == '}' && link->seq > 0);
    check(memchr(line.p, '\n', line.n) == NULL);
    return 1;
}

/* Takes what was found. */
static size_t take(struct ee_audit_chain *c)
{
    const size_t found = c->found_count;

    check(found <= 2);
    for (size_t i = 0; i < found; i++) {
        const struct ee_audit_finding *f = &c->found[i];

        check(f->problem != NULL && f->line <= c->lines);
        check(strlen(f->detail) > 10 && strlen(f->detail) < sizeof f->detail);
    }
    c->found_count = 0;
    return found;
}

/* Is this the line after number seq with this hash? The first line of a file
 * may go on from one that is elsewhere; line 1 has none to go on from. */
static int follows(const struct ee_audit_link *link, uint64_t seq,
                   const uint8_t *head)
{
    return (seq == 0 && link->continued && link->seq > 1) ||
           (link->seq == seq + 1 &&
            memcmp(link->prev, head, EE_HASH_BYTES) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ee_audit_chain chain = {0};
    struct ee_audit_link link;
    uint8_t head[EE_HASH_BYTES] = {0};
    uint64_t seq = 0;
    size_t found = 0;
    int whole = 1;

    while (size > 0) {
        const uint8_t *newline = memchr(data, '\n', size);
        const size_t n = newline != NULL ? (size_t)(newline - data) : size;
        const struct ee_bytes line = ee_bytes(data, n);
        const int ours = is_ours(line, &link);

        whole = whole && ours && follows(&link, seq, head);
        seq = link.seq;
        ee_sha256(head, line);
        ee_audit_chain_line(&chain, line, newline != NULL);
        found += take(&chain);
        data += n + (newline != NULL);
        size -= n + (newline != NULL);
    }
    ee_audit_chain_end(&chain);
    found += take(&chain);
    check((found == 0) == whole);
    return 0;
}
