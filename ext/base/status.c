/* SPDX-License-Identifier: MIT
 *
 * status.c: fills struct ee_error, and names codes.
 */
#include "base/status.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

int ee_fail(struct ee_error *err, int code, const char *format, ...)
{
    va_list args;

    err->code = code;
    va_start(args, format);
    (void)vsnprintf(err->msg, sizeof err->msg, format, args);
    va_end(args);
    /* names and URIs in it may come from a database that somebody else wrote */
    ee_utf8_make_printable(err->msg);
    return code;
}

int ee_fail_auth(struct ee_error *err, const char *what)
{
    return ee_fail(err, EE_AUTH,
                   "authentication failed under %s: the envelope, its context "
                   "or its key is not the one it was sealed with",
                   what);
}

const char *ee_status_name(int code)
{
    static const char *const names[] = {
        [EE_OK] = "ok",
        [EE_NOMEM] = "nomem",
        [EE_MISUSE] = "misuse",
        [EE_MALFORMED] = "malformed",
        [EE_AUTH] = "auth",
        [EE_KEY_UNKNOWN] = "key-unknown",
        [EE_KEY_STATE] = "key-state",
        [EE_TAMPERED] = "tampered",
        [EE_DENIED] = "denied",
        [EE_UNAVAILABLE] = "unavailable",
        [EE_CONFIG] = "config",
        [EE_BUSY] = "busy",
        [EE_INTERRUPTED] = "interrupted",
        [EE_IO] = "io",
        [EE_INTERNAL] = "internal",
        [EE_AUDIT] = "audit",
    };
    const int count = (int)(sizeof names / sizeof names[0]);

    return code >= 0 && code < count ? names[code] : "internal";
}
