/* SPDX-License-Identifier: MIT
 *
 * verdict.c: runs the verifier to its end.
 */
#include "verdict.h"

#include "ring.h"

#include <stdio.h>

struct verdict verify(const char *name, const uint8_t *kept)
{
    struct ee_audit_verify *v = NULL;
    struct ee_audit_finding f;
    struct verdict verdict = {.problems = ""};
    enum ee_audit_step step = EE_AUDIT_AGAIN;
    struct ee_error err;
    size_t used = 0;

    ring_must(ee_audit_verify_open(&v, ring_path(name), kept, &err) == EE_OK);
    while (ee_audit_verify_next(v, &step, &f, &err) == EE_OK &&
           step != EE_AUDIT_DONE) {
        if (step == EE_AUDIT_FINDING && f.summary) {
            verdict.last = f;
        } else if (step == EE_AUDIT_FINDING && used < 400) {
            used += (size_t)snprintf(verdict.problems + used, 100, "%s%s:%llu",
                                     used > 0 ? " " : "", f.problem,
                                     (unsigned long long)f.line);
        }
    }
    ee_audit_verify_close(v);
    return verdict;
}
