/* SPDX-License-Identifier: MIT
 *
 * kms_aws_metadata.c: which lines of the metadata service are a token, and
 * which a role's name.
 */
#include "kms/aws_metadata.h"
#include "tap.h"

#include <string.h>

#define A16 "aaaaaaaaaaaaaaaa"

static struct ee_bytes all(const char *s)
{
    return ee_bytes(s, strlen(s));
}

static int is_role(const char *text, const char *name)
{
    char out[EE_AWS_ROLE_MAX] = "before";
    const int right = ee_aws_read_role(all(text), out) == (name != NULL) &&
                      strcmp(out, name != NULL ? name : "before") == 0;

    if (!right) {
        note("\"%s\": \"%s\"", text, out);
    }
    return right;
}

static void roles(void)
{
    static const char *const bad[] = {
        "",     "\n",   ".",      "..",          "../x", "a/b",  "<html>",
        "a?b",  "a\nb", "a\nb\n", "a\n\n",       "a b",  " a",   "a#",
        "a%2e", "a\\b", "a:b",    "caf\xc3\xa9", "a\r",  "..\n", "a\x7f",
    };
    int right = 1;

    ok(is_role("the-role", "the-role") && is_role("r\n", "r") &&
           is_role("r\r\n", "r") && is_role("...", "...") &&
           is_role("A9+=,.@_-", "A9+=,.@_-"),
       "one line, in IAM's characters, is a role's name");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        right &= is_role(bad[i], NULL);
    }
    ok(right, "and nothing else is");
    ok(is_role(A16 A16 A16 A16, A16 A16 A16 A16) &&
           is_role(A16 A16 A16 A16 "a", NULL),
       "it has 64 characters at most");
    ok(!ee_aws_read_role(ee_bytes("a\0b", 3), (char[EE_AWS_ROLE_MAX]){""}),
       "and no NUL");
}

static void tokens(void)
{
    char out[6] = "";

    ok(ee_aws_read_token(all("t/o=\n"), out, sizeof out) &&
           strcmp(out, "t/o=") == 0,
       "a token");
    ok(!ee_aws_read_token(all("123456"), out, sizeof out) &&
           !ee_aws_read_token(all("a\r\nX: b"), out, sizeof out) &&
           !ee_aws_read_token(all("a b"), out, sizeof out) &&
           !ee_aws_read_token(all(""), out, sizeof out) &&
           strcmp(out, "t/o=") == 0,
       "one that is too long, two lines, a blank or nothing is none");
}

int main(void)
{
    roles();
    tokens();
    return done();
}
