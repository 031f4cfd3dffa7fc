/* SPDX-License-Identifier: MIT
 *
 * awskit.h: an environment without AWS's settings, and files of the test's own
 * in their place.
 */
#ifndef TESTS_UNIT_AWSKIT_H
#define TESTS_UNIT_AWSKIT_H

/* Unsets every AWS_... and ENVELOPE_AWS_... variable, and points HOME to an
 * empty folder of the test's own, which is removed at exit. */
void aws_clean(void);

/* Writes a file into that folder and sets a variable to its path; NULL: no
 * variable. Returns the path, which is good until the next call. */
const char *aws_file(const char *name, const char *text, unsigned mode,
                     const char *variable);

void aws_set(const char *variable, const char *value);

#endif
