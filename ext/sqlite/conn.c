/* SPDX-License-Identifier: MIT
 *
 * conn.c: the registry of connections that have loaded the extension.
 */
#include "sqlite/conn.h"

#include "base/secret.h"

#include <pthread.h>
#include <string.h>

static struct {
    pthread_mutex_t lock;
    struct ee_conn *first;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A child must not inherit the lock taken by another thread. */
static void before_fork(void)
{
    (void)pthread_mutex_lock(&registry.lock);
}

static void after_fork(void)
{
    (void)pthread_mutex_unlock(&registry.lock);
}

static void register_atfork(void)
{
    (void)pthread_atfork(before_fork, after_fork, after_fork);
}

static struct ee_conn *conn_new(sqlite3 *db)
{
    struct ee_conn *conn = sqlite3_malloc64(sizeof *conn);

    if (conn != NULL) {
        memset(conn, 0, sizeof *conn);
        conn->db = db;
        ee_keys_init(&conn->keys, db);
        ee_limits_init(conn);
    }
    return conn;
}

struct ee_conn *ee_conn_attach(sqlite3 *db)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct ee_conn *conn = NULL;

    (void)pthread_once(&once, register_atfork);
    (void)pthread_mutex_lock(&registry.lock);
    conn = registry.first;
    while (conn != NULL && conn->db != db) {
        conn = conn->next;
    }
    if (conn == NULL) {
        conn = conn_new(db);
        if (conn != NULL) {
            conn->next = registry.first;
            registry.first = conn;
        }
    }
    if (conn != NULL) {
        conn->references++;
    }
    (void)pthread_mutex_unlock(&registry.lock);
    return conn;
}

void ee_conn_reference(struct ee_conn *conn)
{
    (void)pthread_mutex_lock(&registry.lock);
    conn->references++;
    (void)pthread_mutex_unlock(&registry.lock);
}

static void unlink_conn(struct ee_conn *conn)
{
    struct ee_conn **link = &registry.first;

    while (*link != conn) {
        link = &(*link)->next;
    }
    *link = conn->next;
}

void ee_conn_release(void *arg)
{
    struct ee_conn *conn = arg;
    bool last = false;

    (void)pthread_mutex_lock(&registry.lock);
    last = --conn->references == 0;
    if (last) {
        unlink_conn(conn);
    }
    (void)pthread_mutex_unlock(&registry.lock);
    if (last) {
        ee_keys_clear(&conn->keys);
        ee_opened_clear(&conn->opened);
        if (conn->scratch != NULL) {
            ee_wipe(conn->scratch, conn->scratch_size);
        }
        sqlite3_free(conn->scratch);
        sqlite3_free(conn);
    }
}

struct ee_binding *ee_binding_new(struct ee_conn *conn,
                                  const struct ee_function *function,
                                  bool utf16)
{
    struct ee_binding *binding = sqlite3_malloc64(sizeof *binding);

    if (binding != NULL) {
        *binding = (struct ee_binding){conn, function, utf16};
        ee_conn_reference(conn);
    }
    return binding;
}

void ee_binding_free(void *arg)
{
    struct ee_binding *binding = arg;

    ee_conn_release(binding->conn);
    sqlite3_free(binding);
}

int ee_conn_scratch_grow(struct ee_conn *conn, size_t size,
                         struct ee_error *err)
{
    const size_t least = 1024;
    size_t wanted = size < least ? least : size + size / 2;
    uint8_t *bigger = NULL;

    bigger = sqlite3_malloc64(wanted);
    if (bigger == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    if (conn->scratch != NULL) {
        memcpy(bigger, conn->scratch, conn->scratch_size);
        ee_wipe(conn->scratch, conn->scratch_size);
        sqlite3_free(conn->scratch);
    }
    conn->scratch = bigger;
    conn->scratch_size = wanted;
    return EE_OK;
}
