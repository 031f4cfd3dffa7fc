/* SPDX-License-Identifier: MIT
 *
 * provider_keyring_file.c: who may touch a keyring, and with which modes it,
 * its journal and its temporary file are made.
 */
#include "provider/keyring_change.h"
#include "ring.h"
#include "tap.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOMEBODY 54321 /* a user and group with no name */

static struct ee_error err;

/* Opens app.keyring and expects a refusal that says so. */
static void refused(int code, const char *text, const char *what)
{
    struct ee_provider *p = NULL;

    ok(ring_open(&p, "app.keyring", false, &err) == code && p == NULL &&
           strstr(err.msg, text) != NULL,
       "%s: %s", what, err.msg);
    ee_provider_close(p);
}

static void opens(const char *what)
{
    struct ee_provider *p = NULL;

    ok(ring_open(&p, "app.keyring", false, &err) == EE_OK, "%s", what);
    ee_provider_close(p);
}

static unsigned mode_of(const char *name)
{
    struct stat st;

    return lstat(ring_path(name), &st) == 0 ? st.st_mode & 07777 : 0;
}

static void file_modes(void)
{
    static const unsigned bad[] = {0640, 0620, 0604, 0602, 0610, 0666};
    const char *file = ring_path("app.keyring");
    struct ee_provider *p = NULL;

    ok(ring_open(&p, "app.keyring", true, &err) == EE_OK, "makes a keyring");
    ee_provider_close(p);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)chmod(file, bad[i]);
        refused(EE_DENIED, "chmod 600", "others may use it");
    }
    (void)chmod(file, 0400);
    opens("a read-only keyring opens");
    (void)chmod(file, 0600);
}

static void kinds(void)
{
    const char *file = ring_path("app.keyring");
    const char *aside = ring_path("aside");

    (void)rename(file, aside);
    ring_must(symlink(aside, file) == 0);
    refused(EE_DENIED, "symbolic link", "a symlink");
    (void)unlink(file);
    ring_must(symlink("nothing", file) == 0);
    refused(EE_DENIED, "symbolic link", "a dangling symlink");
    (void)unlink(file);
    (void)mkfifo(file, 0600);
    refused(EE_DENIED, "regular file", "a FIFO");
    (void)unlink(file);
    (void)mkdir(file, 0700);
    refused(EE_DENIED, "regular file", "a folder");
    (void)rmdir(file);
    (void)rename(aside, file);
    opens("the file itself");
}

static void folders(void)
{
    static const unsigned bad[] = {0777, 01777, 0707, 0702, 01703};
    struct ee_provider *p = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)chmod(ring_dir, bad[i]);
        refused(EE_DENIED, "everybody can write", "a writable folder");
    }
    (void)chmod(ring_dir, 0777);
    ok(ring_open(&p, "new.keyring", true, &err) == EE_DENIED &&
           mode_of("new.keyring") == 0,
       "nor is a keyring made there");
    (void)chmod(ring_dir, 0755);
    opens("a readable folder is fine");

    ring_must(symlink(ring_dir, ring_path("link")) == 0);
    ok(ring_open(&p, "link/app.keyring", false, &err) == EE_OK,
       "a symlink to the folder is followed");
    ee_provider_close(p);
    (void)chmod(ring_dir, 0700);
}

/* Only root can give files away. */
static void owners(void)
{
    const char *file = ring_path("app.keyring");
    int status = -1;

    if (geteuid() != 0) {
        skip("not root", "owners");
        return;
    }
    (void)chmod(ring_dir, 0770);
    ring_must(chown(ring_dir, (uid_t)-1, SOMEBODY) == 0);
    refused(EE_DENIED, "a group can write", "a foreign group's folder");
    ring_must(chown(ring_dir, SOMEBODY, SOMEBODY) == 0);
    refused(EE_DENIED, "another user", "another user's folder");
    ring_must(chown(file, SOMEBODY, SOMEBODY) == 0);
    refused(EE_DENIED, "a group can write", "a group without a name");
    (void)chmod(ring_dir, 0700);
    opens("root may use somebody's keyring");

    ring_must(chown(ring_dir, 0, 0) == 0);
    (void)chmod(ring_dir, 0755);
    ring_must(chown(file, 0, 0) == 0);
    (void)chmod(ring_path("test.key"), 0644);
    if (fork() == 0) {
        struct ee_provider *p = NULL;

        _exit(setuid(SOMEBODY) == 0 &&
                      ring_open(&p, "app.keyring", false, &err) == EE_DENIED &&
                      strstr(err.msg, "another user") != NULL
                  ? 0
                  : 1);
    }
    (void)wait(&status);
    ok(status == 0, "another user's keyring");
    (void)chmod(ring_path("test.key"), 0600);
    (void)chmod(ring_dir, 0700);
}

static void private_group(void)
{
    (void)chmod(ring_dir, 0770);
    if (geteuid() == 0) {
        ring_must(chown(ring_dir, 0, 0) ==
                  0); /* group 0 is root's own on Debian */
        opens("a folder that one's own group can write");
    } else {
        skip("depends on the account", "private group");
    }
    (void)chmod(ring_dir, 0700);
}

