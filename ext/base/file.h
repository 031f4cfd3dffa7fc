/* SPDX-License-Identifier: MIT
 *
 * file.h: a file that is to be its owner's alone: where it is, and who else
 * may touch it.
 *
 * what names the kind of file in messages: "keyring". Nothing here opens the
 * file.
 */
#ifndef EE_BASE_FILE_H
#define EE_BASE_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define EE_FILE_PATH_MAX 512 /* SQLite's own limit on Unix */

struct ee_file_path {
    char file[EE_FILE_PATH_MAX]; /* absolute, its folder without symlinks */
    char dir[EE_FILE_PATH_MAX];
    const char *shown; /* the end of file, short enough for a message */
};

/* The last bytes of a long path, from the start of a character. */
const char *ee_file_shown(const char *path);

/* Finds the file that path names; a relative one starts at base_dir, or at
 * the working directory when that is NULL. The folder must exist. room: bytes
 * that the caller adds to the name at times. p->shown borrows from p: do not
 * copy p. */
int ee_file_resolve(struct ee_file_path *p, const char *what, const char *path,
                    const char *base_dir, size_t room,
                    struct ee_error *err) EE_CHECKED;

/* EE_DENIED for a symlink, for what is no regular file, for another user's
 * file, and for one whose mode has a forbidden bit. */
int ee_file_check(const struct ee_file_path *p, const char *what,
                  const struct stat *st, mode_t forbidden,
                  struct ee_error *err) EE_CHECKED;

/* True when the group of a file is the owner's own: it has the owner's number,
 * as Debian, Fedora and others make it, and no other member. */
bool ee_file_group_is_private(const struct stat *st);

/* EE_DENIED for a folder in which somebody else could replace the file. file:
 * the one in it, or NULL when there is none. */
int ee_file_check_dir(const struct ee_file_path *p, const char *what,
                      const struct stat *file, struct ee_error *err) EE_CHECKED;

/* Makes a new name in the folder durable. */
int ee_file_sync_dir(const struct ee_file_path *p, const char *what,
                     struct ee_error *err) EE_CHECKED;

#endif
