/* SPDX-License-Identifier: MIT
 *
 * kms_aws_ini.c: the shared files of AWS's tools, as their documentation has
 * them, and what is none.
 */
#include "kms/aws_ini.h"
#include "tap.h"

#include <stdio.h>
#include <string.h>

static const char text[] = "# a comment before all\r\n"
                           "[default]\n"
                           "region = eu-west-1 # and one behind a value\n"
                           "Secret=a#b;c=d\n"
                           "\n"
                           "[ profile app ] ; of a section\n"
                           "region=us-east-1\n"
                           "services = local\n"
                           "empty =\n"
                           "s3 =\n"
                           "  region = wrong\n"
                           "  ; another comment\n"
                           "output = json\n"
                           "  goes on here\n"
                           "[profile \"two words\"]\n"
                           "region\t=\t us-east-2\t\n"
                           "[services local]\n"
                           "s3 =\n"
                           "  endpoint_url = https://s3.example\n"
                           "kms =\n"
                           "  endpoint_url = https://kms.example\n"
                           "[profile app]\n"
                           "region = us-west-2";

static struct ee_bytes all(const char *s)
{
    return ee_bytes(s, strlen(s));
}

static void finds(const char *kind, const char *name, const char *group,
                  const char *property, const char *expected, const char *what)
{
    struct ee_bytes value = {NULL, 0};
    const bool found =
        ee_aws_ini_get(all(text), kind, name, group, property, &value);

    if (expected == NULL) {
        ok(!found && value.p == NULL, "%s", what);
    } else {
        ok(found && value.n == strlen(expected) &&
               strncmp((const char *)value.p, expected, value.n) == 0,
           "%s", what);
    }
}

static void questions(void)
{
    finds("", "default", NULL, "region", "eu-west-1",
          "a comment behind a value is none of it");
    finds("", "default", NULL, "secret", "a#b;c=d",
          "'#' and ';' without a blank before them are; names have any case");
    finds("profile", "app", NULL, "region", "us-west-2",
          "the section that is there again counts last");
    finds("profile", "app", NULL, "services", "local",
          "and takes nothing away");
    finds("profile", "app", NULL, "empty", NULL, "an empty value is none");
    finds("profile", "app", NULL, "output", "json", "a value goes on: ignored");
    finds("profile", "two words", NULL, "region", "us-east-2",
          "a name in quotes");
    finds("profile", "APP", NULL, "region", NULL, "section names have a case");
    finds("", "app", NULL, "region", NULL,
          "a profile is none without the word");
    finds("services", "local", "kms", "endpoint_url", "https://kms.example",
          "the member of a group");
    finds("services", "local", NULL, "endpoint_url", NULL,
          "a member is no property");
    finds("services", "local", "sts", "endpoint_url", NULL,
          "another group's is not taken");
    ok(ee_aws_ini_has(all(text), "profile", "app") &&
           !ee_aws_ini_has(all(text), "profile", "ap") &&
           !ee_aws_ini_has(all(text), "profile", ""),
       "sections are there or not");
}

static void damage(void)
{
    static const struct {
        const char *text;
        size_t line;
    } cases[] = {
        {"", 0},
        {"\n\n# x\n", 0},
        {text, 0},
        {"region = x\n", 1},
        {"[a]\nno equals sign\n", 2},
        {"[a]\n\n = value\n", 3},
        {"[a\nx=y\n", 1},
        {"[]\n", 1},
        {"[ ]\n", 1},
        {"[a] trailing\n", 1},
        {"\xEF\xBB\xBF[a]\n", 1},
    };
    static const char nul[] = "[a]\nx=y\0z\n";
    int right = 1;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (ee_aws_ini_bad_line(all(cases[i].text)) != cases[i].line) {
            note("case %zu", i);
            right = 0;
        }
    }
    ok(right, "the first line that is no INI is told by its number");
    ok(ee_aws_ini_bad_line(ee_bytes(nul, sizeof nul - 1)) == 2,
       "a NUL is refused");
}

int main(void)
{
    questions();
    damage();
    return done();
}
