/* SPDX-License-Identifier: MIT
 *
 * audit.c: turns what happens to keys into lines of the audit log.
 */
#include "keys/audit.h"

#include "keys/audit_pending.h"
#include "keys/keys.h"
#include "provider/cmk_uri.h"

#include <string.h>

void ee_audit_init(struct ee_audit *a, struct ee_statements *statements)
{
    memset(a, 0, sizeof *a);
    a->db = statements->db;
    a->statements = statements;
    ee_audit_log_init(&a->log);
}

void ee_audit_clear(struct ee_audit *a)
{
    ee_audit_pending_clear(a);
    ee_audit_log_close(&a->log);
}

static bool is_on(const struct ee_audit *a)
{
    return a->log.path.file[0] != '\0';
}

/* The file of a schema; NULL for one in memory. */
static const char *database(const struct ee_audit *a, const char *schema)
{
    const char *file = sqlite3_db_filename(a->db, schema);

    return file != NULL && file[0] != '\0' ? file : NULL;
}

static void count_lost(struct ee_audit *a, const struct ee_error *why)
{
    a->lost++;
    sqlite3_log(SQLITE_WARNING, "sqlite-envelope: audit line lost: %s",
                why->msg);
}

/* Appends e to the log. EE_OK also when it could not, if that is allowed. */
static int write_line(struct ee_audit *a, struct ee_audit_event e, bool sync,
                      struct ee_error *err)
{
    struct ee_error why;
    int rc = EE_OK;

    e.lost = a->lost;
    rc = ee_audit_log_append(&a->log, &e, sync, &why);
    if (rc == EE_OK) {
        a->lost = 0;
        return EE_OK;
    }
    count_lost(a, &why);
    if (a->allow) {
        return EE_OK;
    }
    if (rc == EE_NOMEM) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    return ee_fail(err, EE_AUDIT, "%s; without the audit log nothing is done",
                   why.msg);
}

/* The line of something that failed already: its own error stays, and says so
 * when there is no line of it. */
static void write_failure(struct ee_audit *a, struct ee_audit_event e,
                          bool sync, int rc, struct ee_error *err)
{
    static const char also[] = "; and the audit log could not be written";
    struct ee_error ignored;
    const size_t n = strnlen(err->msg, sizeof err->msg);

    e.result = rc;
    if (write_line(a, e, sync, &ignored) != EE_OK && rc != EE_AUDIT &&
        n + sizeof also <= sizeof err->msg) {
        memcpy(err->msg + n, also, sizeof also);
    }
}

static struct ee_audit_event of_record(const struct ee_audit *a,
                                       const char *event, const char *schema,
                                       const struct ee_key_record *r)
{
    struct ee_audit_event e = {.event = event, .database = database(a, schema)};

    if (r != NULL) {
        e.key = r->name;
        e.version = r->version;
        e.key_id = r->version > 0 ? r->fingerprint : NULL;
    }
    return e;
}

int ee_audit_change(struct ee_audit *a, const char *event, const char *schema,
                    const struct ee_key_record *r, bool inner, int rc,
                    struct ee_error *err)
{
    /* a subject's key has no manifest to look at later */
    const bool pending = inner && strchr(r->name, '/') == NULL;
    struct ee_audit_event e;

    if (!is_on(a) || rc != EE_OK) {
        return rc; /* ee_audit_outcome() tells of failures */
    }
    if (pending) {
        rc = ee_audit_pending_draft(a, schema, r->name, err);
    }
    if (rc == EE_OK) {
        e = of_record(a, event, schema, r);
        e.state = ee_state_name(r->state);
        e.in_transaction = inner;
        rc = write_line(a, e, true, err);
    }
    if (pending && rc == EE_OK) {
        a->draft->seq = a->log.last.seq;
    }
    return rc;
}

int ee_audit_call(struct ee_audit *a, const char *event, const char *schema,
                  const struct ee_key_record *r, const char *cmk, int rc,
                  struct ee_error *err)
{
    struct ee_audit_event e;

    if (!is_on(a)) {
        return rc;
    }
    e = of_record(a, event, schema, r);
    e.cmk = cmk;
    if (rc == EE_OK) {
        return write_line(a, e, false, err);
    }
    write_failure(a, e, false, rc, err);
    return rc;
}

int ee_audit_cmk(struct ee_audit *a, const char *event, const char *cmk,
                 uint32_t version, int rc, struct ee_error *err)
{
    const struct ee_audit_event e = {.event = event,
                                     .cmk = cmk,
                                     .version = version,
                                     .database = database(a, "main")};

    return is_on(a) && rc == EE_OK ? write_line(a, e, true, err) : rc;
}

