/* SPDX-License-Identifier: MIT
 *
 * aws_credentials.c: believes no reply before it looks like credentials.
 */
#include "kms/aws_credentials.h"

#include "base/secret.h"

#include <string.h>

/* Reads n digits at *p and moves behind them; -1: they are not there. */
static int digits(const uint8_t **p, const uint8_t *end, int n)
{
    int v = 0;

    if (end - *p < n) {
        return -1;
    }
    for (int i = 0; i < n; i++) {
        const int d = (*p)[i] - '0';

        if (d < 0 || d > 9) {
            return -1;
        }
        v = v * 10 + d;
    }
    *p += n;
    return v;
}

static bool mark(const uint8_t **p, const uint8_t *end, char c)
{
    if (*p == end || **p != (uint8_t)c) {
        return false;
    }
    (*p)++;
    return true;
}

/* Days from 1970-01-01 to a date, in the calendar since 1582: years start in
 * March, so that the day that is there every four years is their last. */
static int64_t days(int year, int month, int day)
{
    const int y = month <= 2 ? year - 1 : year;
    const int m = month <= 2 ? month + 9 : month - 3;
    const int of_year = (153 * m + 2) / 5 + day - 1;

    return (int64_t)y * 365 + y / 4 - y / 100 + y / 400 + of_year - 719468;
}

/* "Z", "+hh:mm" or "-hh:mm", and nothing more. Minutes; false: none. */
static bool zone(const uint8_t *p, const uint8_t *end, int *minutes)
{
    const bool east = mark(&p, end, '+');
    int hh = 0;
    int mm = 0;

    *minutes = 0;
    if (!east && mark(&p, end, 'Z')) {
        return p == end;
    }
    if (!east && !mark(&p, end, '-')) {
        return false;
    }
    hh = digits(&p, end, 2);
    (void)mark(&p, end, ':');
    mm = digits(&p, end, 2);
    *minutes = (east ? 1 : -1) * (hh * 60 + mm);
    return hh >= 0 && hh < 24 && mm >= 0 && mm < 60 && p == end;
}

bool ee_aws_time(struct ee_bytes text, int64_t *out)
{
    static const char marks[] = "--T::";
    static const int lows[] = {1970, 1, 1, 0, 0, 0};
    static const int highs[] = {9999, 12, 31, 23, 59, 60};
    const uint8_t *p = text.p;
    const uint8_t *end = text.p + text.n;
    int field[6];
    int minutes = 0;

    for (int i = 0; i < 6; i++) {
        field[i] = digits(&p, end, i == 0 ? 4 : 2);
        if (field[i] < lows[i] || field[i] > highs[i] ||
            (i < 5 && !mark(&p, end, marks[i]))) {
            return false;
        }
    }
    if (mark(&p, end, '.')) {
        const uint8_t *first = p;

        while (digits(&p, end, 1) >= 0) {
        }
        if (p == first) {
            return false;
        }
    }
    if (!zone(p, end, &minutes)) {
        return false;
    }
    *out = days(field[0], field[1], field[2]) * 86400 + field[3] * 3600 +
           (field[4] - minutes) * 60 + field[5];
    return true;
}

/* No blank, no control character: it is sent in a header. */
static bool fits(struct ee_bytes text, size_t least, size_t size)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= ' ' || text.p[i] > '~') {
            return false;
        }
    }
    return text.n >= least && text.n < size;
}

static void copy(char *out, struct ee_bytes text)
{
    if (text.n > 0) {
        memcpy(out, text.p, text.n);
    }
    out[text.n] = '\0';
}

bool ee_aws_credentials_set(struct ee_aws_credentials *c,
                            const struct ee_aws_parts *parts)
{
    int64_t expires = 0;

    if (!fits(parts->key_id, 1, sizeof c->key_id) ||
        !fits(parts->secret, 1, sizeof c->secret) ||
        !fits(parts->token, 0, sizeof c->token) ||
        memchr(parts->key_id.p, '/', parts->key_id.n) != NULL ||
        (parts->expiration.n > 0 &&
         !ee_aws_time(parts->expiration, &expires))) {
        return false;
    }
    ee_wipe(c, sizeof *c);
    copy(c->key_id, parts->key_id);
    copy(c->secret, parts->secret);
    copy(c->token, parts->token);
    c->expires = expires;
    return true;
}
