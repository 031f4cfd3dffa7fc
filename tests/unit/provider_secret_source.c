/* SPDX-License-Identifier: MIT
 *
 * provider_secret_source.c: every source of a secret, and every refusal.
 * Questions on a terminal are provider_terminal.c's.
 */
#include "base/secret.h"
#include "base/secret_source.h"
#include "ring.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PASSPHRASE EE_SECRET_PASSPHRASE
#define KEYFILE    EE_SECRET_KEYFILE

static struct ee_error err;

/* The secret that is found is this one. */
static void gives(int kind, const char *bytes, size_t n, const char *what)
{
    struct ee_secret *s = NULL;
    int rc = ee_secret_to_open(&s, kind, "x.keyring", NULL, &err);

    ok(rc == EE_OK && s->kind == kind && s->n == n &&
           memcmp(s->bytes, bytes, n) == 0,
       "%s", what);
    ee_secret_free(s);
}

static void refuses(int kind, int code, const char *text, const char *what)
{
    struct ee_secret *s = NULL;
    int rc = ee_secret_to_open(&s, kind, "x.keyring", NULL, &err);

    ok(rc == code && s == NULL && strstr(err.msg, text) != NULL &&
           strstr(err.msg, "hunter") == NULL,
       "%s: %s", what, err.msg);
    ee_secret_free(s);
}

/* Sets a file of this content as the only source. */
static void phrase_file(const char *bytes, size_t n, unsigned mode)
{
    ring_no_secret();
    (void)setenv("ENVELOPE_PASSPHRASE_FILE",
                 ring_write("phrase", bytes, n, mode), 1);
}

static void key_file(size_t n, unsigned mode)
{
    static const uint8_t bytes[2000] = "hunter";

    ring_no_secret();
    (void)setenv("ENVELOPE_KEYFILE", ring_write("key", bytes, n, mode), 1);
}

static void environment(void)
{
    char longest[EE_SECRET_MAX + 2];

    ring_no_secret();
    refuses(PASSPHRASE, EE_DENIED, "ENVELOPE_PASSPHRASE_FILE", "nothing set");
    refuses(KEYFILE, EE_DENIED, "ENVELOPE_KEYFILE", "no key file set");
    (void)setenv("ENVELOPE_PASSPHRASE", "hunter 2\n", 1);
    gives(PASSPHRASE, "hunter 2\n", 9, "a variable, as it is");
    (void)setenv("ENVELOPE_PASSPHRASE_FILE", "/nowhere/hunter", 1);
    gives(PASSPHRASE, "hunter 2\n", 9, "a variable goes before a file");
    (void)setenv("ENVELOPE_PASSPHRASE", "", 1);
    refuses(PASSPHRASE, EE_CONFIG, "empty", "an empty variable");
    (void)unsetenv("ENVELOPE_PASSPHRASE");
    refuses(PASSPHRASE, EE_CONFIG, "ENVELOPE_PASSPHRASE_FILE", "no such file");
    (void)setenv("ENVELOPE_PASSPHRASE_FILE", "", 1);
    refuses(PASSPHRASE, EE_CONFIG, "empty", "an empty file name");

    memset(longest, 'x', sizeof longest);
    longest[EE_SECRET_MAX] = '\0';
    (void)setenv("ENVELOPE_PASSPHRASE", longest, 1);
    gives(PASSPHRASE, longest, EE_SECRET_MAX, "the longest passphrase");
    longest[EE_SECRET_MAX] = 'x';
    longest[EE_SECRET_MAX + 1] = '\0';
    (void)setenv("ENVELOPE_PASSPHRASE", longest, 1);
    refuses(PASSPHRASE, EE_CONFIG, "longer", "one byte more");
}

static void passphrase_files(void)
{
    char big[EE_SECRET_MAX + 8];

    phrase_file("hunter 2", 8, 0600);
    gives(PASSPHRASE, "hunter 2", 8, "a file");
    phrase_file("hunter 2\n", 9, 0400);
    gives(PASSPHRASE, "hunter 2", 8, "less its newline");
    phrase_file("hunter 2\r\n", 10, 0600);
    gives(PASSPHRASE, "hunter 2", 8, "or CR LF");
    phrase_file("a\nb\n\n", 5, 0600);
    gives(PASSPHRASE, "a\nb\n", 4, "only one newline");
    phrase_file("", 0, 0600);
    refuses(PASSPHRASE, EE_CONFIG, "empty", "an empty file");
    phrase_file("\n", 1, 0600);
    refuses(PASSPHRASE, EE_CONFIG, "empty", "an empty line");
    memset(big, 'x', sizeof big);
    memcpy(big + EE_SECRET_MAX, "\r\n", 2);
    phrase_file(big, EE_SECRET_MAX + 2, 0600);
    gives(PASSPHRASE, big, EE_SECRET_MAX, "the longest, with its newline");
    phrase_file(big, EE_SECRET_MAX + 1, 0600);
    refuses(PASSPHRASE, EE_CONFIG, "longer", "a byte more than the longest");
    phrase_file(big, sizeof big, 0600);
    refuses(PASSPHRASE, EE_CONFIG, "longer", "a longer file");
}

