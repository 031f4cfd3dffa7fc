/* SPDX-License-Identifier: MIT
 *
 * verdict.h: what the verifier says of an audit log in ring_dir.
 */
#ifndef EE_TESTS_VERDICT_H
#define EE_TESTS_VERDICT_H

#include "keys/audit_verify.h"

struct verdict {
    char problems[512]; /* "edited:3 removed:5": the line of each, or "" */
    struct ee_audit_finding last; /* the summary */
};

/* kept: a head that is to be found, or NULL. */
struct verdict verify(const char *name, const uint8_t *kept);

#endif
