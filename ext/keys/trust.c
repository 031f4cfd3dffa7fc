/* SPDX-License-Identifier: MIT
 *
 * trust.c: which CMKs this session allows.
 *
 * Anybody who can write to the database can put a CMK's URI beside a key. To
 * ask it would be to contact a server of the attacker's choice with our
 * credentials, and to wrap under it would be to hand the key over. A keyring
 * is the exception: it has to be unlocked by this session's own secret, so
 * one that somebody planted can fail and do no more.
 */
#include "base/text.h"
#include "keys/keys.h"
#include "keys/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 80 /* bytes of a URI in a message */

struct ee_cmk_node {
    struct ee_cmk_node *next;
    struct ee_cmk_uri uri; /* its path is absolute, if there is a folder */
};

int ee_trust_words(char **out, const char *value, struct ee_error *err)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    struct ee_bytes word;
    bool empty = true;

    while (ee_next_word(&value, &word)) {
        sqlite3_str_appendall(text, empty ? "" : " ");
        sqlite3_str_append(text, (const char *)word.p, (int)word.n);
        empty = false;
    }
    *out = sqlite3_str_finish(text);
    return *out != NULL || empty ? EE_OK
                                 : ee_fail(err, EE_NOMEM, "out of memory");
}

/* folder/relative is absolute */
static bool joins(struct ee_bytes folder, const char *relative,
                  const char *absolute)
{
    return folder.p != NULL &&
           strncmp(absolute, (const char *)folder.p, folder.n) == 0 &&
           absolute[folder.n] == '/' &&
           strcmp(absolute + folder.n + 1, relative) == 0;
}

/* By what is written, after the URI's escapes: to follow links would be to
 * touch a path that the database chose. */
bool ee_trust_same_path(struct ee_bytes folder, const char *a, const char *b)
{
    if ((a[0] == '/') == (b[0] == '/')) {
        return strcmp(a, b) == 0;
    }
    return a[0] == '/' ? joins(folder, b, a) : joins(folder, a, b);
}

/* allowed: what the session trusts. asked: what a database names. */
static bool same_cmk(struct ee_keys *k, struct ee_bytes folder,
                     const struct ee_cmk_uri *allowed,
                     const struct ee_cmk_uri *asked)
{
    if (!ee_provider_is_same(allowed, asked)) {
        return false;
    }
    return ee_cmk_uri_is_file(allowed)
               ? ee_trust_same_path(folder, allowed->path, asked->path) &&
                     ee_provider_covers(allowed, asked)
               : ee_provider_means_same(&k->providers, allowed, asked);
}

bool ee_trust_is_same(struct ee_keys *k, const char *schema, const char *a,
                      const char *b)
{
    const struct ee_bytes folder = ee_session_folder(k->db, schema);
    struct ee_error ignored;
    struct ee_cmk_uri one;
    struct ee_cmk_uri two;

    return strcmp(a, b) == 0 || (ee_cmk_uri_parse(&one, a, &ignored) == EE_OK &&
                                 ee_cmk_uri_parse(&two, b, &ignored) == EE_OK &&
                                 same_cmk(k, folder, &one, &two));
}

/* Parses one word of a list. */
static bool parse_word(struct ee_cmk_uri *uri, struct ee_bytes word)
{
    struct ee_error ignored;
    char text[EE_CMK_URI_MAX];

    if (word.n >= sizeof text) {
        return false;
    }
    memcpy(text, word.p, word.n);
    text[word.n] = '\0';
    return ee_cmk_uri_parse(uri, text, &ignored) == EE_OK;
}

/* text: a list, or NULL */
static bool is_listed(struct ee_keys *k, const char *text,
                      struct ee_bytes folder, const struct ee_cmk_uri *uri)
{
    struct ee_cmk_uri one;
    struct ee_bytes word;

    while (text != NULL && ee_next_word(&text, &word)) {
        if (parse_word(&one, word) && same_cmk(k, folder, &one, uri)) {
            return true;
        }
    }
    return false;
}

/* One URI and no list, so it may hold spaces. */
static bool is_default(struct ee_keys *k, struct ee_bytes folder,
                       const struct ee_cmk_uri *uri)
{
    const char *text = secure_getenv("ENVELOPE_CMK");
    struct ee_error ignored;
    struct ee_cmk_uri one;

    return text != NULL && ee_cmk_uri_parse(&one, text, &ignored) == EE_OK &&
           same_cmk(k, folder, &one, uri);
}

static bool is_in_sql(struct ee_keys *k, struct ee_bytes folder,
                      const struct ee_cmk_uri *uri)
{
    const struct ee_cmk_node *n = k->trust.sql;

    while (n != NULL && !same_cmk(k, folder, &n->uri, uri)) {
        n = n->next;
    }
    return n != NULL;
}