static const char *failure(int rc)
{
    return rc == EE_DENIED || rc == EE_KEY_STATE ? "denied" : "failed";
}

int ee_audit_outcome(struct ee_audit *a, const char *operation, const char *key,
                     const char *cmk, int rc, struct ee_error *err)
{
    struct ee_audit_event e = {.event = failure(rc), .operation = operation};
    struct ee_key_name name = {.schema = ""};
    struct ee_error ignored;
    struct ee_cmk_uri uri;

    if (!is_on(a) || rc == EE_OK) {
        return rc;
    }
    /* what is not a key may be anything, such as a value in the wrong place */
    if (key != NULL && rc != EE_KEY_UNKNOWN &&
        ee_key_name_parse(&name, key, strlen(key), &ignored) == EE_OK) {
        e.key = name.name;
    }
    if (cmk != NULL && ee_cmk_uri_parse(&uri, cmk, &ignored) == EE_OK) {
        e.cmk = cmk;
    }
    e.database = database(a, name.schema[0] != '\0' ? name.schema : "main");
    write_failure(a, e, true, rc, err);
    return rc;
}

int ee_audit_denied(struct ee_audit *a, uint64_t moment, const char *operation,
                    const char *schema, const struct ee_key_record *r, int rc,
                    struct ee_error *err)
{
    struct ee_audit_event e;

    if (!is_on(a) || moment <= a->denied) {
        return rc;
    }
    a->denied = moment;
    e = of_record(a, "denied", schema != NULL ? schema : "main", r);
    e.operation = operation;
    e.state = r != NULL ? ee_state_name(r->state) : NULL;
    write_failure(a, e, true, rc, err);
    return rc;
}

void ee_audit_rolled_back(struct ee_audit *a, const struct ee_audit_pending *p)
{
    const struct ee_audit_event e = {.event = "rolled_back",
                                     .key = p->name,
                                     .undoes = p->seq,
                                     .database = database(a, p->schema)};
    struct ee_error ignored;

    /* nobody can be refused here any more */
    (void)!write_line(a, e, true, &ignored);
}

/* ---- settings ---- */

const char *ee_audit_path(const struct ee_audit *a)
{
    return is_on(a) ? a->log.path.file : "off";
}

static struct ee_audit_event setting(const struct ee_audit *a, const char *name,
                                     const char *to)
{
    return (struct ee_audit_event){.event = "config",
                                   .setting = name,
                                   .to = to,
                                   .database = database(a, "main")};
}

/* The new log first: it may not be one that can be written. */
static int announce_path(struct ee_audit *a, struct ee_audit_log *next,
                         struct ee_error *err)
{
    const bool on = next->path.file[0] != '\0';
    const struct ee_audit_event e =
        setting(a, "audit", on ? next->path.file : "off");
    int rc = EE_OK;

    if (on) {
        rc = ee_audit_log_append(next, &e, true, err);
    }
    if (rc == EE_OK && is_on(a) &&
        strcmp(a->log.path.file, next->path.file) != 0) {
        rc = write_line(a, e, true, err);
    }
    return rc;
}

int ee_audit_set_path(struct ee_audit *a, const char *path, bool quietly,
                      struct ee_error *err)
{
    struct ee_audit_log next;
    int rc = EE_OK;

    ee_audit_settle(a);
    if (a->pending != NULL) { /* what becomes of them belongs into this log */
        return ee_fail(err, EE_MISUSE,
                       "keys were changed in this transaction: COMMIT or "
                       "ROLLBACK first");
    }
    ee_audit_log_init(&next);
    if (path[0] != '\0' && strcmp(path, "off") != 0) {
        rc = ee_audit_log_set(&next, path, err);
    }
    if (rc == EE_OK && !quietly) {
        rc = announce_path(a, &next, err);
    }
    if (rc == EE_OK) {
        ee_audit_log_move(&a->log, &next);
    }
    ee_audit_log_close(&next);
    return rc;
}

int ee_audit_set_allow(struct ee_audit *a, bool allow, bool quietly,
                       struct ee_error *err)
{
    int rc = EE_OK;

    if (!quietly && is_on(a) && allow != a->allow) {
        rc = write_line(a,
                        setting(a, "audit_failure", allow ? "allow" : "refuse"),
                        true, err);
    }
    if (rc == EE_OK) {
        a->allow = allow;
    }
    return rc;
}