static void file_kinds(void)
{
    static const unsigned bad[] = {0640, 0604, 0660, 0601, 0777};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        phrase_file("hunter 2", 8, bad[i]);
        refuses(PASSPHRASE, EE_DENIED, "chmod 600", "readable by others");
    }
    phrase_file("hunter 2", 8, 0600);
    ring_must(symlink(ring_path("phrase"), ring_path("link")) == 0);
    (void)setenv("ENVELOPE_PASSPHRASE_FILE", ring_path("link"), 1);
    refuses(PASSPHRASE, EE_DENIED, "symbolic link", "a symlink");
    (void)mkfifo(ring_path("fifo"), 0600);
    (void)setenv("ENVELOPE_PASSPHRASE_FILE", ring_path("fifo"), 1);
    refuses(PASSPHRASE, EE_DENIED, "regular file", "a FIFO");
    (void)setenv("ENVELOPE_PASSPHRASE_FILE", ring_dir, 1);
    refuses(PASSPHRASE, EE_DENIED, "regular file", "a folder");
}

static void key_files(void)
{
    static const uint8_t expected[32] = "hunter";
    static const size_t bad[] = {0, 1, 31, 33, 64, 2000};

    key_file(32, 0600);
    gives(KEYFILE, (const char *)expected, 32, "a key file");
    refuses(PASSPHRASE, EE_DENIED, "passphrase", "but no passphrase");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        key_file(bad[i], 0600);
        refuses(KEYFILE, EE_CONFIG, bad[i] > 1026 ? "longer" : "exactly",
                "another length");
    }
    key_file(32, 0644);
    refuses(KEYFILE, EE_DENIED, "chmod 600", "a key file others can read");
    (void)setenv("ENVELOPE_KEYFILE", "", 1);
    refuses(KEYFILE, EE_CONFIG, "empty", "an empty variable");
}

static void credentials(void)
{
    static const uint8_t expected[32] = "hunter";

    ring_no_secret();
    (void)setenv("CREDENTIALS_DIRECTORY", ring_dir, 1);
    refuses(PASSPHRASE, EE_DENIED, "ENVELOPE_PASSPHRASE", "no credential");
    (void)ring_write("envelope_passphrase", "hunter 3\n", 9, 0440);
    (void)ring_write("envelope_keyfile", expected, 32, 0400);
    gives(PASSPHRASE, "hunter 3", 8, "a passphrase as credential");
    gives(KEYFILE, (const char *)expected, 32, "a key file as credential");
    (void)setenv("ENVELOPE_PASSPHRASE", "hunter 4", 1);
    gives(PASSPHRASE, "hunter 4", 8, "a variable goes before it");
    (void)unsetenv("ENVELOPE_PASSPHRASE");
    (void)chmod(ring_path("envelope_passphrase"), 0444);
    refuses(PASSPHRASE, EE_DENIED, "others may read", "a public credential");
}

static void creation(void)
{
    struct ee_secret *s = NULL;

    ok(ee_secret_to_create(&s, "x.keyring", NULL, &err) == EE_CONFIG &&
           s == NULL && strstr(err.msg, "envelope_passphrase") != NULL &&
           strstr(err.msg, "unset") != NULL,
       "two credentials: %s", err.msg);
    ring_no_secret();
    ok(ee_secret_to_create(&s, "x.keyring", NULL, &err) == EE_DENIED,
       "none: %s", err.msg);
    key_file(32, 0600);
    ok(ee_secret_to_create(&s, "x.keyring", NULL, &err) == EE_OK &&
           s->kind == KEYFILE,
       "a key file");
    ee_secret_free(s);
    (void)setenv("ENVELOPE_PASSPHRASE", "hunter 2", 1);
    ok(ee_secret_to_create(&s, "x.keyring", NULL, &err) == EE_CONFIG,
       "both: %s", err.msg);
    (void)unsetenv("ENVELOPE_KEYFILE");
    ok(ee_secret_to_create(&s, "x.keyring", NULL, &err) == EE_OK &&
           s->kind == PASSPHRASE,
       "a passphrase");
    ee_secret_free(s);
}

/* Somebody else's files, seen by a process that is not root. */
static void foreign(void)
{
    int status = -1;

    if (geteuid() != 0) {
        skip("not root", "somebody else's secret file");
        return;
    }
    phrase_file("hunter 2", 8, 0600);
    (void)chmod(ring_dir, 0755);
    (void)ring_write("envelope_passphrase", "hunter 3", 8, 0440);
    ring_must(chown(ring_path("envelope_passphrase"), 0, 54321) == 0);
    if (fork() == 0) {
        struct ee_secret *s = NULL;
        int rc = setgid(54321) | setuid(54321);

        (void)setenv("ENVELOPE_PASSPHRASE_FILE",
                     ring_path("envelope_passphrase"), 1);
        rc |= ee_secret_to_open(&s, PASSPHRASE, "x", NULL, &err) != EE_DENIED;
        rc |= strstr(err.msg, "another user") == NULL;
        ring_no_secret();
        (void)setenv("CREDENTIALS_DIRECTORY", ring_dir, 1);
        rc |= ee_secret_to_open(&s, PASSPHRASE, "x", NULL, &err) != EE_OK;
        _exit(rc);
    }
    (void)wait(&status);
    ok(status == 0, "root's file is refused, root's credential is taken");
}

int main(void)
{
    struct ee_arena_report arena;

    ring_setup();
    environment();
    passphrase_files();
    file_kinds();
    key_files();
    credentials();
    creation();
    foreign();
    ee_arena_report(&arena);
    ok(arena.cells_used == 0, "every arena cell was given back");
    return done();
}
