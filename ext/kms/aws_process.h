/* SPDX-License-Identifier: MIT
 *
 * aws_process.h: runs the program that a profile's credential_process names.
 *
 * The command line comes from the user's own config file, and is given to
 * /bin/sh as AWS's tools do. Nothing else reaches the command: no value, URI
 * or name from SQL or a database.
 */
#ifndef EE_KMS_AWS_PROCESS_H
#define EE_KMS_AWS_PROCESS_H

#include "base/status.h"
#include "envelope_provider.h"

#include <stddef.h>
#include <stdint.h>

/* Runs command and reads what it prints, at most size bytes, into out, which
 * should be secret memory and is the caller's to wipe. The program and what it
 * started are killed at call->deadline_ms, when the user interrupts, and when
 * it prints more. Where the call may ask a person, and stdin is a terminal that
 * is ours at the moment, the program has the terminal until it ends; else its
 * stdin is empty, and what it says on stderr is dropped. */
int ee_aws_process_run(struct envelope_call *call, const char *command,
                       uint8_t *out, size_t size, size_t *n) EE_CHECKED;

#endif
