/* SPDX-License-Identifier: MIT
 *
 * status.c: fills struct ee_error.
 */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

int ee_fail(struct ee_error *err, int code, const char *format, ...)
{
    va_list args;

    err->code = code;
    va_start(args, format);
    (void)vsnprintf(err->msg, sizeof err->msg, format, args);
    va_end(args);
    return code;
}

int ee_fail_auth(struct ee_error *err, const char *what)
{
    return ee_fail(err, EE_AUTH,
                   "authentication failed under %s: the envelope, its context "
                   "or its key is not the one it was sealed with",
                   what);
}
