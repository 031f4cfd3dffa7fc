/* SPDX-License-Identifier: MIT
 *
 * oom.c: fails every allocation of every scenario, once and for ever.
 *
 * SQLite's allocator (which is ours too) and OpenSSL's are replaced by ones
 * that count and fail. Allocation 1, 2, 3, … of a scenario fails until the
 * scenario runs to its end untouched. Each time: no crash, the error says out
 * of memory, nothing is half done, and the same work succeeds right after.
 * Prints TAP.
 */
#include "fault/scenarios.h"
/* a provider of another file, here in this one, so that it is swept, too */
#include "providers/odd_provider.c"
#include "unit/tap.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int sqlite3_envelope_init(sqlite3 *db, char **message, const void *api);

/* ---- the failing allocators ---- */

static struct {
    bool armed;
    bool for_ever;
    long countdown;
    long failures;
} fault;

static sqlite3_mem_methods real;

static bool must_fail(void)
{
    if (!fault.armed) {
        return false;
    }
    if (fault.countdown > 1) {
        fault.countdown--;
        return false;
    }
    if (fault.countdown == 1 || fault.for_ever) {
        fault.countdown = 0;
        fault.failures++;
        return true;
    }
    return false;
}

static void *mem_malloc(int n)
{
    return must_fail() ? NULL : real.xMalloc(n);
}

static void *mem_realloc(void *p, int n)
{
    return must_fail() ? NULL : real.xRealloc(p, n);
}

static void *ossl_malloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return must_fail() ? NULL : malloc(n);
}

static void *ossl_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return must_fail() ? NULL : realloc(p, n);
}

static void ossl_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

static void install_allocators(void)
{
    sqlite3_mem_methods mine;

    (void)CRYPTO_set_mem_functions(ossl_malloc, ossl_realloc, ossl_free);
    (void)sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
    mine = real;
    mine.xMalloc = mem_malloc;
    mine.xRealloc = mem_realloc;
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &mine);
    /* every allocation must reach the allocator */
    (void)sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
}

/* ---- running them ---- */

static char folder[] = "/tmp/envelope-oom-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void remove_files(void)
{
    static const char *const names[] = {"t.db",         "t.db-journal",
                                        "t.db.keyring", "t.db.keyring-journal",
                                        "t.db.audit",   "fresh"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)unlink(in_folder(names[i]));
    }
}

/* NULL when it cannot be opened or the extension does not load. */
static sqlite3 *open_db(void)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    bool good = sqlite3_open(in_folder("t.db"), &db) == SQLITE_OK &&
                sqlite3_envelope_init(db, &message, NULL) == SQLITE_OK;

    good = good && sqlite3_oddprovider_init(db, &message, NULL) == SQLITE_OK;
    sqlite3_free(message);
    if (!good) {
        (void)sqlite3_close(db);
        return NULL;
    }
    (void)sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
    return db;
}

/* Runs all of sql; out gets the last statement's first column. */
static int run(sqlite3 *db, const char *sql, char *out, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    int rc = SQLITE_OK;

    while (rc == SQLITE_OK && *sql != '\0') {
        rc = sqlite3_prepare_v2(db, sql, -1, &stmt, &sql);
        while (rc == SQLITE_OK && stmt != NULL &&
               (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
            const unsigned char *text = sqlite3_column_text(stmt, 0);

            if (out != NULL) {
                (void)snprintf(out, size, "%s", text ? (const char *)text : "");
            }
            rc = SQLITE_OK;
        }
        rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
        if (stmt != NULL) {
            int finalized = sqlite3_finalize(stmt);

            rc = rc == SQLITE_OK ? finalized : rc;
        }
        stmt = NULL;
    }
    return rc;
}

static bool looks_like_oom(sqlite3 *db, int rc)
{
    const char *text = sqlite3_errmsg(db);

    return rc == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM ||
           strstr(text, "memory") != NULL;
}

enum outcome { CLEAN, FAILED_WELL, FAILED_BADLY };

static enum outcome check_after(const struct scenario *s, sqlite3 *db, long n)
{
    char got[256] = "";
    int rc = run(db, s->after, got, sizeof got);

    if (rc != SQLITE_OK || strcmp(got, s->expect) != 0) {
        (void)printf("# %s, allocation %ld: afterwards '%s' (%d, %s)\n",
                     s->name, n, got, rc, sqlite3_errmsg(db));
        return FAILED_BADLY;
    }
    return CLEAN;
}

/* One run with allocation n failing; on a connection of its own, so that what
 * a connection allocates lazily is allocated under faults, too. */
static enum outcome attempt(const struct scenario *s, long n, bool for_ever)
{
    enum outcome outcome = CLEAN;
    sqlite3 *db = NULL;
    int rc = SQLITE_OK;

    remove_files();
    db = open_db();
    if (db == NULL || run(db, s->before, NULL, 0) != SQLITE_OK) {
        (void)printf("# %s: cannot start: %s\n", s->name, sqlite3_errmsg(db));
        (void)sqlite3_close(db);
        return FAILED_BADLY;
    }
    (void)sqlite3_close(db);
    fault.for_ever = for_ever;
    fault.countdown = n;
    fault.failures = 0;
    fault.armed = strcmp(s->name, "load") == 0;
    db = open_db();
    fault.armed = true;
    rc = db != NULL ? run(db, s->work, NULL, 0) : SQLITE_NOMEM;
    fault.armed = false;
    if (db == NULL && fault.failures > 0) {
        db = open_db();
        rc = SQLITE_OK;
    }
    if (fault.failures > 0 && rc != SQLITE_OK && !looks_like_oom(db, rc)) {
        (void)printf("# %s, allocation %ld: %d %s\n", s->name, n, rc,
                     sqlite3_errmsg(db));
        outcome = FAILED_BADLY;
    } else if (fault.failures == 0 && rc != SQLITE_OK) {
        (void)printf("# %s without a fault: %s\n", s->name, sqlite3_errmsg(db));
        outcome = FAILED_BADLY;
    } else {
        outcome = check_after(s, db, n);
    }
    if (sqlite3_close(db) != SQLITE_OK) {
        (void)printf("# %s, allocation %ld: cannot close\n", s->name, n);
        outcome = FAILED_BADLY;
    }
    return outcome == CLEAN && fault.failures > 0 ? FAILED_WELL : outcome;
}

static long sweep(const struct scenario *s, bool for_ever)
{
    const char *scale = getenv("EE_SCALE");
    const long step = scale != NULL && atof(scale) < 1 ? 7 : 1;
    enum outcome outcome = FAILED_WELL;
    long n = 0;

    for (n = 1; outcome == FAILED_WELL && n < 100000; n += step) {
        outcome = attempt(s, n, for_ever);
    }
    ok(outcome == CLEAN, "%s: %ld allocations fail %s, nothing is lost",
       s->name, n - 1 - step, for_ever ? "for ever" : "once");
    return n;
}

static void make_key_file(const char *name)
{
    uint8_t key[32];
    int fd = open(in_folder(name), O_CREAT | O_WRONLY, 0600);

    memset(key, 7, sizeof key);
    if (fd < 0 || write(fd, key, sizeof key) != (ssize_t)sizeof key) {
        exit(2);
    }
    (void)close(fd);
}

static void make_key_files(void)
{
    make_key_file("key");
    make_key_file("one");
    make_key_file("two");
    (void)setenv("ENVELOPE_KEYFILE", in_folder("key"), 1);
    (void)setenv("EXAMPLE_KEYS", folder, 1);
    (void)unsetenv("ENVELOPE_PASSPHRASE");
    (void)unsetenv("ENVELOPE_CMK");
}

/* One round of PBKDF2: each allocates. */
static bool write_pem(FILE *f, EVP_PKEY *key, const char *phrase)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    X509_SIG *sig = NULL;
    int rc = 0;

    if (phrase == NULL) {
        rc = PEM_write_PKCS8_PRIV_KEY_INFO(f, info);
    } else {
        sig =
            PKCS8_encrypt(-1, EVP_aes_256_cbc(), phrase, -1, NULL, 0, 1, info);
        rc = sig != NULL ? PEM_write_PKCS8(f, sig) : 0;
    }
    X509_SIG_free(sig);
    PKCS8_PRIV_KEY_INFO_free(info);
    EVP_PKEY_free(key);
    return rc == 1;
}

