/* SPDX-License-Identifier: MIT
 *
 * api_table.c: hosts whose table of routines is older, shorter or emptier
 * than ours was built with (rule 9 of hosts). Each runs in a child, since the
 * extension keeps the first table it is handed.
 */
#include "host.h"
#include "tap.h"

#include <dlfcn.h>
#include <signal.h>
#include <sqlite3ext.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int entry_point(sqlite3 *, char **, const sqlite3_api_routines *);

/* The last routine of SQLite 3.37, our floor. */
#define FLOOR_BYTES                                                            \
    (offsetof(sqlite3_api_routines, autovacuum_pages) + sizeof(void (*)(void)))

static const sqlite3_api_routines *table; /* this SQLite's own */
static entry_point *entry;
static int version; /* that a changed table claims */

/* ---- how to get at the table ---- */

static int keep_table(sqlite3 *db, char **message,
                      const sqlite3_api_routines *api)
{
    (void)db;
    (void)message;
    table = api;
    return SQLITE_OK;
}

static void find_table(void)
{
    sqlite3 *db = NULL;
    void *library = dlopen(host_extension(), RTLD_NOW | RTLD_LOCAL);

    host_must(library != NULL, dlerror());
    *(void **)&entry = dlsym(library, "sqlite3_envelope_init");
    host_must(entry != NULL, "no entry point");
    (void)sqlite3_auto_extension((void (*)(void))keep_table);
    db = host_open("table.db");
    (void)sqlite3_close(db);
    sqlite3_reset_auto_extension();
    host_must(table != NULL, "no table of routines");
}

static int claimed_number(void)
{
    return version;
}

static const char *claimed_text(void)
{
    static char text[16];

    (void)snprintf(text, sizeof text, "%d.%d.%d", version / 1000000,
                   version / 1000 % 1000, version % 1000);
    return text;
}

static void claim(sqlite3_api_routines *t, int number)
{
    version = number;
    t->libversion_number = claimed_number;
    t->libversion = claimed_text;
}

/* Ends in SIGSEGV when a byte after the first n of it is looked at. */
static sqlite3_api_routines *table_of(size_t n)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    host_must(p != MAP_FAILED && n <= page, "mmap");
    host_must(mprotect(p + page, page, PROT_NONE) == 0, "mprotect");
    p += page - n;
    memcpy(p, table, n);
    return (sqlite3_api_routines *)(void *)p;
}

/* ---- what a child does ---- */

static bool main_job(sqlite3 *db)
{
    const char *const steps[] = {
        "SELECT envelope_key_create('pii')",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, c)",
        "INSERT INTO t VALUES(1, envelope_seal('ab', 'pii', 't.c', 1))",
        "INSERT INTO t VALUES(2, envelope_seal(2.5, 'pii', 't.c', 2))",
        "INSERT INTO t VALUES(3, envelope_seal_indexed('x', 'pii', 't.c', 3))",
        "SELECT envelope_key_rotate('pii')",
        "UPDATE t SET c = envelope_rewrap(c)",
        "SELECT envelope_key_open('pii')",
        "SELECT * FROM envelope_keys",
        "SELECT envelope_info(c), envelope_key_id(c) FROM t",
        "SELECT envelope_config('padding', 'on'), envelope_debug()",
        "SELECT envelope_cmk_rotate('keyring:host.db.keyring')",
        "SELECT envelope_key_set_state('pii', 'decrypt-only')",
    };
    bool good = true;

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        good = host_run(db, steps[i]) && good;
    }
    return good &&
           host_says(db,
                     "SELECT group_concat(typeof(v) || v) FROM (SELECT "
                     "envelope_open(c, 't.c', id) AS v FROM t ORDER BY id)",
                     "textab,real2.5,textx") &&
           sqlite3_exec(db, "SELECT envelope_open(x'00')", NULL, NULL, NULL) ==
               SQLITE_ERROR;
}

