/* SPDX-License-Identifier: MIT
 *
 * secret_source.c: finds the source that is set, and reads it into a cell.
 *
 * What was set in the environment stays there: it is the caller's to unset.
 * secure_getenv() sees nothing in a set-user-ID program.
 */
#include "provider/secret_source.h"

#include "base/secret.h"
#include "base/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(sizeof(struct ee_secret) <= EE_CELL_BYTES, "fits in a cell");

static const struct setting {
    const char *value; /* the secret itself; NULL: never in the environment */
    const char *file;  /* names a file */
    const char *credential;
} settings[] = {
    [EE_SECRET_PASSPHRASE] = {"ENVELOPE_PASSPHRASE", "ENVELOPE_PASSPHRASE_FILE",
                              "envelope_passphrase"},
    [EE_SECRET_KEYFILE] = {NULL, "ENVELOPE_KEYFILE", "envelope_keyfile"},
    [EE_SECRET_PEM_PASSPHRASE] = {"ENVELOPE_PEM_PASSPHRASE",
                                  "ENVELOPE_PEM_PASSPHRASE_FILE",
                                  "envelope_pem_passphrase"},
    [EE_SECRET_PEM_KEYFILE] = {NULL, "ENVELOPE_PEM_KEYFILE",
                               "envelope_pem_keyfile"},
};

/* True when the variable is set. An empty one is a mistake to be told. */
static bool variable(const char *name, const char **value, int *rc,
                     struct ee_error *err)
{
    *value = secure_getenv(name);
    if (*value != NULL && **value == '\0') {
        *rc = ee_fail(err, EE_CONFIG,
                      "%s is set but empty: give it a value or unset it", name);
    }
    return *value != NULL;
}

static int source_file(struct ee_secret_place *s, const char *path,
                       const char *what, struct ee_error *err)
{
    int n = snprintf(s->path, sizeof s->path, "%s", path);

    s->what = what;
    if (n < 0 || (size_t)n >= sizeof s->path) {
        return ee_fail(err, EE_CONFIG, "the path in %s is too long", what);
    }
    return EE_OK;
}

/* A credential counts as set when the service has it. */
static int find_credential(struct ee_secret_place *s, const char *name,
                           struct ee_error *err)
{
    const char *dir = secure_getenv("CREDENTIALS_DIRECTORY");
    struct stat st;
    int n = 0;

    if (dir == NULL || *dir == '\0') {
        return EE_OK;
    }
    n = snprintf(s->path, sizeof s->path, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof s->path) {
        return ee_fail(err, EE_CONFIG, "CREDENTIALS_DIRECTORY is too long");
    }
    if (lstat(s->path, &st) == 0) {
        s->what = name;
        s->rule = EE_FILE_CREDENTIAL;
    }
    return EE_OK;
}

int ee_secret_find(struct ee_secret_place *s, int kind, struct ee_error *err)
{
    const struct setting *names = &settings[kind];
    const char *value = NULL; /* secret: in the environment */
    int rc = EE_OK;

    s->what = NULL;
    s->value = NULL;
    s->rule = EE_FILE_SECRET;
    if (names->value != NULL && variable(names->value, &value, &rc, err)) {
        s->what = names->value;
        s->value = value;
        return rc;
    }
    if (variable(names->file, &value, &rc, err)) {
        return rc != EE_OK ? rc : source_file(s, value, names->file, err);
    }
    return find_credential(s, names->credential, err);
}

static int read_passphrase(struct ee_secret *secret,
                           const struct ee_secret_place *s,
                           struct ee_error *err)
{
    uint8_t *b = secret->bytes;

    if (s->value != NULL) {
        secret->n = strnlen(s->value, EE_SECRET_MAX + 1);
        memcpy(b, s->value, secret->n);
    } else {
        int rc = ee_secret_file_read(b, sizeof secret->bytes, &secret->n,
                                     s->path, s->what, s->rule, err);

        if (rc != EE_OK) {
            return rc;
        }
        if (secret->n > 0 && b[secret->n - 1] == '\n') {
            secret->n--;
            secret->n -= secret->n > 0 && b[secret->n - 1] == '\r';
        }
    }
    if (secret->n > EE_SECRET_MAX) {
        return ee_fail(err, EE_CONFIG,
                       "the passphrase of %s is longer than %d bytes", s->what,
                       EE_SECRET_MAX);
    }
    if (secret->n == 0) {
        return ee_fail(err, EE_CONFIG, "the passphrase of %s is empty",
                       s->what);
    }
    return EE_OK;
}

static int read_keyfile(struct ee_secret *secret,
                        const struct ee_secret_place *s, struct ee_error *err)
{
    int rc = ee_secret_file_read(secret->bytes, sizeof secret->bytes,
                                 &secret->n, s->path, s->what, s->rule, err);

    if (rc == EE_OK && secret->n != 32) {
        rc = ee_fail(err, EE_CONFIG,
                     "the file of %s has %zu bytes: a key file has exactly "
                     "32, made by head -c 32 /dev/urandom",
                     s->what, secret->n);
    }
    return rc;
}

