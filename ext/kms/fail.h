/* SPDX-License-Identifier: MIT
 *
 * fail.h: the one line that says what is wrong, and what to do.
 */
#ifndef EE_KMS_FAIL_H
#define EE_KMS_FAIL_H

#include "base/status.h"
#include "envelope_provider.h"

/* Fills call->message and returns code, an enum envelope_result. printf-style;
 * cuts the message at its end, and makes it printable. */
int ee_kms_fail(struct envelope_call *call, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for what a function of ext/base/ found: its message as it is, and
 * the result that its code is. */
int ee_kms_fail_as(struct envelope_call *call, const struct ee_error *err);

#endif
