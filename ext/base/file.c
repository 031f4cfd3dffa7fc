/* SPDX-License-Identifier: MIT
 *
 * file.c: path, owner and permissions of a file that only its owner may touch.
 *
 * Whoever can write to the folder can replace the file, and a sticky bit does
 * not stop all of that (SQLite plays a journal beside a database back into
 * it). So the folder is checked as closely as the file.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOWN_MAX  100
#define LOOKUP_MAX 16384

const char *ee_file_shown(const char *path)
{
    size_t n = strlen(path);
    const char *p = n > SHOWN_MAX ? path + n - SHOWN_MAX : path;

    while (((unsigned char)*p & 0xC0) == 0x80) {
        p++;
    }
    return p;
}

static int too_long(const char *what, const char *path, size_t room,
                    struct ee_error *err)
{
    return ee_fail(err, EE_CONFIG, "the path of %s %s is longer than %zu bytes",
                   what, ee_file_shown(path),
                   (size_t)EE_FILE_PATH_MAX - room - 1);
}

/* Splits the path in place: *slash becomes NUL. */
static int split(char *path, char **dir, char **name, const char *what,
                 struct ee_error *err)
{
    char *slash = strrchr(path, '/');

    *name = slash != NULL ? slash + 1 : path;
    *dir = slash == NULL ? "." : slash == path ? "/" : path;
    if (**name == '\0') {
        return ee_fail(err, EE_CONFIG,
                       "%s is a folder: name a file for the %s in it",
                       ee_file_shown(path), what);
    }
    if (slash != NULL) {
        *slash = '\0';
    }
    return EE_OK;
}

int ee_file_resolve(struct ee_file_path *p, const char *what, const char *path,
                    const char *base_dir, size_t room, struct ee_error *err)
{
    bool based = path[0] != '/' && base_dir != NULL && base_dir[0] != '\0';
    char given[PATH_MAX];
    char real[PATH_MAX];
    char *dir = NULL;
    char *name = NULL;
    int n = snprintf(given, sizeof given, "%s%s%s", based ? base_dir : "",
                     based ? "/" : "", path);
    int rc = EE_OK;

    if (n < 0 || (size_t)n >= sizeof given) {
        return too_long(what, path, room, err);
    }
    rc = split(given, &dir, &name, what, err);
    if (rc != EE_OK) {
        return rc;
    }
    if (realpath(dir, real) == NULL) {
        return ee_fail(err, EE_CONFIG, "cannot find the folder %s of %s %s: %s",
                       ee_file_shown(dir), what, ee_file_shown(path),
                       strerror(errno));
    }
    if (strlen(real) + 1 + strlen(name) >= EE_FILE_PATH_MAX - room) {
        return too_long(what, path, room, err);
    }
    memcpy(p->dir, real, strlen(real) + 1);
    n = snprintf(p->file, sizeof p->file, "%s%s%s", p->dir,
                 p->dir[1] == '\0' ? "" : "/", name);
    p->shown = ee_file_shown(p->file);
    return n > 0 ? EE_OK : too_long(what, path, room, err);
}

bool ee_file_group_is_private(const struct stat *st)
{
    static const size_t size = LOOKUP_MAX;
    char owner_text[LOOKUP_MAX];
    char group_text[LOOKUP_MAX];
    struct passwd owner;
    struct passwd *owner_found = NULL;
    struct group group;
    struct group *found = NULL;

    if (st->st_gid != st->st_uid ||
        getpwuid_r(st->st_uid, &owner, owner_text, size, &owner_found) != 0 ||
        getgrgid_r(st->st_gid, &group, group_text, size, &found) != 0 ||
        owner_found == NULL || found == NULL) {
        return false;
    }
    for (char **member = found->gr_mem; *member != NULL; member++) {
        if (strcmp(*member, owner_found->pw_name) != 0) {
            return false;
        }
    }
    return true;
}

int ee_file_check_dir(const struct ee_file_path *p, const char *what,
                      const struct stat *file, struct ee_error *err)
{
    const char *dir = ee_file_shown(p->dir);
    uid_t me = geteuid();
    struct stat st;

    if (stat(p->dir, &st) != 0) {
        return ee_fail(err, EE_IO, "cannot look at the folder %s: %s", dir,
                       strerror(errno));
    }
    /* root may use somebody's file, which lies in that person's folder */
    if (st.st_uid != me && st.st_uid != 0 &&
        !(me == 0 && file != NULL && file->st_uid == st.st_uid)) {
        return ee_fail(err, EE_DENIED,
                       "the folder %s of %s %s belongs to another user: "
                       "move it to a folder of your own",
                       dir, what, p->shown);
    }
    if ((st.st_mode & S_IWOTH) != 0) {
        return ee_fail(err, EE_DENIED,
                       "everybody can write to the folder %s of %s %s: %s", dir,
                       what, p->shown,
                       (st.st_mode & S_ISVTX) != 0 /* such as /tmp */
                           ? "use a folder of your own"
                           : "run chmod o-w on it, or use another folder");
    }
    if ((st.st_mode & S_IWGRP) != 0 && !ee_file_group_is_private(&st)) {
        return ee_fail(err, EE_DENIED,
                       "a group can write to the folder %s of %s %s: "
                       "run chmod g-w on it, or use another folder",
                       dir, what, p->shown);
    }
    return EE_OK;
}

int ee_file_check(const struct ee_file_path *p, const char *what,
                  const struct stat *st, mode_t forbidden, struct ee_error *err)
{
    uid_t me = geteuid();

    if (S_ISLNK(st->st_mode)) {
        return ee_fail(err, EE_DENIED,
                       "%s %s is a symbolic link: name the file itself", what,
                       p->shown);
    }
    if (!S_ISREG(st->st_mode)) {
        return ee_fail(err, EE_DENIED, "%s %s is not a regular file", what,
                       p->shown);
    }
    if (st->st_uid != me && me != 0) {
        return ee_fail(err, EE_DENIED,
                       "%s %s belongs to another user: use a copy of "
                       "your own",
                       what, p->shown);
    }
    if ((st->st_mode & forbidden) != 0) {
        return ee_fail(err, EE_DENIED,
                       "others may use %s %s (mode %03o): run chmod 600 "
                       "on it",
                       what, p->shown, (unsigned)(st->st_mode & 0777));
    }
    return EE_OK;
}

int ee_file_sync_dir(const struct ee_file_path *p, const char *what,
                     struct ee_error *err)
{
    int fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* some file systems cannot sync a folder, and say EINVAL */
    bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
    int why = errno;

    if (fd >= 0) {
        (void)close(fd);
    }
    if (!ok) {
        return ee_fail(err, EE_IO, "cannot sync the folder of %s %s: %s", what,
                       p->shown, strerror(why));
    }
    return EE_OK;
}
