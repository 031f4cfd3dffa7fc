/* SPDX-License-Identifier: MIT
 *
 * keys.h: the keys of one connection: finding, checking, making, changing.
 *
 * A moment is a number that grows with every statement execution (and every
 * key change) of the connection. A key found for a moment was read from the
 * database at or after it. So a rotation, a state change or a rollback is
 * seen by the next statement, at the cost of one look-up for each.
 *
 * files: resolve.c (name or id to a checked entry), schemas.c (the databases
 * to look in), fetch.c (from the cache, or not), load.c (unwrap by a provider),
 * warm.c (all versions of a name), verify.c (tags), create.c, rotate.c,
 * state.c, destroy.c, rewrap.c (new wraps), write.c (the transaction around a
 * change), change.c (what changes share), policy.c (what states allow),
 * policy_change.c and policy_store.c (what a name's owner laid down), trust.h
 * (what the database may not decide). audit.h is told of all they do. Keys of
 * data subjects are apart: subject.h; so are those of sessions that have a
 * public key only: seal_only.h.
 */
#ifndef EE_KEYS_KEYS_H
#define EE_KEYS_KEYS_H

#include "envelope/engine.h"
#include "keys/attempts.h"
#include "keys/audit.h"
#include "keys/cache.h"
#include "keys/seal_only.h"
#include "keys/store.h"
#include "keys/trust.h"
#include "provider/registry.h"

/* What was seen of the table of subjects of a schema at a moment, so that it is
 * asked once for each statement execution. */
struct ee_subject_table {
    char schema[EE_SCHEMA_MAX];
    uint64_t checked;
    bool exists;
    bool has_foreign;
    /* The first schema that has one, where a key id is looked for first. */
    char home[EE_SCHEMA_MAX]; /* empty: none has */
    uint64_t home_checked;
};

struct ee_keys {
    sqlite3 *db;
    struct ee_engine engine;
    bool engine_ready;
    struct ee_statements statements;
    struct ee_cache cache;
    uint64_t moment;  /* the newest one */
    unsigned running; /* statement executions that have used a key function */
    bool untracked;   /* one of them could not be kept track of */
    bool quiet;       /* a key is loaded that need not be: nobody is asked */
    uint64_t changed; /* the moment of our last own key change */
    /* Keys were changed in a transaction of the application that may be open
     * still. It may be rolled back in the middle of a statement. */
    bool provisional;
    bool made_here; /* and some were made in it, which the cache has */
    /* The same for subjects that were made at their first seal. */
    bool subjects_made;
    struct ee_subject_table subjects; /* where they are */
    struct ee_audit audit;

    /* settings of this connection (sqlite/fn_config.c) */
    uint8_t suite;              /* of keys made by create */
    bool refuse_in_transaction; /* no provider call inside a write */
    bool shares;                /* loaded keys, with other connections */
    bool allow_partial;         /* a CMK that cannot be reached may wait */
    int64_t provider_timeout;   /* ms that a provider operation may wait */
    struct ee_attempts attempts;
    struct ee_trust trust;
    struct ee_seal_only seal_only;
    struct ee_providers providers;
};

void ee_keys_init(struct ee_keys *k, sqlite3 *db);
void ee_keys_clear(struct ee_keys *k); /* wipes */

/* Shares loaded keys, or no longer (shared.h). */
void ee_keys_share(struct ee_keys *k, bool yes);

/* The engine, made at first use. */
int ee_keys_ready(struct ee_keys *k, struct ee_error *err) EE_CHECKED;

/* A new moment. */
uint64_t ee_keys_now(struct ee_keys *k);

/* A new moment, for a new statement execution, and its end. Keys that are
 * expired (cache.h) are wiped where no execution runs, as far as is known. */
uint64_t ee_keys_begin_execution(struct ee_keys *k);
void ee_keys_end_execution(struct ee_keys *k);

/* The key of an envelope, in a state that may open. The entry is borrowed
 * until the next call but one. EE_KEY_UNKNOWN, EE_KEY_STATE, EE_TAMPERED, or
 * what the provider said. */
int ee_keys_for_open(struct ee_keys *k, const uint8_t *key_id, uint64_t moment,
                     struct ee_key_entry **out,
                     struct ee_error *err) EE_CHECKED;

/* The current version of a name (`pii` or `aux:pii`), fit to seal
 * (FORMAT R28). No message repeats a name that no key has: it may be a value
 * in the wrong place. */
int ee_keys_for_seal(struct ee_keys *k, const char *name, size_t n,
                     uint64_t moment, struct ee_key_entry **out,
                     struct ee_error *err) EE_CHECKED;

/* The same, without the name, by the hint that an earlier call left behind
 * (ee_cache_hint()). EE_KEY_UNKNOWN without a message: ask with the name. */
