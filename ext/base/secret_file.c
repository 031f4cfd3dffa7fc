/* SPDX-License-Identifier: MIT
 *
 * secret_file.c: opens without following a symlink, and asks the open file,
 * not its name, who may read it.
 */
#include "base/secret_file.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int check_mode(const struct stat *st, const char *what,
                      enum ee_file_rule rule, struct ee_error *err)
{
    const unsigned shown = (unsigned)(st->st_mode & 0777);

    if (rule == EE_FILE_PUBLIC) {
        if ((st->st_mode & S_IWOTH) != 0 ||
            ((st->st_mode & S_IWGRP) != 0 && !ee_file_group_is_private(st))) {
            return ee_fail(err, EE_DENIED,
                           "others may change the file of %s (mode %03o): run "
                           "chmod go-w on it",
                           what, shown);
        }
        return EE_OK;
    }
    if ((st->st_mode & (rule == EE_FILE_SECRET ? 0077 : 0007)) != 0) {
        return ee_fail(err, EE_DENIED,
                       "others may read the file of %s (mode %03o): run "
                       "chmod 600 on it",
                       what, shown);
    }
    return EE_OK;
}

/* A service's credentials belong to root or to the service, and are opened to
 * it by group or ACL. Any other secret file is the caller's alone. */
static int check(int fd, const char *what, enum ee_file_rule rule,
                 struct ee_error *err)
{
    uid_t me = geteuid();
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return ee_fail(err, EE_IO, "cannot look at the file of %s: %s", what,
                       strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return ee_fail(err, EE_DENIED, "%s must name a regular file", what);
    }
    if (st.st_uid != me && me != 0 &&
        !(rule != EE_FILE_SECRET && st.st_uid == 0)) {
        return ee_fail(err, EE_DENIED,
                       "the file of %s belongs to another user: copy it and "
                       "own the copy",
                       what);
    }
    return check_mode(&st, what, rule, err);
}

static int read_all(int fd, uint8_t *out, size_t size, size_t *n,
                    const char *what, struct ee_error *err)
{
    uint8_t more = 0; /* secret: one byte of a file that is refused */
    ssize_t got = 1;

    while (got > 0) {
        bool full = *n == size;

        do {
            got = full ? read(fd, &more, 1) : read(fd, out + *n, size - *n);
        } while (got < 0 && errno == EINTR);
        if (full && got > 0) {
            more = 0;
            return ee_fail(err, EE_CONFIG,
                           "the file of %s is longer than %zu bytes", what,
                           size);
        }
        *n += got > 0 ? (size_t)got : 0;
    }
    if (got < 0) {
        return ee_fail(err, EE_IO, "cannot read the file of %s: %s", what,
                       strerror(errno));
    }
    return EE_OK;
}

int ee_secret_file_read(uint8_t *out, size_t size, size_t *n, const char *path,
                        const char *what, enum ee_file_rule rule,
                        struct ee_error *err)
{
    /* O_NONBLOCK: opening a FIFO must not wait before it is refused */
    int fd =
        open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int rc = EE_OK;

    *n = 0;
    if (fd < 0 && errno == ELOOP) {
        return ee_fail(err, EE_DENIED,
                       "%s names a symbolic link: name the file itself", what);
    }
    if (fd < 0) {
        return ee_fail(err, EE_CONFIG, "cannot open the file of %s: %s", what,
                       strerror(errno));
    }
    rc = check(fd, what, rule, err);
    if (rc == EE_OK) {
        rc = read_all(fd, out, size, n, what, err);
    }
    (void)close(fd);
    return rc;
}
