/* SPDX-License-Identifier: MIT
 *
 * aws_error.h: what AWS's refusals mean, by their names.
 */
#ifndef EE_KMS_AWS_ERROR_H
#define EE_KMS_AWS_ERROR_H

#include "base/bytes.h"
#include "envelope_provider.h"

#include <stdbool.h>

enum ee_aws_remedy {
    EE_AWS_FAIL,    /* nothing that we could do */
    EE_AWS_RETRY,   /* ask again in a moment */
    EE_AWS_REFRESH, /* ask again with new credentials, once */
    EE_AWS_CLOCK    /* look at the clocks first: one of them may be wrong */
};

struct ee_aws_fault {
    const char *name; /* a constant of ours; "HTTP 4xx" and so on */
    int result;       /* enum envelope_result */
    enum ee_aws_remedy remedy;
    const char *advice; /* what to do, for a person */
};

/* type is the error's name as it came: in a header, a member "__type", or an
 * element <Code>. What is around it ("com.amazonaws...#Name",
 * "Name:http://...") is left out. A name that is not known, or none, is judged
 * by the HTTP status. */
const struct ee_aws_fault *ee_aws_fault(struct ee_bytes type, int status);

/* Memory ran out before the error could be read. */
const struct ee_aws_fault *ee_aws_no_memory(void);

/* Fills call->message: "AWS KMS Decrypt: AccessDeniedException: ...". what
 * names the request. date is the server's (s since 1970; 0: none): where the
 * signature failed and the clocks differ by minutes, that is what is said. */
int ee_aws_refused(struct envelope_call *call, const char *what,
                   const struct ee_aws_fault *fault, int64_t date);

#endif
