/* SPDX-License-Identifier: MIT
 *
 * keyring_file.c: path, permissions, and the atomic birth of a keyring.
 *
 * Whoever can write to the folder can replace the keyring or plant a hot
 * journal that SQLite would play back into it; a sticky bit does not stop
 * the second. So the folder is checked as closely as the file.
 */
#include "provider/keyring_file.h"

#include "crypto/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHOWN_MAX   100
#define SUFFIX_ROOM 48 /* ".new-PID-random" and "-journal" */
#define LOOKUP_MAX  16384

#define SMALLEST_PAGE 512 /* of SQLite; its files are whole pages */

/* The last bytes of a long path, from the start of a character. */
static const char *short_end(const char *path)
{
    size_t n = strlen(path);
    const char *p = n > SHOWN_MAX ? path + n - SHOWN_MAX : path;

    while (((unsigned char)*p & 0xC0) == 0x80) {
        p++;
    }
    return p;
}

static int too_long(const char *path, struct ee_error *err)
{
    return ee_fail(err, EE_CONFIG,
                   "the path of keyring %s is longer than %d bytes",
                   short_end(path), EE_KEYRING_PATH_MAX - SUFFIX_ROOM - 1);
}

/* Splits the path in place: *slash becomes NUL. */
static int split(char *path, char **dir, char **name, struct ee_error *err)
{
    char *slash = strrchr(path, '/');

    *name = slash != NULL ? slash + 1 : path;
    *dir = slash == NULL ? "." : slash == path ? "/" : path;
    if (**name == '\0') {
        return ee_fail(err, EE_CONFIG,
                       "%s is a folder: name a keyring file in it",
                       short_end(path));
    }
    if (slash != NULL) {
        *slash = '\0';
    }
    return EE_OK;
}

int ee_keyring_resolve(struct ee_keyring_path *p, const char *path,
                       const char *base_dir, struct ee_error *err)
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
        return too_long(path, err);
    }
    rc = split(given, &dir, &name, err);
    if (rc != EE_OK) {
        return rc;
    }
    if (realpath(dir, real) == NULL) {
        return ee_fail(err, EE_CONFIG,
                       "cannot find the folder %s of keyring %s: %s",
                       short_end(dir), short_end(path), strerror(errno));
    }
    if (strlen(real) + 1 + strlen(name) >= EE_KEYRING_PATH_MAX - SUFFIX_ROOM) {
        return too_long(path, err);
    }
    memcpy(p->dir, real, strlen(real) + 1);
    n = snprintf(p->file, sizeof p->file, "%s%s%s", p->dir,
                 p->dir[1] == '\0' ? "" : "/", name);
    p->shown = short_end(p->file);
    return n > 0 ? EE_OK : too_long(path, err);
}

/* True when the group is the owner's own: it has the owner's number, as
 * Debian, Fedora and others make it, and no other member. */
static bool is_private_group(const struct stat *st)
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

/* file: the keyring in it, or NULL when there is none. */
static int check_dir(const struct ee_keyring_path *p, const struct stat *file,
                     struct ee_error *err)
{
    const char *dir = short_end(p->dir);
    uid_t me = geteuid();
    struct stat st;

    if (stat(p->dir, &st) != 0) {
        return ee_fail(err, EE_IO, "cannot look at the folder %s: %s", dir,
                       strerror(errno));
    }
    /* root may use somebody's keyring, which lies in that person's folder */
    if (st.st_uid != me && st.st_uid != 0 &&
        !(me == 0 && file != NULL && file->st_uid == st.st_uid)) {
        return ee_fail(err, EE_DENIED,
                       "the folder %s of keyring %s belongs to another user: "
                       "move the keyring to a folder of your own",
                       dir, p->shown);
    }
    if ((st.st_mode & S_IWOTH) != 0) {
        return ee_fail(err, EE_DENIED,
                       "everybody can write to the folder %s of keyring %s: "
                       "run chmod o-w on it, or use another folder",
                       dir, p->shown);
    }
    if ((st.st_mode & S_IWGRP) != 0 && !is_private_group(&st)) {
        return ee_fail(err, EE_DENIED,
                       "a group can write to the folder %s of keyring %s: "
                       "run chmod g-w on it, or use another folder",
                       dir, p->shown);
    }
    return EE_OK;
}

static int check_file(const struct ee_keyring_path *p, const struct stat *st,
                      struct ee_error *err)
{
    uid_t me = geteuid();

