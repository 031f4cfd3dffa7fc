/* SPDX-License-Identifier: MIT
 *
 * call.c: arguments and results of SQL functions.
 */
#include "sqlite/call.h"
#include "envelope/header.h"

#include "base/secret.h"

#include <string.h>

/* SQLite drops auxiliary data when the statement is reset. A negative index
 * is shared by all functions of the statement and not tied to an argument:
 * SQLite's own json functions have relied on that since they were a loadable
 * extension. Where it did not stick we would look the key up for every row:
 * slower, never wrong. */
#define STATEMENT_SLOT (-6545)

/* More call sites than a statement has, as a rule. */
#define REMEMBERED_MAX 16

struct ee_execution {
    struct ee_keys *keys;
    uint64_t moment;
    unsigned remembered; /* constant arguments */
    bool schema_seen;
};

/* SQLite calls it when the execution ends, or at once when it has no memory. */
static void end_execution(void *arg)
{
    struct ee_execution *kept = arg;

    ee_keys_end_execution(kept->keys);
    sqlite3_free(kept);
}

/* One that is not kept has ended for us, and begins again with the next look,
 * while the function may hold a key: then nothing is wiped. */
static uint64_t begin_execution(const struct ee_call *call)
{
    struct ee_keys *keys = &call->conn->keys;
    const uint64_t now = ee_keys_begin_execution(keys);
    struct ee_execution *kept = sqlite3_malloc64(sizeof *kept);

    keys->untracked = true;
    if (kept == NULL) {
        ee_keys_end_execution(keys);
        return now;
    }
    *kept = (struct ee_execution){
        .keys = keys, .moment = now, .schema_seen = call->schema_seen};
    sqlite3_set_auxdata(call->ctx, STATEMENT_SLOT, kept, end_execution);
    keys->untracked = sqlite3_get_auxdata(call->ctx, STATEMENT_SLOT) == NULL;
    return now;
}

bool ee_call_schema_seen(struct ee_call *call)
{
    call->execution = sqlite3_get_auxdata(call->ctx, STATEMENT_SLOT);
    return call->execution != NULL && call->execution->schema_seen;
}

void ee_call_see_schema(struct ee_call *call)
{
    call->schema_seen = true;
    if (call->execution != NULL) { /* begun by one that the schema may call */
        call->execution->schema_seen = true;
    }
}

uint64_t ee_call_moment(const struct ee_call *call)
{
    const struct ee_execution *kept =
        call->execution != NULL
            ? call->execution
            : sqlite3_get_auxdata(call->ctx, STATEMENT_SLOT);

    return kept != NULL ? kept->moment : begin_execution(call);
}

bool ee_call_may_remember(const struct ee_call *call)
{
    struct ee_execution *kept = sqlite3_get_auxdata(call->ctx, STATEMENT_SLOT);

    return kept != NULL && kept->remembered++ < REMEMBERED_MAX;
}

static int result_code(int status)
{
    switch (status) {
    case EE_BUSY:
        return SQLITE_BUSY;
    case EE_INTERRUPTED:
        return SQLITE_INTERRUPT;
    case EE_DENIED:
        return SQLITE_AUTH;
    default:
        return SQLITE_ERROR;
    }
}

void ee_call_fail(const struct ee_call *call, const struct ee_error *err)
{
    char *text = NULL;

    if (err->code == EE_NOMEM) {
        sqlite3_result_error_nomem(call->ctx);
        return;
    }
    text = sqlite3_mprintf("%s: %s", call->function, err->msg);
    if (text == NULL) {
        sqlite3_result_error_nomem(call->ctx);
        return;
    }
    sqlite3_result_error(call->ctx, text, -1);
    sqlite3_result_error_code(call->ctx, result_code(err->code));
    sqlite3_free(text);
}

/* What SQLite's UTF-16 to UTF-8 and back would change: lone surrogates, and
 * the two noncharacters it replaces on the way back. */
static bool survives_utf8(const uint16_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const bool high = (p[i] & 0xfc00) == 0xd800;
        const bool low = (p[i] & 0xfc00) == 0xdc00;

        if (low || p[i] >= 0xfffe ||
            (high && (i + 1 == n || (p[i + 1] & 0xfc00) != 0xdc00))) {
            return false;
        }
        i += high ? 1 : 0;
    }
    return true;
}