static void make_pem_file(const char *name, EVP_PKEY *key, const char *phrase)
{
    FILE *f = fopen(in_folder(name), "w");

    if (f == NULL || fchmod(fileno(f), 0600) != 0 ||
        !write_pem(f, key, phrase)) {
        exit(2);
    }
    (void)fclose(f);
}

/* One whose SHA-256 is known. */
static void make_only_pem(void)
{
    uint8_t secret[32];

    for (int i = 0; i < 32; i++) {
        secret[i] = (uint8_t)(0x80 + i);
    }
    make_pem_file("only.pem",
                  EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret,
                                               sizeof secret),
                  NULL);
}

static void make_pem_files(void)
{
    make_pem_file("rsa.pem", EVP_RSA_gen(3072), NULL);
    make_pem_file("x.pem", EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), "phrase");
    make_only_pem();
    (void)setenv("ENVELOPE_PEM_PASSPHRASE", "phrase", 1);
}

/* Every second scenario from first on, in a folder of its own; with a name only
 * that one. */
static void sweep_half(size_t first, const char *name)
{
    long total = 0;

    if (mkdtemp(folder) == NULL) {
        exit(2);
    }
    make_key_files();
    make_pem_files();
    for (size_t i = first; i < sizeof scenarios / sizeof scenarios[0]; i += 2) {
        if (name == NULL || strcmp(name, scenarios[i].name) == 0) {
            total += sweep(&scenarios[i], false);
            total += sweep(&scenarios[i], true);
        }
    }
    note("%ld runs", total);
    remove_files();
    (void)unlink(in_folder("key"));
    (void)unlink(in_folder("one"));
    (void)unlink(in_folder("two"));
    (void)unlink(in_folder("rsa.pem"));
    (void)unlink(in_folder("x.pem"));
    (void)unlink(in_folder("only.pem"));
    (void)rmdir(folder);
}

/* What the other process has found, line by line, as our own. */
static void tell(FILE *said)
{
    char line[2048];

    rewind(said);
    while (fgets(line, sizeof line, said) != NULL) {
        const char *text = strstr(line, " - ");

        line[strcspn(line, "\n")] = '\0';
        if (text != NULL && line[0] != '#') {
            ok(strncmp(line, "ok ", 3) == 0, "%s", text + 3);
        } else {
            (void)puts(line);
        }
    }
}

/* Two processes, because it takes long. */
int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    FILE *said = tmpfile();
    int status = -1;
    pid_t other = 0;

    if (said == NULL) {
        return 2;
    }
    other = fork();
    if (other == 0) {
        if (dup2(fileno(said), STDOUT_FILENO) < 0) {
            _exit(2);
        }
        install_allocators();
        sweep_half(1, name);
        (void)fflush(stdout);
        _exit(0);
    }
    install_allocators();
    sweep_half(0, name);
    if (other < 0 || waitpid(other, &status, 0) != other) {
        return 2;
    }
    tell(said);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
       "the other half ran to its end");
    (void)fclose(said);
    return done();
}