    if (S_ISLNK(st->st_mode)) {
        return ee_fail(err, EE_DENIED,
                       "keyring %s is a symbolic link: name the file itself",
                       p->shown);
    }
    if (!S_ISREG(st->st_mode)) {
        return ee_fail(err, EE_DENIED, "keyring %s is not a regular file",
                       p->shown);
    }
    if (st->st_uid != me && me != 0) {
        return ee_fail(err, EE_DENIED,
                       "keyring %s belongs to another user: use a copy of "
                       "your own",
                       p->shown);
    }
    if ((st->st_mode & 077) != 0) {
        return ee_fail(err, EE_DENIED,
                       "others may use keyring %s (mode %03o): run chmod 600 "
                       "on it",
                       p->shown, (unsigned)(st->st_mode & 0777));
    }
    return EE_OK;
}

/* SQLite would read a file cut within its last page as if zeros followed. A
 * journal beside it, from a crash, may bring back what is missing. */
static int check_size(const struct ee_keyring_path *p, const struct stat *st,
                      struct ee_error *err)
{
    char journal[EE_KEYRING_PATH_MAX];

    (void)snprintf(journal, sizeof journal, "%.*s-journal",
                   EE_KEYRING_PATH_MAX - SUFFIX_ROOM, p->file);
    if (st->st_size == 0 ||
        (st->st_size % SMALLEST_PAGE != 0 && access(journal, F_OK) != 0)) {
        return ee_fail(err, EE_TAMPERED,
                       "keyring %s is %s: restore it from a backup", p->shown,
                       st->st_size == 0 ? "empty, hence damaged"
                                        : "damaged or truncated");
    }
    return EE_OK;
}

int ee_keyring_check(const struct ee_keyring_path *p, bool *exists,
                     struct ee_error *err)
{
    struct stat st;
    int rc = EE_OK;

    *exists = lstat(p->file, &st) == 0;
    if (!*exists && errno != ENOENT) {
        return ee_fail(err, EE_IO, "cannot look at keyring %s: %s", p->shown,
                       strerror(errno));
    }
    rc = *exists ? check_file(p, &st, err) : EE_OK;
    if (rc == EE_OK) {
        rc = check_dir(p, *exists ? &st : NULL, err);
    }
    return rc == EE_OK && *exists ? check_size(p, &st, err) : rc;
}

int ee_keyring_temp_make(const struct ee_keyring_path *p, char *temp,
                         struct ee_error *err)
{
    uint32_t random[2];
    int fd = -1;

    ee_random(random, sizeof random);
    (void)snprintf(temp, EE_KEYRING_PATH_MAX, "%.*s.new-%ld-%08x%08x",
                   EE_KEYRING_PATH_MAX - SUFFIX_ROOM, p->file, (long)getpid(),
                   (unsigned)random[0], (unsigned)random[1]);
    fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, 0600) != 0) {
        int why = errno;

        if (fd >= 0) {
            (void)close(fd);
            (void)unlink(temp);
        }
        temp[0] = '\0';
        return ee_fail(err, EE_IO, "cannot make keyring %s: %s", p->shown,
                       strerror(why));
    }
    (void)close(fd);
    return EE_OK;
}

static int sync_dir(const struct ee_keyring_path *p, struct ee_error *err)
{
    int fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* some file systems cannot sync a folder, and say EINVAL */
    bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
    int why = errno;

    if (fd >= 0) {
        (void)close(fd);
    }
    if (!ok) {
        return ee_fail(err, EE_IO, "cannot sync the folder of keyring %s: %s",
                       p->shown, strerror(why));
    }
    return EE_OK;
}

int ee_keyring_temp_publish(const struct ee_keyring_path *p, const char *temp,
                            struct ee_error *err)
{
    int rc = sync_dir(p, err);

    if (rc != EE_OK) {
        return rc;
    }
    /* link() never replaces a file, as rename() would */
    if (link(temp, p->file) != 0 && errno != EEXIST) {
        return ee_fail(err, EE_IO, "cannot give keyring %s its name: %s",
                       p->shown, strerror(errno));
    }
    ee_keyring_temp_remove(temp);
    return sync_dir(p, err);
}

void ee_keyring_temp_remove(const char *temp)
{
    char journal[EE_KEYRING_PATH_MAX];

    if (temp[0] == '\0') {
        return;
    }
    (void)snprintf(journal, sizeof journal, "%.*s-journal",
                   EE_KEYRING_PATH_MAX - 9, temp);
    (void)unlink(journal);
    (void)unlink(temp);
}
