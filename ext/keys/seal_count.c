/* SPDX-License-Identifier: MIT
 *
 * seal_count.c: counts seals under keys with the policy rotate_seals, FORMAT
 * R39.
 *
 * Seals are counted before they are made, some at a time: 1, then twice as many
 * with each row that is written, up to BLOCK_MAX. So never too few are counted,
 * and at most twice as many as were made. Where a statement writes, or the
 * application's transaction is open, the row is a part of it: ROLLBACK takes it
 * back with the sealed values, so what was counted there serves that one
 * statement, and only while the row is there. Elsewhere the one statement that
 * writes the row is a transaction of its own.
 */
#include "base/secret.h"
#include "crypto/pool.h"
#include "keys/keys.h"

#include <string.h>

#define BLOCK_MAX 4096
#define TRIES     100 /* when other connections count at the same time */

static int altered(const struct ee_key_entry *e, struct ee_error *err)
{
    const bool is_main = sqlite3_stricmp(e->schema, "main") == 0;

    return ee_fail(err, EE_TAMPERED,
                   "key %s version %u: its row in %s.envelope_key_seals was "
                   "altered; to count anew: SELECT "
                   "envelope_key_set_policy('%s%s%s', 'rotate_seals', 'off'), "
                   "and set it again",
                   e->record.name, e->record.version, e->schema,
                   is_main ? "" : e->schema, is_main ? "" : ":",
                   e->record.name);
}

int ee_keys_seals(struct ee_keys *k, const struct ee_key_entry *e,
                  struct ee_seal_count *out, struct ee_error *err)
{
    uint8_t tag[EE_MAC_BYTES];
    int rc =
        ee_store_seals(&k->statements, e->schema, e->kek->key_id, out, err);

    if (rc == EE_OK) {
        ee_record_seals_tag(tag, out, e->record.suite, e->kek->kek);
        rc = ee_equal(tag, out->tag, sizeof tag) ? EE_OK : EE_TAMPERED;
    }
    return rc == EE_KEY_UNKNOWN || rc == EE_TAMPERED ? altered(e, err) : rc;
}

static void set_count(struct ee_seal_count *c, uint64_t reserved, uint8_t suite,
                      const uint8_t *kek)
{
    c->reserved = reserved;
    ee_random(c->nonce, sizeof c->nonce);
    ee_record_seals_tag(c->tag, c, suite, kek);
}

int ee_keys_start_count(struct ee_keys *k, const char *schema,
                        const struct ee_key_record *r, const uint8_t *kek,
                        struct ee_error *err)
{
    struct ee_seal_count c;
    struct ee_seal_count got;
    int rc = EE_OK;

    set_count(&c, 0, r->suite, kek);
    rc = ee_store_put_seals(&k->statements, schema, r->fingerprint, &c, err);
    if (rc == EE_OK) {
        rc = ee_store_seals(&k->statements, schema, r->fingerprint, &got, err);
    }
    if (rc == EE_KEY_UNKNOWN ||
        (rc == EE_OK && !ee_equal(got.tag, c.tag, sizeof c.tag))) {
        rc = ee_keys_not_written(schema, r->name, err);
    }
    return rc;
}

/* Does what is written now wait for a commit of somebody else's? */
static bool is_inner(struct ee_keys *k)
{
    return !sqlite3_get_autocommit(k->db) ||
           sqlite3_txn_state(k->db, NULL) == SQLITE_TXN_WRITE;
}

/* Is there a seal left that was counted, and is its row still there? */
static int is_counted(struct ee_keys *k, struct ee_key_entry *e,
                      uint64_t moment, bool *yes, struct ee_error *err)
{
    const struct ee_seal_block *b = &e->seals;
    struct ee_seal_count now;
    int rc = EE_OK;

    *yes = b->left > 0 && (b->moment == 0 || b->moment == moment);
    if (!*yes || b->moment == 0) {
        return EE_OK;
    }
    rc = ee_store_seals(&k->statements, e->schema, e->kek->key_id, &now, err);
    *yes = rc == EE_OK && ee_equal(now.tag, b->tag, sizeof now.tag);
    return rc == EE_KEY_UNKNOWN ? EE_OK : rc;
}