static int text_value(const struct ee_call *call, sqlite3_value *arg,
                      struct ee_value *out, struct ee_error *err)
{
    const void *p = NULL;

    if (call->utf16) {
        p = sqlite3_value_text16(arg);
        if (p != NULL &&
            !survives_utf8(p, (size_t)sqlite3_value_bytes16(arg) / 2)) {
            return ee_fail(err, EE_MISUSE,
                           "this text is not valid UTF-16 and would come back "
                           "changed; seal it as a BLOB");
        }
    }
    p = sqlite3_value_text(arg);
    if (p == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    *out = ee_value_text(ee_bytes(p, (size_t)sqlite3_value_bytes(arg)));
    return EE_OK;
}

int ee_call_value(const struct ee_call *call, sqlite3_value *arg,
                  struct ee_value *out, struct ee_error *err)
{
    const void *p = NULL;

    switch (sqlite3_value_type(arg)) {
    case SQLITE_INTEGER:
        *out = ee_value_integer(sqlite3_value_int64(arg));
        return EE_OK;
    case SQLITE_FLOAT:
        *out = ee_value_real(sqlite3_value_double(arg));
        return EE_OK;
    case SQLITE_TEXT:
        return text_value(call, arg, out, err);
    case SQLITE_BLOB:
        p = sqlite3_value_blob(arg);
        *out = ee_value_blob(ee_bytes(p, (size_t)sqlite3_value_bytes(arg)));
        /* NULL is right for x'', and out of memory for any other */
        return p != NULL || out->bytes.n == 0
                   ? EE_OK
                   : ee_fail(err, EE_NOMEM, "out of memory");
    default:
        *out = ee_value_null();
        return EE_OK;
    }
}

int ee_call_text(sqlite3_value *arg, const char *what, struct ee_bytes *out,
                 struct ee_error *err)
{
    const void *p = NULL;

    if (sqlite3_value_type(arg) != SQLITE_TEXT) {
        return ee_fail(err, EE_MISUSE, "%s must be TEXT", what);
    }
    p = sqlite3_value_text(arg);
    if (p == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    *out = ee_bytes(p, (size_t)sqlite3_value_bytes(arg));
    if (memchr(p, '\0', out->n) != NULL) {
        return ee_fail(err, EE_MISUSE, "%s holds a NUL character", what);
    }
    return EE_OK;
}

int ee_call_cmks(int argc, sqlite3_value **argv, const char **cmks,
                 struct ee_error *err)
{
    struct ee_bytes text = {NULL, 0};
    int rc = EE_OK;

    if (argc > EE_CMKS_MAX) {
        return ee_fail(err, EE_MISUSE, "a key has at most %d CMKs",
                       EE_CMKS_MAX);
    }
    for (int i = 0; rc == EE_OK && i < argc; i++) {
        rc = ee_call_text(argv[i], "the CMK's URI", &text, err);
        cmks[i] = (const char *)text.p;
    }
    return rc;
}

/* ---- the context ---- */

/* Room for n more bytes of context. */
static int make_room(const struct ee_call *call, struct ee_context *out,
                     size_t n, struct ee_error *err)
{
    struct ee_conn *conn = call->conn;
    const int rc = ee_conn_scratch(conn, out->end + n, err);

    if (rc == EE_OK) {
        out->buf = conn->scratch; /* it may have moved */
        out->size = conn->scratch_size;
    }
    return rc;
}

static int add_part(const struct ee_call *call, sqlite3_value *arg,
                    struct ee_context *out, struct ee_error *err)
{
    struct ee_value part;
    int rc = ee_call_value(call, arg, &part, err);

    if (rc == EE_OK) {
        rc = make_room(call, out, ee_context_part_size(&part), err);
    }
    if (rc == EE_OK) {
        ee_context_add(out, &part);
    }
    return rc;
}

/* An encoded part that is a constant of the statement, the name of a column as
 * a rule, so that not each row reads and encodes it. */
struct known_part {
    size_t n;
    uint8_t bytes[];
};

static void remember_part(const struct ee_call *call, int at,
                          struct ee_bytes encoded)
{
    struct known_part *known = NULL;