int ee_keys_for_seal_again(struct ee_keys *k, const struct ee_name_hint *hint,
                           uint64_t moment, struct ee_key_entry **out,
                           struct ee_error *err) EE_CHECKED;

/* The current version of a name, in a state that may open: to search with, and
 * to load before a transaction. */
int ee_keys_for_search(struct ee_keys *k, const char *name, size_t n,
                       uint64_t moment, struct ee_key_entry **out,
                       struct ee_error *err) EE_CHECKED;

/* The current version of a name, in any state, for changes. Pinned: the
 * caller gives it back with ee_cache_unpin(). */
int ee_keys_for_change(struct ee_keys *k, const char *name, size_t n,
                       struct ee_key_entry **out,
                       struct ee_error *err) EE_CHECKED;

/* The current version of the name of `entry`, in the same schema. */
int ee_keys_current_of(struct ee_keys *k, struct ee_key_entry *entry,
                       uint64_t moment, struct ee_key_entry **out,
                       struct ee_error *err) EE_CHECKED;

/* Is there a key of this name, in some state? Asks no provider. */
bool ee_keys_name_exists(struct ee_keys *k, const char *text, size_t n);

/* Is there a key with this id here? Then it must be drawn again (FORMAT R10).
 */
bool ee_keys_id_is_taken(struct ee_keys *k, const uint8_t *key_id);

/* What the tables say of a key id, found but not verified: for information.
 * schema: EE_SCHEMA_MAX chars, where it was found. */
int ee_keys_describe(struct ee_keys *k, const uint8_t *key_id,
                     struct ee_key_record *out, char *schema,
                     struct ee_error *err) EE_CHECKED;

/* Loads every version of a name that may open, current one last. *out: it. */
int ee_keys_warm(struct ee_keys *k, const char *name, size_t n, uint64_t moment,
                 struct ee_key_entry **out, struct ee_error *err) EE_CHECKED;

/* Makes the first version of a name, wrapped under each of the CMKs; a
 * subject's key ('pii/42') has none. key_id: EE_KEY_ID_BYTES, the new key's. */
int ee_keys_create(struct ee_keys *k, const char *name, size_t n,
                   const char *const *cmks, int cmk_count, uint8_t *key_id,
                   struct ee_error *err) EE_CHECKED;

/* Makes the next version, under the CMKs of the current one. */
int ee_keys_rotate(struct ee_keys *k, const char *name, size_t n,
                   uint8_t *key_id, struct ee_error *err) EE_CHECKED;

/* name: a key name (all versions), or the 16 hex digits of one version. */
int ee_keys_set_state(struct ee_keys *k, const char *name, size_t n,
                      uint8_t state, struct ee_error *err) EE_CHECKED;

enum ee_policy_kind {
    EE_POLICY_ROTATE_AFTER,
    EE_POLICY_MIN_VERSION,
    EE_POLICY_ROTATE_SEALS
};

/* value: seconds, a version or seals; 0: no policy of this kind. */
int ee_keys_set_policy(struct ee_keys *k, const char *name, size_t n,
                       enum ee_policy_kind kind, uint64_t value,
                       struct ee_error *err) EE_CHECKED;

/* Is this the version that seals, and is it to be replaced, by age or by
 * count? */
int ee_keys_is_due(struct ee_keys *k, const struct ee_key_entry *e, bool *yes,
                   struct ee_error *err) EE_CHECKED;

/* Counts one seal under a key with rotate_seals, before it is made.
 * EE_KEY_STATE at twice that many. */
int ee_keys_count_seal(struct ee_keys *k, struct ee_key_entry *e,
                       uint64_t moment, struct ee_error *err) EE_CHECKED;
/* How many were counted, verified. */
int ee_keys_seals(struct ee_keys *k, const struct ee_key_entry *e,
                  struct ee_seal_count *out, struct ee_error *err) EE_CHECKED;
/* A count of none for a version, inside the savepoint of a change. */
int ee_keys_start_count(struct ee_keys *k, const char *schema,
                        const struct ee_key_record *r, const uint8_t *kek,
                        struct ee_error *err) EE_CHECKED;

/* ee_keys_rotate(), unless the name's current version is not due. */
int ee_keys_rotate_due(struct ee_keys *k, const char *name, size_t n,
                       struct ee_error *err) EE_CHECKED;

/* Where copies of destroyed wraps may still be found. */
enum ee_leftover {
    EE_LEFT_NOTHING,
    EE_LEFT_UNTIL_COMMIT, /* the application's transaction is open */
    EE_LEFT_IN_WAL,       /* somebody else reads or writes */
    EE_LEFT_IN_FILE,      /* seen, in free space; a VACUUM removes them */
    EE_LEFT_UNKNOWN       /* the file is too big to look for them */
};

/* Destroys every wrap of a disabled key (all versions of a name), or of one
 * old version by its 16 hex digits, for ever. */