static bool works_with(const sqlite3_api_routines *api)
{
    sqlite3 *db = host_open("host.db");
    char *message = NULL;
    bool good = entry(db, &message, api) == SQLITE_OK;

    if (!good) {
        note("%s", message);
    }
    good = good && main_job(db);
    return sqlite3_close(db) == SQLITE_OK && good;
}

static bool oldest(void)
{
    sqlite3_api_routines *old = table_of(FLOOR_BYTES);

    claim(old, 3037000);
    return works_with(old);
}

/* What a build can leave out, and better-sqlite3's does in part: the table
 * then holds NULL. */
static bool emptied(void)
{
    sqlite3_api_routines *t = table_of(sizeof *t);

    t->progress_handler = NULL;
    t->unlock_notify = NULL;
    t->trace = NULL;
    t->trace_v2 = NULL;
    t->profile = NULL;
    t->set_authorizer = NULL;
    t->db_mutex = NULL;
    t->column_decltype = NULL;
    t->column_database_name = NULL;
    t->column_table_name = NULL;
    t->column_origin_name = NULL;
    t->table_column_metadata = NULL;
    t->get_table = NULL;
    t->complete = NULL;
    t->enable_shared_cache = NULL;
    t->blob_open = NULL;
    t->deserialize = NULL;
    t->serialize = NULL;
    return works_with(t);
}

static volatile int forbidden_calls;

static void forbidden(void)
{
    forbidden_calls++;
}

/* A table in which only what tells the version, and the message, may be
 * called. */
static sqlite3_api_routines *refused_table(int number)
{
    void (*no)(void) = forbidden;
    sqlite3_api_routines *t = table_of(sizeof *t);
    char *p = (char *)t;

    for (size_t i = 0; i + sizeof no <= sizeof *t; i += sizeof no) {
        memcpy(p + i, &no, sizeof no);
    }
    t->mprintf = table->mprintf;
    claim(t, number);
    return t;
}

static bool too_old(void)
{
    sqlite3 *db = host_open("refused.db");
    char *message = NULL;
    const int rc = entry(db, &message, refused_table(3036000));
    const bool good =
        rc == SQLITE_ERROR && forbidden_calls == 0 && message != NULL &&
        strcmp(message, "sqlite-envelope needs SQLite 3.37 or newer; this is "
                        "3.36.0") == 0;

    if (!good) {
        note("result %d, %d calls, %s", rc, forbidden_calls, message);
    }
    sqlite3_free(message);
    return sqlite3_close(db) == SQLITE_OK && good;
}

static bool better_after_too_old(void)
{
    return too_old() && works_with(table);
}

/* ---- statements ---- */

static void in_child(bool (*job)(void), const char *what)
{
    int status = -1;
    pid_t child = 0;

    host_setup();
    find_table();
    child = fork();
    if (child == 0) {
        _exit(job() ? 0 : 1);
    }
    (void)waitpid(child, &status, 0);
    host_cleanup();
    if (WIFSIGNALED(status)) {
        note("ended by signal %d", WTERMSIG(status));
    }
    ok(status == 0, "%s", what);
}

/* The fence is there: else the second statement would prove nothing. */
static bool looks_past_the_floor(void)
{
    sqlite3_api_routines *old = table_of(FLOOR_BYTES);

    return old->error_offset != NULL;
}

static void fence_holds(void)
{
    int status = 0;

    host_setup();
    find_table();
    if (fork() == 0) {
        (void)signal(SIGSEGV, SIG_DFL); /* a sanitizer would report it */
        _exit(looks_past_the_floor() ? 0 : 1);
    }
    (void)wait(&status);
    host_cleanup();
    ok(WIFSIGNALED(status), "a look past an older host's table is seen");
}

int main(void)
{
    fence_holds();
    in_child(oldest, "the main job calls nothing that SQLite 3.37 lacks");
    in_child(emptied, "nor what a host's build can leave out");
    in_child(too_old, "SQLite 3.36 is refused with a message, and not called");
    in_child(better_after_too_old, "a good host after it is served");
    return done();
}