    if (ee_call_may_remember(call)) {
        known = sqlite3_malloc64(sizeof *known + encoded.n);
    }
    if (known != NULL) {
        known->n = encoded.n;
        memcpy(known->bytes, encoded.p, encoded.n);
        sqlite3_set_auxdata(call->ctx, at, known, sqlite3_free);
    }
}

static int add_first_part(const struct ee_call *call, int at,
                          sqlite3_value *arg, struct ee_context *out,
                          struct ee_error *err)
{
    const struct known_part *known = sqlite3_get_auxdata(call->ctx, at);
    const size_t start = out->end;
    int rc = EE_OK;

    if (known != NULL) {
        rc = make_room(call, out, known->n, err);
        if (rc == EE_OK) {
            ee_context_add_encoded(out, ee_bytes(known->bytes, known->n));
        }
        return rc;
    }
    rc = add_part(call, arg, out, err);
    if (rc == EE_OK && sqlite3_value_type(arg) == SQLITE_TEXT) {
        remember_part(call, at, ee_bytes(out->buf + start, out->end - start));
    }
    return rc;
}

int ee_call_context(const struct ee_call *call, int first, int argc,
                    sqlite3_value **argv, struct ee_context *out,
                    struct ee_error *err)
{
    struct ee_conn *conn = call->conn;
    int rc = ee_conn_scratch(conn, EE_CONTEXT_HEADROOM, err);

    ee_context_init(out, conn->scratch, conn->scratch_size);
    if (rc == EE_OK && first < argc) {
        rc = add_first_part(call, first, argv[first], out, err);
    }
    for (int i = first + 1; rc == EE_OK && i < argc; i++) {
        rc = add_part(call, argv[i], out, err);
    }
    return rc;
}

int ee_call_envelope(sqlite3_value *arg, struct ee_bytes *blob,
                     struct ee_envelope *out, struct ee_error *err)
{
    const void *p = NULL;

    if (sqlite3_value_type(arg) != SQLITE_BLOB) {
        return ee_fail(err, EE_MALFORMED,
                       "not an envelope: an envelope is a BLOB");
    }
    p = sqlite3_value_blob(arg);
    *blob = ee_bytes(p, (size_t)sqlite3_value_bytes(arg));
    if (p == NULL && blob->n > 0) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    return ee_envelope_parse(out, *blob, err);
}

int ee_call_key_of(const struct ee_call *call, const struct ee_envelope *e,
                   struct ee_key_entry **out, struct ee_error *err)
{
    int rc = ee_keys_for_open(&call->conn->keys, e->key_id,
                              ee_call_moment(call), out, err);

    if (rc == EE_KEY_UNKNOWN && e->record.n > 0) {
        rc = ee_fail(err, rc,
                     "key unavailable: this envelope was exported and opens "
                     "once imported: SELECT envelope_import(blob, key, "
                     "context...)");
    }
    /* FORMAT R44 */
    if (rc == EE_OK && e->index != NULL &&
        (*out)->record.origin == EE_ORIGIN_SEAL_ONLY) {
        rc = ee_call_fail_auth(*out, err);
    }
    return rc;
}

int ee_call_fail_auth(const struct ee_key_entry *key, struct ee_error *err)
{
    char what[EE_NAME_MAX + 32];

    (void)sqlite3_snprintf(sizeof what, what, "key %s version %u",
                           key->record.name, key->record.version);
    return ee_fail_auth(err, what);
}

void ee_call_result_opened(const struct ee_call *call, struct ee_value *value,
                           uint8_t *scratch)
{
    char *body = (char *)scratch + EE_COMMIT_BYTES + 1;

    switch (value->type) {
    case EE_TEXT:
        sqlite3_result_text64(call->ctx, body, value->bytes.n,
                              ee_opened_put_body, SQLITE_UTF8);
        return;
    case EE_BLOB:
        sqlite3_result_blob64(call->ctx, body, value->bytes.n,
                              ee_opened_put_body);
        return;
    case EE_INTEGER:
        sqlite3_result_int64(call->ctx, ee_value_as_integer(value));
        break;
    default:
        sqlite3_result_double(call->ctx, ee_value_as_real(value));
        break;
    }
    ee_value_wipe(value);
    ee_opened_put(scratch);
}