int ee_keys_destroy(struct ee_keys *k, const char *name, size_t n,
                    enum ee_leftover *left, struct ee_error *err) EE_CHECKED;

/* Wraps every version of a name anew: under the CMKs' current versions, or,
 * with cmk_count > 0, under these CMKs instead. Each new wrap is opened again
 * before an old one is replaced, all in one transaction. *count: versions. */
int ee_keys_rewrap(struct ee_keys *k, const char *name, size_t n,
                   const char *const *cmks, int cmk_count, int *count,
                   struct ee_error *err) EE_CHECKED;

/* EE_KEY_STATE, naming one, when a key of the attached databases could be
 * opened by this version of the CMK and by nothing else. Otherwise their write
 * locks are held, so that it stays so, until ee_write_undo(). p: the CMK,
 * open. */
struct ee_provider;
struct ee_write;
int ee_keys_lock_unused_cmk(struct ee_keys *k, struct ee_provider *p,
                            uint32_t version, struct ee_write *w,
                            struct ee_error *err) EE_CHECKED;
void ee_write_undo(struct ee_keys *k, struct ee_write *w);

/* ---- between the files of this folder ---- */

/* Keys may have changed: every running statement looks again. */
void ee_keys_changed(struct ee_keys *k);

/* A name as typed, split: schema is empty when not given. */
struct ee_key_name {
    char schema[EE_SCHEMA_MAX];
    char name[EE_NAME_MAX];
};

int ee_key_name_parse(struct ee_key_name *out, const char *text, size_t n,
                      struct ee_error *err) EE_CHECKED;

/* The error where ee_store_has_foreign() says so. */
int ee_keys_refuse_foreign(const char *schema, struct ee_error *err);

/* EE_OK when schema is empty or attached. */
int ee_keys_check_schema(struct ee_keys *k, const char *schema,
                         struct ee_error *err) EE_CHECKED;

/* The same, and makes it the name that ee_keys_each_schema() has for it: main's
 * where it is empty. schema: EE_SCHEMA_MAX chars. */
int ee_keys_own_schema(struct ee_keys *k, char *schema,
                       struct ee_error *err) EE_CHECKED;

/* Calls visit for main, the attached databases in order, then temp, until it
 * returns other than EE_KEY_UNKNOWN; returns that. */
int ee_keys_each_schema(struct ee_keys *k,
                        int (*visit)(void *arg, const char *schema,
                                     struct ee_error *err),
                        void *arg, struct ee_error *err) EE_CHECKED;

/* The error for a key in state destroyed. */
int ee_keys_destroyed(const struct ee_key_record *r, struct ee_error *err);
/* FORMAT R28 and R29, and the errors that say what to type; what: what it may
 * not, or empty. */
bool ee_keys_may_open(const struct ee_key_entry *e);
bool ee_keys_may_seal(const struct ee_key_entry *e);
int ee_keys_refuse_state(const struct ee_key_entry *e, const char *what,
                         struct ee_error *err);
int ee_keys_refuse_to_seal(const struct ee_key_entry *e, struct ee_error *err);

/* False while a transaction that changed keys may be open. */
bool ee_keys_settled(struct ee_keys *k);

/* Is the entry of a row of envelope_key, and not a subject's or seal-only? What
 * an attacker put under the id of one must not be taken for the other. */
bool ee_keys_is_version(const struct ee_key_entry *e);

/* One version of a key of one schema, verified, in any state but destroyed.
 * EE_KEY_UNKNOWN without a message. */
int ee_keys_version(struct ee_keys *k, const char *schema,
                    const uint8_t *key_id, uint64_t moment,
                    struct ee_key_entry **out, struct ee_error *err) EE_CHECKED;

/* A verified entry for a record just read: from the cache, or unwrapped. */
int ee_keys_load(struct ee_keys *k, const char *schema,
                 const struct ee_key_record *r, const struct ee_key_manifest *m,
                 struct ee_key_entry **out, struct ee_error *err) EE_CHECKED;

/* Unwraps a key through the first CMK that answers. EE_OK with *out a new
 * KEK whose fingerprint is the record's. */
int ee_keys_unwrap(struct ee_keys *k, const char *schema,
                   const struct ee_key_record *r, struct ee_kek **out,
                   struct ee_error *err) EE_CHECKED;

/* A new KEK of the payload (KEK and name secret) of a wrap of r, whose
 * fingerprint it must have. */
int ee_kek_from_payload(struct ee_keys *k, const struct ee_key_record *r,
                        const uint8_t *payload, struct ee_kek **out,
                        struct ee_error *err) EE_CHECKED;

/* Reads the record and the manifest of a KEK and checks tag1, tag2 and the
 * manifest's tag (FORMAT R27), all at one moment: another connection may be
 * rotating. *r and *m are verified on success only. */
