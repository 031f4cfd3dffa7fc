/* SPDX-License-Identifier: MIT
 *
 * trust.h: what a database may not decide, because an attacker may have
 * written it: which CMKs are asked, which keys open, and which key a name
 * means. Settings and the session's own SQL decide, never what is stored.
 *
 * files: trust.c (CMKs), pin.c (keys).
 */
#ifndef EE_KEYS_TRUST_H
#define EE_KEYS_TRUST_H

#include "base/bytes.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct ee_cmk_uri;
struct ee_key_entry;
struct ee_key_name;
struct ee_keys;

/* Settings of a connection. Each has its text, one space between the words,
 * or NULL when it is not set; and what the text means. */
struct ee_trust {
    char *cmks;              /* NULL: any keyring */
    struct ee_cmk_node *sql; /* CMKs given in this session's SQL */
    char *open_keys;         /* NULL: every key */
    struct ee_key_name *open_list;
    size_t open_count;
    char *pins; /* NULL: none */
    struct ee_pin *pin_list;
    size_t pin_count;
};

void ee_trust_clear(struct ee_trust *t);

/* Set from a list of words; an empty one takes the setting back to what it is
 * when not set. On failure nothing has changed, and err goes on after the
 * setting's name: "must be ...". EE_MISUSE or EE_NOMEM. */
int ee_trust_set_cmks(struct ee_keys *k, const char *value,
                      struct ee_error *err) EE_CHECKED;
int ee_trust_set_open_keys(struct ee_keys *k, const char *value,
                           struct ee_error *err) EE_CHECKED;
int ee_trust_set_pins(struct ee_keys *k, const char *value,
                      struct ee_error *err) EE_CHECKED;

/* ---- CMKs ---- */

/* The session's SQL named this CMK: it is allowed from now on. A relative
 * path is taken from the folder of the schema's database. */
int ee_trust_name(struct ee_keys *k, const char *schema, const char *cmk,
                  struct ee_error *err) EE_CHECKED;

/* May this CMK, which a database or an envelope names, be asked? EE_DENIED
 * when not: call it before anything is contacted or opened. schema: the
 * database that a relative path belongs to. */
int ee_trust_allows(struct ee_keys *k, const char *schema,
                    const struct ee_cmk_uri *uri,
                    struct ee_error *err) EE_CHECKED;

/* Do two paths, of which a relative one starts in folder, name the same file?
 */
bool ee_trust_same_path(struct ee_bytes folder, const char *a, const char *b);

/* Do two URIs mean the same CMK, as far as can be told without asking? */
bool ee_trust_is_same(struct ee_keys *k, const char *schema, const char *a,
                      const char *b);

/* May a person be asked for its passphrase? Not for a file that lies anywhere
 * and that this session has not named. */
bool ee_trust_may_prompt(struct ee_keys *k, const char *schema,
                         const struct ee_cmk_uri *uri);

/* ---- keys ---- */

/* EE_DENIED when open_keys does not name this key. */
int ee_trust_opens(struct ee_keys *k, const char *schema, const char *name,
                   struct ee_error *err) EE_CHECKED;

/* FORMAT R40, for an entry just verified. Notes whether it may open. */
int ee_trust_check(struct ee_keys *k, struct ee_key_entry *e,
                   struct ee_error *err) EE_CHECKED;

/* Does the setting pin say which key the name is there? */
bool ee_trust_is_pinned(const struct ee_keys *k, const char *schema,
                        const char *name);

/* EE_DENIED for a key to be made, whose name is pinned to another one. */
int ee_trust_check_new(struct ee_keys *k, const struct ee_key_name *name,
                       struct ee_error *err) EE_CHECKED;

/* ---- between the files of this folder ---- */

/* *out: a copy of the words with one space between them, the caller's to
 * sqlite3_free(); NULL when there are none. */
int ee_trust_words(char **out, const char *value,
                   struct ee_error *err) EE_CHECKED;

#endif
