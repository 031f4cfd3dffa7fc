/* SPDX-License-Identifier: MIT
 *
 * aws_file.c: judges the open file, not its name.
 */
#include "kms/aws_file.h"

#include "base/file.h"
#include "kms/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check(struct envelope_call *call, int fd, const char *what,
                 enum ee_aws_file_rule rule)
{
    const uid_t me = geteuid();
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "%s must be a regular file", what);
    }
    if (st.st_uid != me && st.st_uid != 0) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "%s belongs to another user: copy it and own the "
                           "copy",
                           what);
    }
    if ((st.st_mode & S_IWOTH) != 0 ||
        ((st.st_mode & S_IWGRP) != 0 && !ee_file_group_is_private(&st))) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "others may change %s: run chmod go-w on it", what);
    }
    if (rule == EE_AWS_FILE_CREDENTIALS && st.st_uid == me && me != 0 &&
        (st.st_mode & S_IROTH) != 0) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "others may read %s: run chmod 600 on it", what);
    }
    return ENVELOPE_OK;
}

static int read_all(struct envelope_call *call, int fd, const char *what,
                    uint8_t *out, size_t size, size_t *n)
{
    ssize_t got = 1;

    while (got > 0 && *n < size) {
        do {
            got = read(fd, out + *n, size - *n);
        } while (got < 0 && errno == EINTR);
        *n += got > 0 ? (size_t)got : 0;
    }
    if (got < 0) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION, "cannot read %s: %s",
                           what, strerror(errno));
    }
    if (*n == size) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "%s is longer than %zu bytes", what, size - 1);
    }
    return ENVELOPE_OK;
}

int ee_aws_file_read(struct envelope_call *call, const char *path,
                     const char *what, enum ee_aws_file_rule rule, uint8_t *out,
                     size_t size, size_t *n, bool *found)
{
    /* O_NONBLOCK: opening a FIFO must not wait before it is refused */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int rc = ENVELOPE_OK;

    *n = 0;
    *found = fd >= 0;
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return ENVELOPE_OK;
    }
    if (fd < 0) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION, "cannot open %s: %s",
                           what, strerror(errno));
    }
    rc = check(call, fd, what, rule);
    if (rc == ENVELOPE_OK) {
        rc = read_all(call, fd, what, out, size, n);
    }
    (void)close(fd);
    return rc;
}
