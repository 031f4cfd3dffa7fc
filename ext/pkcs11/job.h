/* SPDX-License-Identifier: MIT
 *
 * job.h: one operation with a token, as the worker's thread has it (worker.h).
 *
 * A call into a PKCS#11 module can be neither stopped nor given a deadline, and
 * the caller may go before it comes back. So a job owns a copy of all that the
 * module could still read or write then; it borrows nothing of the caller's.
 */
#ifndef EE_PKCS11_JOB_H
#define EE_PKCS11_JOB_H

#include "pkcs11/settings.h"
#include "pkcs11/wrap_format.h"

#include <stdatomic.h>

/* What one operation can draw at most: a local key for each of two mechanisms,
 * and all of it once more when the session was lost. */
#define EE_P11_RANDOM_BYTES (4 * EE_KEY_BYTES)
#define EE_P11_LINE_MAX     256

struct ee_p11_worker;

/* Secret: it lies in pages of its own, as the arena's are. What is secret in
 * it is wiped by the caller who waited for its end; else by the worker. */
struct ee_p11_job {
    struct ee_p11_worker *worker;
    _Atomic bool cancelled; /* the caller has gone: begin no further call */
    struct ee_p11_settings settings;
    uint8_t random[EE_P11_RANDOM_BYTES]; /* secret; the caller drew it */
    size_t random_used;

    /* what goes in and comes out; one byte more than a length that is right */
    uint8_t payload[ENVELOPE_PAYLOAD_BYTES]; /* secret */
    uint8_t wrapped[EE_P11_WRAP_MAX + 1];
    size_t wrapped_n;
    uint8_t context[ENVELOPE_CONTEXT_MAX + 1];
    size_t context_n;
    int state;
    char line[EE_P11_LINE_MAX];
};

#endif
