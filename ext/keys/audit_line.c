/* SPDX-License-Identifier: MIT
 *
 * audit_line.c: writes and reads lines of the audit log.
 *
 * The reader knows the few members the chain needs. The hash in the next line
 * covers the rest, so there is no need to understand it.
 */
#include "keys/audit_line.h"

#include "base/json.h"
#include "base/status.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Longer names are cut, so that a line has a bound. */
#define TEXT_MAX  1024
#define TIME_TEXT 24 /* 2026-01-02T03:04:05.678Z */

static void literal(struct ee_writer *w, const char *text)
{
    ee_write_bytes(w, ee_bytes(text, strlen(text)));
}

static void text_member(struct ee_writer *w, const char *name,
                        struct ee_bytes text)
{
    literal(w, ",\"");
    literal(w, name);
    literal(w, "\":");
    ee_json_string(w, text);
}

static void string_member(struct ee_writer *w, const char *name,
                          const char *text)
{
    if (text != NULL) {
        text_member(w, name, ee_bytes(text, strnlen(text, TEXT_MAX)));
    }
}

static void number_member(struct ee_writer *w, const char *name, uint64_t n)
{
    char text[64];

    (void)snprintf(text, sizeof text, ",\"%s\":%llu", name,
                   (unsigned long long)n);
    literal(w, text);
}

static void positive_member(struct ee_writer *w, const char *name, uint64_t n)
{
    if (n > 0) {
        number_member(w, name, n);
    }
}

static void hex_member(struct ee_writer *w, const char *name, const uint8_t *p,
                       size_t n)
{
    char hex[2 * EE_HASH_BYTES + 1];

    if (p != NULL) {
        ee_hex(hex, ee_bytes(p, n));
        string_member(w, name, hex);
    }
}

static void time_member(struct ee_writer *w)
{
    char text[64] = "1970-01-01T00:00:00.000Z";
    struct timespec now = {0};
    struct tm tm;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &tm) != NULL && tm.tm_year < 8100) {
        (void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                       tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                       tm.tm_min, tm.tm_sec, (int)(now.tv_nsec / 1000000));
    }
    string_member(w, "time", text);
}

/* Who: the user, and the user whose rights the program has, when that is
 * another one; the process; the program's file. */
static void write_who(struct ee_writer *w)
{
    char program[TEXT_MAX / 2];
    const ssize_t n = readlink("/proc/self/exe", program, sizeof program);

    number_member(w, "uid", getuid());
    if (geteuid() != getuid()) {
        number_member(w, "euid", geteuid());
    }
    number_member(w, "pid", (uint64_t)getpid());
    if (n > 0) {
        text_member(w, "program", ee_bytes(program, (size_t)n));
    } else {
        string_member(w, "program", program_invocation_name);
    }
}

/* What follows `?` in a URI can hold a PIN. */
static void cmk_member(struct ee_writer *w, const char *cmk)
{
    if (cmk != NULL) {
        const size_t n = strcspn(cmk, "?");

        text_member(w, "cmk", ee_bytes(cmk, n < TEXT_MAX ? n : TEXT_MAX));
    }
}

static void write_event(struct ee_writer *w, const struct ee_audit_event *e)
{
    string_member(w, "event", e->event);
    string_member(w, "operation", e->operation);
    string_member(w, "key", e->key);
    positive_member(w, "version", e->version);
    hex_member(w, "key_id", e->key_id, EE_KEY_ID_BYTES);
    string_member(w, "database", e->database);
    cmk_member(w, e->cmk);
    string_member(w, "state", e->state);
    string_member(w, "setting", e->setting);
    string_member(w, "to", e->to);
    positive_member(w, "undoes", e->undoes);
    positive_member(w, "bytes", e->bytes);
    positive_member(w, "lost", e->lost);
    string_member(w, "result", ee_status_name(e->result));
    if (e->in_transaction) {
        literal(w, ",\"in_transaction\":true");
    }
}

size_t ee_audit_line_write(uint8_t *out, size_t size,
                           const struct ee_audit_link *link,
                           const struct ee_audit_event *e)
{
    struct ee_writer w = ee_writer(out, size);
    char start[32];

    (void)snprintf(start, sizeof start, "{\"seq\":%llu",
                   (unsigned long long)link->seq);
    literal(&w, start);
    hex_member(&w, "prev", link->prev, EE_HASH_BYTES);
    time_member(&w);
    write_event(&w, e);
    write_who(&w);
    literal(&w, "}\n");
    return w.bad ? 0 : w.used;
}

/* ---- reading ---- */

static bool take_literal(struct ee_reader *r, const char *text)
{
    const size_t n = strlen(text);
    const struct ee_bytes got = ee_read_bytes(r, n);

    return got.n == n &&
           memcmp(got.p, text, n) == 0; /* lint: memcmp on public bytes */
}

/* 1 to 2^63 - 1, without leading zeros. */
static bool take_number(struct ee_reader *r, uint64_t *out)
{
    uint64_t n = 0;
    int digits = 0;

    while (r->left > 0 && r->p[0] >= '0' && r->p[0] <= '9' && digits < 19) {
        n = n * 10 + (uint64_t)(ee_read_u8(r) - '0');
        if (n == 0) {
            return false;
        }
        digits++;
    }
    *out = n;
    return digits > 0 && n <= INT64_MAX;
}

/* As we write it: lower case. */
static bool take_hash(struct ee_reader *r, uint8_t *out)
{
    const struct ee_bytes hex = ee_read_bytes(r, 2 * EE_HASH_BYTES);

    for (size_t i = 0; i < hex.n; i++) {
        if (hex.p[i] >= 'A' && hex.p[i] <= 'F') {
            return false;
        }
    }
    return hex.n > 0 &&
           ee_unhex(out, EE_HASH_BYTES, (const char *)hex.p, hex.n);
}

static bool take_word(struct ee_reader *r, struct ee_bytes *out)
{
    *out = ee_bytes(r->p, 0);
    while (r->left > 0 &&
           ((r->p[0] >= 'a' && r->p[0] <= 'z') || r->p[0] == '_')) {
        (void)ee_read_u8(r);
        out->n++;
    }
    return out->n > 0;
}

static bool is_word(struct ee_bytes word, const char *text)
{
    return word.n == strlen(text) &&
           memcmp(word.p, text, word.n) == 0; /* lint: memcmp on public bytes */
}

/* The rest: no control character, and a brace at the end. */
static bool ends_well(const struct ee_reader *r)
{
    for (size_t i = 0; i < r->left; i++) {
        if (r->p[i] < 0x20) {
            return false;
        }
    }
    return r->left > 0 && r->p[r->left - 1] == '}';
}

bool ee_audit_line_parse(struct ee_audit_link *out, struct ee_bytes line)
{
    struct ee_reader r = ee_reader(line);
    struct ee_audit_link link = {0};
    struct ee_bytes word = {NULL, 0};

    if (line.n > EE_AUDIT_LINE_MAX || !take_literal(&r, "{\"seq\":") ||
        !take_number(&r, &link.seq) || !take_literal(&r, ",\"prev\":\"") ||
        !take_hash(&r, link.prev) || !take_literal(&r, "\",\"time\":\"") ||
        ee_read_bytes(&r, TIME_TEXT).n != TIME_TEXT ||
        !take_literal(&r, "\",\"event\":\"") || !take_word(&r, &word) ||
        !take_literal(&r, "\"") || !ends_well(&r)) {
        return false;
    }
    link.torn = is_word(word, EE_AUDIT_TORN);
    link.continued = is_word(word, EE_AUDIT_CONTINUED);
    *out = link;
    return true;
}
