/* SPDX-License-Identifier: MIT
 *
 * aws_metadata.c: one line, of some characters.
 */
#include "kms/aws_metadata.h"

#include <string.h>

/* Without its end, if it has one. */
static struct ee_bytes line_of(struct ee_bytes text)
{
    if (text.n > 0 && text.p[text.n - 1] == '\n') {
        text.n--;
        if (text.n > 0 && text.p[text.n - 1] == '\r') {
            text.n--;
        }
    }
    return text;
}

static bool is_of_token(uint8_t c)
{
    return c > ' ' && c <= '~';
}

static bool is_of_role(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("+=,.@_-", c) != NULL);
}

static bool take(struct ee_bytes line, bool (*is_good)(uint8_t c), char *out,
                 size_t size)
{
    if (line.n == 0 || line.n >= size) {
        return false;
    }
    for (size_t i = 0; i < line.n; i++) {
        if (!is_good(line.p[i])) {
            return false;
        }
    }
    memcpy(out, line.p, line.n);
    out[line.n] = '\0';
    return true;
}

bool ee_aws_read_token(struct ee_bytes text, char *out, size_t size)
{
    return take(line_of(text), is_of_token, out, size);
}

bool ee_aws_read_role(struct ee_bytes text, char *out)
{
    const struct ee_bytes line = line_of(text);

    if ((line.n == 1 && line.p[0] == '.') ||
        (line.n == 2 && line.p[0] == '.' && line.p[1] == '.')) {
        return false;
    }
    return take(line, is_of_role, out, EE_AWS_ROLE_MAX);
}