/* By the setting, the environment, or the session's SQL. */
static bool is_named(struct ee_keys *k, const char *schema,
                     const struct ee_cmk_uri *uri)
{
    const struct ee_bytes folder = ee_session_folder(k->db, schema);

    return is_listed(k, k->trust.cmks, folder, uri) ||
           is_default(k, folder, uri) || is_in_sql(k, folder, uri);
}

int ee_trust_allows(struct ee_keys *k, const char *schema,
                    const struct ee_cmk_uri *uri, struct ee_error *err)
{
    const bool implied =
        k->trust.cmks == NULL && strcmp(uri->scheme, "keyring") == 0;

    if (implied || is_named(k, schema, uri)) {
        return EE_OK;
    }
    return ee_fail(err, EE_DENIED,
                   "CMK %.*s%s is not allowed in this session and was not "
                   "asked; if it is yours: SELECT envelope_config('cmks', "
                   "'URI...'), or ENVELOPE_CMKS",
                   SHOWN_MAX, uri->text,
                   strlen(uri->text) > SHOWN_MAX ? "..." : "");
}

/* A file in the very folder of the database. */
static bool is_beside(struct ee_bytes folder, const char *path)
{
    const size_t n = folder.n;

    if (folder.p == NULL) {
        return false;
    }
    if (path[0] == '/' && strncmp(path, (const char *)folder.p, n) == 0 &&
        path[n] == '/') {
        path += n + 1;
    }
    return strchr(path, '/') == NULL;
}

bool ee_trust_may_prompt(struct ee_keys *k, const char *schema,
                         const struct ee_cmk_uri *uri)
{
    return is_beside(ee_session_folder(k->db, schema), uri->path) ||
           is_named(k, schema, uri);
}

/* Makes the path absolute, so that it is the same one for every schema. */
static int fix_path(struct ee_cmk_uri *uri, struct ee_bytes folder,
                    struct ee_error *err)
{
    char path[sizeof uri->path];
    int n = 0;

    if (uri->path[0] == '/' || folder.p == NULL || !ee_cmk_uri_is_file(uri)) {
        return EE_OK;
    }
    n = snprintf(path, sizeof path, "%.*s/%s", (int)folder.n,
                 (const char *)folder.p, uri->path);
    if (n < 0 || (size_t)n >= sizeof path) {
        return ee_fail(err, EE_CONFIG, "the path of the CMK URI is too long");
    }
    memcpy(uri->path, path, (size_t)n + 1);
    return EE_OK;
}

int ee_trust_name(struct ee_keys *k, const char *schema, const char *cmk,
                  struct ee_error *err)
{
    const struct ee_bytes folder = ee_session_folder(k->db, schema);
    struct ee_cmk_node *node = NULL;
    struct ee_cmk_uri uri;
    int rc = ee_cmk_uri_parse(&uri, cmk, err);

    if (rc == EE_OK) {
        rc = fix_path(&uri, folder, err);
    }
    if (rc != EE_OK || is_in_sql(k, folder, &uri)) {
        return rc;
    }
    node = sqlite3_malloc64(sizeof *node);
    if (node == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    node->uri = uri;
    node->next = k->trust.sql;
    k->trust.sql = node;
    return EE_OK;
}

int ee_trust_set_cmks(struct ee_keys *k, const char *value,
                      struct ee_error *err)
{
    const char *rest = value;
    struct ee_cmk_uri uri;
    struct ee_bytes word;
    char *words = NULL;
    int rc = EE_OK;

    while (ee_next_word(&rest, &word)) {
        if (!parse_word(&uri, word)) {
            return ee_fail(err, EE_MISUSE,
                           "must be CMK URIs with spaces between them (write "
                           "%%20 for a space in a path)");
        }
    }
    rc = ee_trust_words(&words, value, err);
    if (rc == EE_OK) {
        sqlite3_free(k->trust.cmks);
        k->trust.cmks = words;
    }
    return rc;
}

static void clear_cmks(struct ee_trust *t)
{
    while (t->sql != NULL) {
        struct ee_cmk_node *next = t->sql->next;

        sqlite3_free(t->sql);
        t->sql = next;
    }
}

void ee_trust_clear(struct ee_trust *t)
{
    clear_cmks(t);
    sqlite3_free(t->cmks);
    sqlite3_free(t->open_keys);
    sqlite3_free(t->open_list);
    sqlite3_free(t->pins);
    sqlite3_free(t->pin_list);
    memset(t, 0, sizeof *t);
}
