/* SPDX-License-Identifier: MIT
 *
 * fail.c: fills call->message.
 */
#include "kms/fail.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

int ee_kms_fail(struct envelope_call *call, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(call->message, sizeof call->message, format, args);
    /* lint: vsnprintf into call->message, as ee_fail() into err->msg */
    va_end(args);
    /* a URI in it may come from a database that somebody else wrote */
    ee_utf8_make_printable(call->message);
    return code;
}

int ee_kms_fail_as(struct envelope_call *call, const struct ee_error *err)
{
    const int code = err->code == EE_NOMEM    ? ENVELOPE_NOMEM
                     : err->code == EE_DENIED ? ENVELOPE_DENIED
                                              : ENVELOPE_CONFIGURATION;

    return ee_kms_fail(call, code, "%s", err->msg);
}
