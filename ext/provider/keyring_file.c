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
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHAT        "keyring"
#define SUFFIX_ROOM 48 /* ".new-PID-random" and "-journal" */

#define SMALLEST_PAGE 512 /* of SQLite; its files are whole pages */

int ee_keyring_resolve(struct ee_file_path *p, const char *path,
                       const char *base_dir, struct ee_error *err)
{
    return ee_file_resolve(p, WHAT, path, base_dir, SUFFIX_ROOM, err);
}

/* SQLite would read a file cut within its last page as if zeros followed. A
 * journal beside it, from a crash, may bring back what is missing. */
static int check_size(const struct ee_file_path *p, const struct stat *st,
                      struct ee_error *err)
{
    char journal[EE_FILE_PATH_MAX];

    (void)snprintf(journal, sizeof journal, "%.*s-journal",
                   EE_FILE_PATH_MAX - SUFFIX_ROOM, p->file);
    if (st->st_size == 0 ||
        (st->st_size % SMALLEST_PAGE != 0 && access(journal, F_OK) != 0)) {
        return ee_fail(err, EE_TAMPERED,
                       "keyring %s is %s: restore it from a backup", p->shown,
                       st->st_size == 0 ? "empty, hence damaged"
                                        : "damaged or truncated");
    }
    return EE_OK;
}

int ee_keyring_check(const struct ee_file_path *p, bool *exists,
                     struct ee_error *err)
{
    struct stat st;
    int rc = EE_OK;

    *exists = lstat(p->file, &st) == 0;
    if (!*exists && errno != ENOENT) {
        return ee_fail(err, EE_IO, "cannot look at keyring %s: %s", p->shown,
                       strerror(errno));
    }
    rc = *exists ? ee_file_check(p, WHAT, &st, 077, err) : EE_OK;
    if (rc == EE_OK) {
        rc = ee_file_check_dir(p, WHAT, *exists ? &st : NULL, err);
    }
    return rc == EE_OK && *exists ? check_size(p, &st, err) : rc;
}

int ee_keyring_temp_make(const struct ee_file_path *p, char *temp,
                         struct ee_error *err)
{
    uint32_t random[2];
    int fd = -1;

    ee_random(random, sizeof random);
    (void)snprintf(temp, EE_FILE_PATH_MAX, "%.*s.new-%ld-%08x%08x",
                   EE_FILE_PATH_MAX - SUFFIX_ROOM, p->file, (long)getpid(),
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

int ee_keyring_temp_publish(const struct ee_file_path *p, const char *temp,
                            struct ee_error *err)
{
    int rc = ee_file_sync_dir(p, WHAT, err);

    if (rc != EE_OK) {
        return rc;
    }
    /* link() never replaces a file, as rename() would */
    if (link(temp, p->file) != 0 && errno != EEXIST) {
        return ee_fail(err, EE_IO, "cannot give keyring %s its name: %s",
                       p->shown, strerror(errno));
    }
    ee_keyring_temp_remove(temp);
    return ee_file_sync_dir(p, WHAT, err);
}

void ee_keyring_temp_remove(const char *temp)
{
    char journal[EE_FILE_PATH_MAX];

    if (temp[0] == '\0') {
        return;
    }
    (void)snprintf(journal, sizeof journal, "%.*s-journal",
                   EE_FILE_PATH_MAX - 9, temp);
    (void)unlink(journal);
    (void)unlink(temp);
}
