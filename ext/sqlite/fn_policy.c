/* SPDX-License-Identifier: MIT
 *
 * fn_policy.c: envelope_key_set_policy().
 */
#include "base/text.h"
#include "sqlite/call.h"
#include "sqlite/functions.h"

#include <string.h>

#define DAY      86400u
#define DAYS_MAX 36500u

static int read_time(struct ee_bytes text, uint64_t *out, struct ee_error *err)
{
    return ee_duration((const char *)text.p, text.n, DAYS_MAX * DAY, out)
               ? EE_OK
               : ee_fail(err, EE_MISUSE,
                         "rotate_after is a number of days, hours or seconds, "
                         "such as '90d', '12h' or '60s', up to '%ud', or 'off'",
                         DAYS_MAX);
}

static int read_version(struct ee_bytes text, uint64_t *out,
                        struct ee_error *err)
{
    return ee_number((const char *)text.p, text.n, UINT32_MAX, out)
               ? EE_OK
               : ee_fail(err, EE_MISUSE,
                         "min_version is a version of the key, such as 2, or "
                         "'off'");
}

static int read_seals(struct ee_bytes text, uint64_t *out, struct ee_error *err)
{
    return ee_number((const char *)text.p, text.n, EE_ROTATE_SEALS_MAX, out)
               ? EE_OK
               : ee_fail(err, EE_MISUSE,
                         "rotate_seals is a number of sealed values, such as "
                         "1000000, or 'off'");
}

static int read_kind(struct ee_bytes text, enum ee_policy_kind *out,
                     struct ee_error *err)
{
    const char *name = (const char *)text.p;

    if (strcmp(name, "rotate_after") == 0) {
        *out = EE_POLICY_ROTATE_AFTER;
    } else if (strcmp(name, "min_version") == 0) {
        *out = EE_POLICY_MIN_VERSION;
    } else if (strcmp(name, "rotate_seals") == 0) {
        *out = EE_POLICY_ROTATE_SEALS;
    } else {
        return ee_fail(err, EE_MISUSE,
                       "a policy is 'rotate_after', 'rotate_seals' or "
                       "'min_version'");
    }
    return EE_OK;
}

/* The value as text: 2 and '2' are the same version. */
static int read_value(sqlite3_value *arg, enum ee_policy_kind kind,
                      uint64_t *out, struct ee_error *err)
{
    struct ee_bytes text;
    int rc = EE_OK;

    if (sqlite3_value_type(arg) == SQLITE_INTEGER) {
        text.p = sqlite3_value_text(arg);
        text.n = (size_t)sqlite3_value_bytes(arg);
        if (text.p == NULL) {
            return ee_fail(err, EE_NOMEM, "out of memory");
        }
    } else {
        rc = ee_call_text(arg, "the value", &text, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    *out = 0;
    if (strcmp((const char *)text.p, "off") == 0) {
        return EE_OK;
    }
    switch (kind) {
    case EE_POLICY_ROTATE_AFTER:
        return read_time(text, out, err);
    case EE_POLICY_ROTATE_SEALS:
        return read_seals(text, out, err);
    default:
        return read_version(text, out, err);
    }
}

static int set_policy(const struct ee_call *call, sqlite3_value **argv,
                      struct ee_error *err)
{
    enum ee_policy_kind kind = EE_POLICY_ROTATE_AFTER;
    struct ee_bytes name;
    struct ee_bytes policy;
    uint64_t value = 0;
    int rc = ee_call_text(argv[0], "the key name", &name, err);

    if (rc == EE_OK) {
        rc = ee_call_text(argv[1], "the policy", &policy, err);
    }
    if (rc == EE_OK) {
        rc = read_kind(policy, &kind, err);
    }
    if (rc == EE_OK) {
        rc = read_value(argv[2], kind, &value, err);
    }
    return rc == EE_OK
               ? ee_keys_set_policy(&call->conn->keys, (const char *)name.p,
                                    name.n, kind, value, err)
               : rc;
}

static int fn_set_policy(const struct ee_call *call, int argc,
                         sqlite3_value **argv, struct ee_error *err)
{

    (void)argc;
    const int rc = set_policy(call, argv, err);

    if (rc == EE_OK) {
        sqlite3_result_value(call->ctx, argv[2]);
    }
    return rc;
}

const struct ee_function ee_policy_functions[] = {
    {"envelope_key_set_policy", 3, SQLITE_DIRECTONLY, fn_set_policy,
     EE_MAY_KEYS},
    {NULL, 0, 0, NULL, 0},
};