static int refuse_more(struct ee_keys *k, const struct ee_key_entry *e,
                       uint64_t moment, struct ee_error *err)
{
    const bool is_main = sqlite3_stricmp(e->schema, "main") == 0;
    const int rc = ee_fail(
        err, EE_KEY_STATE,
        "key %s version %u has sealed twice its rotate_seals, %llu, and does "
        "not seal any more; to go on: SELECT envelope_key_rotate('%s%s%s')",
        e->record.name, e->record.version,
        (unsigned long long)e->manifest.policy.rotate_seals,
        is_main ? "" : e->schema, is_main ? "" : ":", e->record.name);

    return ee_audit_denied(&k->audit, moment, "seal", e->schema, &e->record, rc,
                           err);
}

/* How many to count this time, of those that are left before twice the
 * policy's number. */
static uint64_t block_size(const struct ee_seal_block *b, uint64_t moment,
                           uint64_t room)
{
    uint64_t size = b->moment == moment ? 2 * b->size : 1;

    size = size > 0 ? size : 1;
    size = size < BLOCK_MAX ? size : BLOCK_MAX;
    return size < room ? size : room;
}

/* The failure of SQLite's, with why we write at all before it. */
static int explain(const struct ee_key_entry *e, int rc, struct ee_error *err)
{
    char why[sizeof err->msg];

    if (rc != EE_BUSY && rc != EE_IO && rc != EE_DENIED) {
        return rc;
    }
    memcpy(why, err->msg, sizeof why);
    return ee_fail(
        err, rc, "key %s has rotate_seals, so sealing writes to %s: %s%s",
        e->record.name, e->schema, why,
        rc == EE_BUSY ? "; begin with BEGIN IMMEDIATE, or try again" : "");
}

/* One try: counts `size` more. *done: they are. Not so when somebody else
 * counted in between. */
static int count_block(struct ee_keys *k, struct ee_key_entry *e,
                       const struct ee_seal_count *was, uint64_t size,
                       bool *done, struct ee_error *err)
{
    struct ee_seal_count next;
    struct ee_seal_count now;
    int rc = EE_OK;

    set_count(&next, was->reserved + size, e->record.suite, e->kek->kek);
    rc = ee_store_change_seals(&k->statements, e->schema, e->kek->key_id, &next,
                               was->tag, err);
    if (rc == EE_OK) {
        rc = ee_store_seals(&k->statements, e->schema, e->kek->key_id, &now,
                            err);
    }
    if (rc == EE_KEY_UNKNOWN ||
        (rc == EE_OK && ee_equal(now.tag, was->tag, sizeof now.tag))) {
        return ee_keys_not_written(e->schema, e->record.name, err);
    }
    *done = rc == EE_OK && ee_equal(now.tag, next.tag, sizeof now.tag);
    memcpy(e->seals.tag, next.tag, sizeof next.tag);
    return rc;
}

/* A trigger on the count may seal, and would count again for ever. */
static int check_foreign(struct ee_keys *k, const char *schema,
                         struct ee_error *err)
{
    bool yes = false;
    const int rc = ee_store_has_foreign(&k->statements, schema, &yes, err);

    return rc == EE_OK && yes ? ee_keys_refuse_foreign(schema, err) : rc;
}

static int count_more(struct ee_keys *k, struct ee_key_entry *e,
                      uint64_t moment, struct ee_error *err)
{
    const uint64_t limit = 2 * e->manifest.policy.rotate_seals;
    const uint64_t kind = is_inner(k) ? moment : 0;
    struct ee_seal_count was;
    uint64_t size = 0;
    bool done = false;
    int rc = check_foreign(k, e->schema, err);

    for (int i = 0; rc == EE_OK && !done && i < TRIES; i++) {
        rc = ee_keys_seals(k, e, &was, err);
        if (rc == EE_OK && was.reserved >= limit) {
            return refuse_more(k, e, moment, err);
        }
        if (rc == EE_OK) {
            size = block_size(&e->seals, kind, limit - was.reserved);
            rc = count_block(k, e, &was, size, &done, err);
        }
    }
    if (rc == EE_OK && !done) {
        rc = ee_keys_is_changing(e->record.name, err);
    }
    if (rc == EE_OK) {
        e->seals.left = size;
        e->seals.size = size;
        e->seals.moment = kind;
    } else { /* what an authorizer ignored is not kept */
        ee_statements_renew(&k->statements);
    }
    return explain(e, rc, err);
}

int ee_keys_count_seal(struct ee_keys *k, struct ee_key_entry *e,
                       uint64_t moment, struct ee_error *err)
{
    bool counted = false;
    int rc = is_counted(k, e, moment, &counted, err);

    if (rc == EE_OK && !counted) {
        rc = count_more(k, e, moment, err);
    }
    if (rc == EE_OK) {
        e->seals.left--;
    }
    return rc;
}
