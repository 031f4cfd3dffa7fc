/* SPDX-License-Identifier: MIT
 *
 * keyring_file.h: the keyring as a file: where it is, who may touch it, and
 * how a new one comes to its name.
 *
 * Nothing here opens an existing keyring: closing any descriptor of a file
 * drops every POSIX lock the process has on it, and another connection of
 * this process may hold it through SQLite.
 */
#ifndef EE_PROVIDER_KEYRING_FILE_H
#define EE_PROVIDER_KEYRING_FILE_H

#include "base/file.h"

#include <stdbool.h>

/* Finds the file that path names; a relative one starts at base_dir, or at
 * the working directory when that is NULL. The folder must exist. p->shown
 * borrows from p: do not copy p. */
int ee_keyring_resolve(struct ee_file_path *p, const char *path,
                       const char *base_dir, struct ee_error *err) EE_CHECKED;

/* Refuses a keyring that somebody else can read, change or replace.
 * *exists is false, and the status OK, when there is no such file but its
 * folder is good for one. */
int ee_keyring_check(const struct ee_file_path *p, bool *exists,
                     struct ee_error *err) EE_CHECKED;

/* Makes an empty file, mode 0600 whatever the umask, beside the keyring.
 * temp: EE_FILE_PATH_MAX bytes, its name; "" on failure. */
int ee_keyring_temp_make(const struct ee_file_path *p, char *temp,
                         struct ee_error *err) EE_CHECKED;

/* Gives the finished file its name, durably; the file that came first stays
 * when another process was faster. */
int ee_keyring_temp_publish(const struct ee_file_path *p, const char *temp,
                            struct ee_error *err) EE_CHECKED;

/* Removes the temporary name, if it is there, and its journal. */
void ee_keyring_temp_remove(const char *temp);

#endif