int ee_keys_verify(struct ee_keys *k, const char *schema,
                   const struct ee_kek *kek, struct ee_key_record *r,
                   struct ee_key_manifest *m, struct ee_error *err) EE_CHECKED;

/* Wraps a payload under a CMK. The wrap is opened again, and compared, unless
 * this session has a public key only: what a CMK gives for a wrap, and does not
 * open, is a key that is lost when the cache is. named: this session named the
 * CMK, so it is allowed, and a keyring or CMK that is missing is made. wrapped:
 * EE_CMK_WRAPPED_MAX bytes. stored: EE_CMK_URI_MAX bytes, the URI to keep
 * beside it. */
int ee_keys_wrap(struct ee_keys *k, const char *schema, const char *cmk,
                 const struct ee_key_record *r, const uint8_t *payload,
                 bool named, char *stored, uint8_t *wrapped,
                 size_t *wrapped_len, struct ee_error *err) EE_CHECKED;

/* Failures of a provider call that asking another CMK, or later, cannot mend.
 */
bool ee_keys_is_fatal(int rc);

/* One call of one provider: is it allowed, opened, asked, closed, audited. */
struct ee_cmk_uri;
struct ee_cmk_call {
    const char *schema; /* where a relative path starts */
    const struct ee_cmk_uri *uri;
    const struct ee_key_record *record; /* of the key, for the audit log */
    struct ee_bytes context; /* authenticated with the payload: keys/record.h
                                for a key version, envelope/export_record.h
                                for an export */
    /* A setting of this session named this CMK for this key: it is asked this
     * once, and is allowed for no other key by it. */
    bool named;
    bool file_in_use; /* keys here are under this file: it is not made anew */
};

/* Are keys of the schema under a CMK of the same file? False for what is no
 * file. */
int ee_keys_file_in_use(struct ee_keys *k, const char *schema,
                        const struct ee_cmk_uri *uri, bool *yes,
                        struct ee_error *err) EE_CHECKED;

/* stored: as of ee_keys_wrap(). */
int ee_keys_wrap_by(struct ee_keys *k, const struct ee_cmk_call *call,
                    bool may_create, char *stored, uint8_t *wrapped,
                    size_t *wrapped_len, const uint8_t *payload,
                    struct ee_error *err) EE_CHECKED;
int ee_keys_unwrap_by(struct ee_keys *k, const struct ee_cmk_call *call,
                      uint8_t *payload, struct ee_bytes wrapped,
                      struct ee_error *err) EE_CHECKED;

/* Does the wrap give the payload back? A wrap that replaces another one must.
 */
int ee_keys_check_wrap(struct ee_provider *p, const uint8_t *payload,
                       struct ee_bytes wrapped, struct ee_bytes context,
                       struct ee_error *err) EE_CHECKED;

/* Writes a manifest with the tag over all versions as they are now, and reads
 * all of it back: exactly `changed` records must be of its generation, with
 * right tags. Where a trigger or an authorizer suppressed a write, EE_CONFIG.
 */
int ee_keys_put_manifest(struct ee_keys *k, const char *schema,
                         const char *name, struct ee_key_manifest m,
                         const uint8_t *name_secret, size_t changed,
                         struct ee_error *err) EE_CHECKED;
int ee_keys_not_written(const char *schema, const char *name,
                        struct ee_error *err); /* the error it gives */
int ee_keys_is_changing(const char *name, struct ee_error *err); /* EE_BUSY */

/* Takes the write lock, then makes sure the name's current version and
 * manifest are still those that e was verified with. *stale: they are not,
 * somebody was faster; nothing is wrong, look again. */
int ee_keys_lock(struct ee_keys *k, const struct ee_key_entry *e, bool *stale,
                 struct ee_error *err) EE_CHECKED;

/* A write to the key tables: all or nothing. Its statements are prepared
 * before it starts, so that taking it back needs no memory. */
struct ee_write {
    const char *schema; /* borrowed */
    bool inner;         /* inside the application's transaction */
    sqlite3_stmt *release;
    sqlite3_stmt *undo;
    sqlite3_stmt *undo_all;
    sqlite3_stmt *force;
};

int ee_keys_begin(struct ee_keys *k, const char *schema, struct ee_write *w,
                  struct ee_error *err) EE_CHECKED;
/* rc EE_OK commits; anything else takes all of it back: interrupted, the
 * application's whole transaction, as SQLite does for any interrupted write.
 * Returns rc, or why the commit failed. */
int ee_keys_end(struct ee_keys *k, struct ee_write *w, int rc,
                struct ee_error *err) EE_CHECKED;

/* The savepoint alone, for a write lock without a change. */
int ee_write_begin(struct ee_keys *k, struct ee_write *w,
                   struct ee_error *err) EE_CHECKED;

#endif