static void shapes(void)
{
    struct ee_provider *p = NULL;
    char longer[600];

    (void)ring_write("empty.keyring", "", 0, 0600);
    ok(ring_open(&p, "empty.keyring", true, &err) == EE_TAMPERED,
       "an empty file: %s", err.msg);
    (void)ring_write("text.keyring", "not a database at all, but text", 31,
                     0600);
    ok(ring_open(&p, "text.keyring", true, &err) == EE_TAMPERED,
       "a text file: %s", err.msg);
    (void)ring_write("db.keyring", "", 0, 0600);
    (void)ring_sql("db.keyring", "CREATE TABLE t(a)");
    ok(ring_open(&p, "db.keyring", true, &err) == EE_CONFIG,
       "another database: %s", err.msg);
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    ok(ring_open(&p, longer, true, &err) == EE_CONFIG &&
           strstr(err.msg, "longer") != NULL,
       "a path too long: %s", err.msg);
}

/* Names in ring_dir that hold part. */
static int names_with(const char *part)
{
    DIR *dir = opendir(ring_dir);
    int n = 0;

    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        n += strstr(e->d_name, part) != NULL;
    }
    (void)closedir(dir);
    return n;
}

/* The journal of a write transaction that is open. */
static void journal_of_change(mode_t mask)
{
    static const uint8_t mac[EE_MAC_BYTES] = {1};
    struct ee_keyring_store s = {.db = NULL};
    bool open =
        ee_keyring_store_open(&s, ring_path("m.keyring"), "m", &err) == EE_OK &&
        ee_keyring_store_begin(&s, &err) == EE_OK &&
        ee_keyring_store_set_mac(&s, mac, &err) == EE_OK;
    unsigned mode = mode_of("m.keyring-journal");

    ok(open && mode == 0600, "umask %03o: the journal of a change has mode %o",
       (unsigned)mask, mode);
    ee_keyring_store_rollback(&s);
    ee_keyring_store_close(&s);
}

/* The temporary file and its journal while a keyring is made. */
static void modes_of_making(mode_t mask)
{
    struct ee_keyring_image image = {.kind = EE_SECRET_KEYFILE};
    struct ee_file_path path;
    struct ee_keyring_store s = {.db = NULL};
    char temp[EE_FILE_PATH_MAX];
    char journal[EE_FILE_PATH_MAX + 16];
    struct stat st;
    bool good =
        ee_keyring_resolve(&path, "t.keyring", ring_dir, &err) == EE_OK &&
        ee_keyring_temp_make(&path, temp, &err) == EE_OK &&
        stat(temp, &st) == 0 && (st.st_mode & 07777) == 0600 &&
        ee_keyring_store_create(&s, temp, "t", &image, &err) == EE_OK;

    (void)snprintf(journal, sizeof journal, "%s-journal", temp);
    ok(good && stat(journal, &st) == 0 && (st.st_mode & 07777) == 0600,
       "umask %03o: temporary file and journal are private", (unsigned)mask);
    ee_keyring_store_close(&s);
    ee_keyring_temp_remove(temp);
}

static void umasks(void)
{
    static const mode_t masks[] = {0, 022, 077, 0177, 0777};
    mode_t before = umask(0);

    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        struct ee_provider *p = NULL;

        (void)umask(masks[i]);
        ok(ring_open(&p, "m.keyring", true, &err) == EE_OK &&
               mode_of("m.keyring") == 0600,
           "umask %03o: the keyring is private", (unsigned)masks[i]);
        ee_provider_close(p);
        journal_of_change(masks[i]);
        modes_of_making(masks[i]);
        (void)unlink(ring_path("m.keyring"));
    }
    (void)umask(before);
    ok(names_with(".new-") == 0 && names_with("-journal") == 0,
       "nothing temporary is left");
}

/* Another connection of this process must keep its lock while a keyring is
 * opened and closed again. */
static void locks(void)
{
    struct ee_provider *p = NULL;
    struct ee_keyring_store s = {.db = NULL};
    const char *file = ring_path("app.keyring");
    int status = -1;
    bool begun = ee_keyring_store_open(&s, file, "app", &err) == EE_OK &&
                 ee_keyring_store_begin(&s, &err) == EE_OK;

    ok(begun && ring_open(&p, "app.keyring", false, &err) == EE_OK,
       "opens while another connection writes");
    ee_provider_close(p);
    if (fork() == 0) {
        struct ee_keyring_store other = {.db = NULL};

        _exit(ee_keyring_store_open(&other, file, "app", &err) == EE_OK &&
                      ee_keyring_store_begin(&other, &err) == EE_BUSY
                  ? 0
                  : 1);
    }
    (void)wait(&status);
    ok(status == 0, "and its lock is still held");
    ee_keyring_store_rollback(&s);
    ee_keyring_store_close(&s);
}

int main(void)
{
    ring_setup();
    file_modes();
    kinds();
    folders();
    owners();
    private_group();
    shapes();
    umasks();
    locks();
    return done();
}