static const char *noun(int kind)
{
    return kind == EE_SECRET_PEM_PASSPHRASE ? "PEM file" : "keyring";
}

static int ask(struct ee_secret *secret, const char *locked,
               const struct ee_wait *user, struct ee_error *err)
{
    char prompt[320];
    int rc = EE_OK;

    (void)snprintf(prompt, sizeof prompt,
                   "Passphrase of %s %s: ", noun(secret->kind), locked);
    rc = ee_terminal_ask(secret->bytes, EE_SECRET_MAX, &secret->n, prompt, user,
                         err);
    if (rc == EE_OK && secret->n == 0) {
        rc = ee_fail(err, EE_DENIED, "the passphrase typed is empty");
    }
    return rc;
}

static int ask_again(const struct ee_secret *first, const struct ee_wait *user,
                     struct ee_error *err)
{
    struct ee_secret *again = ee_cell_new(); /* secret: freed at the end */
    int rc = EE_OK;

    if (again == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for a passphrase");
    }
    rc = ee_terminal_ask(again->bytes, EE_SECRET_MAX, &again->n,
                         "The same again: ", user, err);
    if (rc == EE_OK && (again->n != first->n ||
                        !ee_equal(again->bytes, first->bytes, first->n))) {
        rc = ee_fail(err, EE_DENIED,
                     "the two passphrases differ; nothing was made");
    }
    ee_cell_free(again);
    return rc;
}

/* Reads the source, or asks when none is set. */
static int obtain(struct ee_secret **out, const struct ee_secret_place *s,
                  int kind, const char *locked, const struct ee_wait *user,
                  bool twice, struct ee_error *err)
{
    struct ee_secret *secret = ee_cell_new(); /* secret: handed on or freed */
    int rc = EE_OK;

    if (secret == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory for a passphrase");
    }
    secret->kind = (uint8_t)kind;
    if (kind == EE_SECRET_KEYFILE) {
        rc = read_keyfile(secret, s, err);
    } else if (s->what != NULL) {
        rc = read_passphrase(secret, s, err);
    } else {
        rc = ask(secret, locked, user, err);
        if (rc == EE_OK && twice) {
            rc = ask_again(secret, user, err);
        }
    }
    if (rc != EE_OK) {
        ee_secret_free(secret);
        return rc;
    }
    *out = secret;
    return EE_OK;
}

static bool may_ask(const struct ee_wait *user)
{
    return user != NULL && ee_terminal_present();
}

int ee_secret_to_open(struct ee_secret **out, int kind, const char *locked,
                      const struct ee_wait *user, struct ee_error *err)
{
    struct ee_secret_place s;
    int rc = ee_secret_find(&s, kind, err);

    *out = NULL;
    if (rc != EE_OK) {
        return rc;
    }
    if (s.what == NULL && kind == EE_SECRET_KEYFILE) {
        return ee_fail(err, EE_DENIED,
                       "keyring %s is locked with a key file: set "
                       "ENVELOPE_KEYFILE to its path",
                       locked);
    }
    if (s.what == NULL && !may_ask(user)) {
        return ee_fail(
            err, EE_DENIED, "%s %s is locked with a passphrase: set %s or %s",
            noun(kind), locked, settings[kind].file, settings[kind].value);
    }
    return obtain(out, &s, kind, locked, user, false, err);
}

int ee_secret_to_create(struct ee_secret **out, const char *keyring,
                        const struct ee_wait *user, struct ee_error *err)
{
    struct ee_secret_place phrase;
    struct ee_secret_place file;
    int rc = ee_secret_find(&phrase, EE_SECRET_PASSPHRASE, err);

    *out = NULL;
    if (rc == EE_OK) {
        rc = ee_secret_find(&file, EE_SECRET_KEYFILE, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    if (phrase.what != NULL && file.what != NULL) {
        return ee_fail(err, EE_CONFIG,
                       "%s and %s are both set: unset one of them to say what "
                       "shall lock the new keyring %s",
                       phrase.what, file.what, keyring);
    }
    if (file.what != NULL) {
        return obtain(out, &file, EE_SECRET_KEYFILE, keyring, user, false, err);
    }
    if (phrase.what == NULL && !may_ask(user)) {
        return ee_fail(err, EE_DENIED,
                       "the new keyring %s needs a secret: set "
                       "ENVELOPE_PASSPHRASE_FILE, ENVELOPE_PASSPHRASE or "
                       "ENVELOPE_KEYFILE",
                       keyring);
    }
    return obtain(out, &phrase, EE_SECRET_PASSPHRASE, keyring, user, true, err);
}

void ee_secret_free(struct ee_secret *secret)
{
    ee_cell_free(secret);
}
