/* SPDX-License-Identifier: MIT
 *
 * status.h: what went wrong, and the one line that says so.
 *
 * A function that can fail returns an enum ee_status (0 is success) and takes
 * a caller-owned struct ee_error as its last parameter. The function that
 * detects a failure fills the error once; callers hand it on untouched.
 * Messages are one line and name the key and the cause. They never hold a
 * value, a key, a passphrase or a provider's reply.
 */
#ifndef EE_BASE_STATUS_H
#define EE_BASE_STATUS_H

enum ee_status {
    EE_OK = 0,
    EE_NOMEM,       /* an allocation failed */
    EE_MISUSE,      /* wrong argument type or count, wrong moment */
    EE_MALFORMED,   /* not an envelope: FORMAT R1 to R6 */
    EE_AUTH,        /* any cryptographic failure: FORMAT R19 */
    EE_KEY_UNKNOWN, /* no such key here */
    EE_KEY_STATE,   /* the key's state forbids this */
    EE_TAMPERED,    /* a key record, manifest or keyring was altered */
    EE_DENIED,      /* a credential or a permission is missing or wrong */
    EE_UNAVAILABLE, /* a provider cannot be reached; may be tried again */
    EE_CONFIG,      /* a setting, URI or file is not usable */
    EE_BUSY,        /* another connection holds a lock; try again */
    EE_INTERRUPTED, /* sqlite3_interrupt() or Ctrl-C */
    EE_IO,          /* the database or a file could not be read or written */
    EE_INTERNAL,    /* a self-test failed, or a bug */
    EE_AUDIT        /* the audit log could not be written */
};

struct ee_error {
    int code; /* an ee_status */
    char msg[512];
};

/* For a row's own error: clearing all of the message costs each row 20 ns. */
static inline void ee_error_none(struct ee_error *err)
{
    err->code = EE_OK;
    err->msg[0] = '\0';
}

#define EE_CHECKED __attribute__((warn_unused_result))

/* Fills *err and returns code. printf-style; cuts the message at its end, and
 * makes it printable. */
int ee_fail(struct ee_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "ok", "denied" and so on: one word for logs and tables. */
const char *ee_status_name(int code);

/* The one text of every cryptographic failure (FORMAT R19). what names the
 * key: "key pii version 2", never a value. */
int ee_fail_auth(struct ee_error *err, const char *what);

#endif
