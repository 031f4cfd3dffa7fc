/* SPDX-License-Identifier: MIT
 *
 * seal_only_config.c: the settings seal_only and open_seal_only: which public
 * key stands for which name.
 */
#include "base/text.h"
#include "keys/seal_only_parts.h"
#include "provider/cmk_uri.h"

#include <string.h>

#define PIN       "sha256-"
#define PIN_BYTES (sizeof PIN - 1)

static void clear_list(struct ee_seal_only_list *list)
{
    sqlite3_free(list->text);
    sqlite3_free(list->words);
    sqlite3_free(list->items);
    *list = (struct ee_seal_only_list){.count = 0};
}

static void set_seconds(struct ee_seal_only *s, int64_t seconds)
{
    s->seconds = seconds;
    (void)sqlite3_snprintf(sizeof s->time, s->time, "%d", (int)seconds);
}

void ee_seal_only_init(struct ee_seal_only *s)
{
    set_seconds(s, EE_SEAL_ONLY_SECONDS);
}

void ee_seal_only_clear(struct ee_seal_only *s)
{
    if (s->seal.count > 0) {
        ee_seal_only_sweep();
    }
    clear_list(&s->seal);
    clear_list(&s->open);
}

/* What this connection made is kept no longer than it says now, by nobody. */
static void unshare(const struct ee_seal_only *s)
{
    for (size_t i = 0; i < s->seal.count; i++) {
        const struct ee_seal_only_which which = {.key_id =
                                                     s->seal.items[i].key_id};

        if (s->seal.items[i].made) {
            ee_seal_only_unshare(&which);
        }
    }
}

int ee_seal_only_set_time(struct ee_keys *k, const char *value,
                          struct ee_error *err)
{
    struct ee_seal_only *s = &k->seal_only;
    int64_t v = 0;
    bool good = value[0] != '\0';

    for (const char *p = value; good && *p != '\0'; p++) {
        v = v * 10 + (*p - '0');
        good = *p >= '0' && *p <= '9' && v <= EE_SEAL_ONLY_SECONDS_MAX;
    }
    if (!good) {
        return ee_fail(err, EE_MISUSE,
                       "must be a number of seconds, at most %d; 0: until the "
                       "connection is closed, and not shared",
                       EE_SEAL_ONLY_SECONDS_MAX);
    }
    if (v < s->seconds) {
        unshare(s);
    }
    if (v != s->seconds) {
        set_seconds(s, v);
        ee_cache_forget_seal_only(&k->cache);
        ee_keys_changed(k);
    }
    return EE_OK;
}

/* Without its SHA-256 a URI means whatever lies at the path: nothing tells then
 * that a public key was put in the place of ours. */
static bool read_uri(struct ee_seal_only_cmk *out, char *text)
{
    struct ee_cmk_uri uri;
    struct ee_error ignored;

    out->uri = text;
    return ee_cmk_uri_parse(&uri, text, &ignored) == EE_OK &&
           strcmp(uri.scheme, "pem") == 0 &&
           strncmp(uri.fragment, PIN, PIN_BYTES) == 0 &&
           ee_unhex(out->pin, sizeof out->pin, uri.fragment + PIN_BYTES,
                    strlen(uri.fragment + PIN_BYTES));
}

/* word: one of the list's words */
static bool read_word(struct ee_seal_only_cmk *out, char *word)
{
    char *equals = strchr(word, '=');
    struct ee_error ignored;
    struct ee_key_name name;

    memset(out, 0, sizeof *out);
    if (equals == NULL ||
        ee_key_name_parse(&name, word, (size_t)(equals - word), &ignored) !=
            EE_OK) {
        return false;
    }
    memcpy(out->schema, name.schema, sizeof out->schema);
    memcpy(out->name, name.name, sizeof out->name);
    return read_uri(out, equals + 1);
}

static const char *or_main(const char *schema)
{
    return schema[0] != '\0' ? schema : "main";
}

static bool is_same(const struct ee_seal_only_cmk *a,
                    const struct ee_seal_only_cmk *b)
{
    return strcmp(a->name, b->name) == 0 &&
           sqlite3_stricmp(or_main(a->schema), or_main(b->schema)) == 0;
}

/* Two public keys to seal one name under would leave open which. */
static bool is_repeated(const struct ee_seal_only_list *list)
{
    const struct ee_seal_only_cmk *last = &list->items[list->count - 1];

    for (size_t i = 0; i + 1 < list->count; i++) {
        if (is_same(&list->items[i], last)) {
            return true;
        }
    }
    return false;
}

static int refuse(struct ee_error *err)
{
    return ee_fail(err, EE_MISUSE,
                   "must be words such as 'pii=pem:app.pub#sha256-HEX', with "
                   "spaces between them; HEX is what openssl pkey -pubin -in "
                   "app.pub -pubout -outform DER | sha256sum prints");
}

/* Takes text. */
static int read_list(struct ee_seal_only_list *out, char *text, bool once,
                     struct ee_error *err)
{
    size_t n = 1;
    char *next = NULL;

    for (const char *p = text; *p != '\0'; p++) {
        n += *p == ' ';
    }
    *out = (struct ee_seal_only_list){.text = text};
    out->words = sqlite3_mprintf("%s", text);
    out->items = sqlite3_malloc64(n * sizeof *out->items);
    if (out->words == NULL || out->items == NULL) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    next = out->words;
    while (next != NULL) {
        char *word = next;

        next = strchr(word, ' ');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (!read_word(&out->items[out->count++], word) ||
            (once && is_repeated(out))) {
            return refuse(err);
        }
    }
    return EE_OK;
}

int ee_seal_only_set(struct ee_keys *k, struct ee_seal_only_list *list,
                     const char *value, struct ee_error *err)
{
    struct ee_seal_only_list fresh = {.count = 0};
    char *text = NULL;
    int rc = ee_trust_words(&text, value, err);

    if (rc == EE_OK && text != NULL) {
        rc = read_list(&fresh, text, list == &k->seal_only.seal, err);
    }
    if (rc != EE_OK) {
        clear_list(&fresh);
        return rc;
    }
    clear_list(list);
    *list = fresh;
    ee_cache_forget_seal_only(&k->cache); /* what no word stands for */
    ee_keys_changed(k);
    return EE_OK;
}

/* main:pii and pii are the same to seal under. */
static bool is_schema(const char *a, const char *b)
{
    return sqlite3_stricmp(a[0] != '\0' ? a : "main",
                           b[0] != '\0' ? b : "main") == 0;
}

struct ee_seal_only_cmk *ee_seal_only_find(struct ee_keys *k, const char *name,
                                           size_t n)
{
    struct ee_seal_only_list *list = &k->seal_only.seal;
    struct ee_error ignored;
    struct ee_key_name parsed;

    if (list->count == 0 ||
        ee_key_name_parse(&parsed, name, n, &ignored) != EE_OK) {
        return NULL;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, parsed.name) == 0 &&
            is_schema(list->items[i].schema, parsed.schema)) {
            return &list->items[i];
        }
    }
    return NULL;
}

bool ee_seal_only_seals(struct ee_keys *k, const char *name, size_t n)
{
    return ee_seal_only_find(k, name, n) != NULL;
}
