/* SPDX-License-Identifier: MIT
 *
 * keys_audit_line.c: lines of the audit log: JSON whatever is in them, and
 * read back as they were written.
 */
#include "keys/audit_line.h"
#include "ring.h"
#include "tap.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static const char *sql(const char *text, const void *bytes, size_t n)
{
    static char out[4096];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;

    out[0] = '\0';
    ring_must(sqlite3_open(":memory:", &db) == SQLITE_OK);
    ring_must(sqlite3_prepare_v2(db, text, -1, &stmt, NULL) == SQLITE_OK);
    (void)sqlite3_bind_text(stmt, 1, bytes, (int)n, SQLITE_STATIC);
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        (void)snprintf(out, sizeof out, "%s", sqlite3_column_text(stmt, 0));
    }
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return out;
}

static size_t line_with(uint8_t *out, const char *database)
{
    const struct ee_audit_link link = {.seq = 7, .prev = {1, 2, 3}};
    const struct ee_audit_event e = {.event = "wrap", .database = database};

    return ee_audit_line_write(out, EE_AUDIT_WRITE_MAX, &link, &e);
}

static void json(void)
{
    static uint8_t out[EE_AUDIT_WRITE_MAX];
    struct ee_audit_link link;
    unsigned bad = 0;
    size_t n = 0;
    char text[64] = "a\"b\\c\n\x01\x1f\x7f\xc3\xa9";

    n = line_with(out, text);
    ok(strcmp(sql("SELECT json_extract(?, '$.database')", out, n), text) == 0,
       "quotes, backslashes and control characters come back");
    n = line_with(out, "\xff"
                       "a\xc0\xaf\xed\xa0\x80\xf5\xe2\x82");
    ok(strcmp(sql("SELECT json_extract(?, '$.database')", out, n),
              "\xef\xbf\xbd"
              "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
              "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") == 0,
       "what is not UTF-8 becomes U+FFFD");
    for (unsigned c = 1; c < 256 * 256; c++) {
        (void)snprintf(text, sizeof text, "%c%c", (char)(c >> 8), (char)c);
        n = line_with(out, c < 256 ? text + 1 : text);
        bad += strcmp(sql("SELECT json_valid(?)", out, n), "1") != 0 ||
               memchr(out, '\n', n - 1) != NULL ||
               !ee_audit_line_parse(&link, ee_bytes(out, n - 1)) ||
               link.seq != 7 || link.prev[2] != 3;
        c += c > 256 ? 250 : 0;
    }
    ok(bad == 0, "every byte and many pairs make JSON that is read back");
}

static void longest(void)
{
    static uint8_t out[EE_AUDIT_WRITE_MAX];
    static char text[5000];
    const struct ee_audit_link link = {.seq = INT64_MAX};
    struct ee_audit_event e = {.event = "created", .key = "pii", .version = 1};
    size_t n = 0;

    memset(text, 1, sizeof text - 1);
    e.database = e.cmk = text;
    n = ee_audit_line_write(out, sizeof out, &link, &e);
    ok(n > 12000 && strcmp(sql("SELECT json_valid(?)", out, n), "1") == 0,
       "a line of the longest names is whole, %zu bytes", n);
    e.cmk = "pkcs11:token=x?pin-value=1234";
    n = ee_audit_line_write(out, sizeof out, &link, &e);
    ok(n > 0 && memmem(out, n, "token=x", 7) != NULL &&
           memmem(out, n, "1234", 4) == NULL,
       "the query of a URI, which may hold a PIN, is left out");
    ok(ee_audit_line_write(out, 100, &link, &e) == 0,
       "a buffer too small is noticed");
}

static void parsing(void)
{
    static const char *const wrong[] = {
        "",
        "{",
        "{}",
        "null",
        "{\"seq\":01,\"prev\":\"",
        "{\"seq\":0,\"prev\":\"",
        "{\"seq\":9223372036854775808,\"prev\":\"",
        "{\"seq\":,\"prev\":\"",
        "{\"seq\": 1,\"prev\":\""};
    static uint8_t out[EE_AUDIT_WRITE_MAX];
    const size_t n = line_with(out, "/x") - 1;
    struct ee_audit_link link = {.seq = 99};
    unsigned accepted = 0;
    char text[200];

    for (size_t i = 0; i < n; i++) {
        accepted += ee_audit_line_parse(&link, ee_bytes(out, i));
    }
    ok(accepted == 0 && link.seq == 99, "a line cut anywhere is no line");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        (void)snprintf(text, sizeof text, "%s", wrong[i]);
        if (strlen(wrong[i]) > 10) { /* a right end for a wrong start */
            (void)snprintf(text, sizeof text, "%s%.*s", wrong[i], 120,
                           (const char *)out +
                               strlen("{\"seq\":7,\"prev\":\""));
            text[strlen(text) - 1] = '}';
        }
        accepted += ee_audit_line_parse(&link, ee_bytes(text, strlen(text)));
    }
    (void)snprintf(text, sizeof text, "{\"seq\":7,\"prev\":\"%.*s", 120,
                   (const char *)out + strlen("{\"seq\":7,\"prev\":\""));
    text[strlen(text) - 1] = '}';
    ok(accepted == 0 &&
           ee_audit_line_parse(&link, ee_bytes(text, strlen(text))),
       "numbers and starts that we do not write are refused");
}

int main(void)
{
    json();
    longest();
    parsing();
    return done();
}
