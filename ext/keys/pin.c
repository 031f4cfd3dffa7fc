/* SPDX-License-Identifier: MIT
 *
 * pin.c: which keys may open, and which key a name means.
 *
 * An envelope chooses the key that opens it, so open_keys bounds the choice.
 * The key tables authenticate themselves under a secret that they hold, so
 * they can be replaced as a whole, by others or by older ones; a pin is what
 * the application knows of the right ones. FORMAT R40.
 *
 * In both, `pii` means the key of that name in every attached database and
 * `aux:pii` that of one.
 */
#include "base/secret.h"
#include "base/text.h"
#include "keys/keys.h"

#include <string.h>

struct ee_pin {
    struct ee_key_name name;
    uint8_t id[EE_NAME_ID_BYTES];
    uint64_t generation; /* the lowest; 0: any */
};

static bool is_meant(const struct ee_key_name *n, const char *schema,
                     const char *name)
{
    return strcmp(n->name, name) == 0 &&
           (n->schema[0] == '\0' || sqlite3_stricmp(n->schema, schema) == 0);
}

/* Room for one item a word, or NULL: no words, or out of memory. */
static void *new_list(size_t *count, const char *value, size_t item_size)
{
    struct ee_bytes word;

    *count = 0;
    while (ee_next_word(&value, &word)) {
        ++*count;
    }
    return *count > 0 ? sqlite3_malloc64(*count * item_size) : NULL;
}

/* ---- open_keys ---- */

int ee_trust_set_open_keys(struct ee_keys *k, const char *value,
                           struct ee_error *err)
{
    struct ee_trust *t = &k->trust;
    struct ee_error ignored;
    struct ee_bytes word;
    const char *rest = value;
    char *words = NULL;
    size_t n = 0;
    struct ee_key_name *list = new_list(&n, value, sizeof *list);
    int rc = EE_OK;

    if (list == NULL && n > 0) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    for (size_t i = 0; rc == EE_OK && i < n; i++) {
        (void)ee_next_word(&rest, &word);
        if (ee_key_name_parse(&list[i], (const char *)word.p, word.n,
                              &ignored) != EE_OK) {
            rc = ee_fail(err, EE_MISUSE,
                         "must be key names with spaces between them, such "
                         "as 'pii aux:hr'");
        }
    }
    if (rc == EE_OK) {
        rc = ee_trust_words(&words, value, err);
    }
    if (rc != EE_OK) {
        sqlite3_free(list);
        return rc;
    }
    sqlite3_free(t->open_keys);
    sqlite3_free(t->open_list);
    t->open_keys = words;
    t->open_list = list;
    t->open_count = n;
    ee_keys_changed(k);
    return EE_OK;
}

int ee_trust_opens(struct ee_keys *k, const char *schema, const char *name,
                   struct ee_error *err)
{
    const struct ee_trust *t = &k->trust;

    if (t->open_list == NULL) {
        return EE_OK;
    }
    for (size_t i = 0; i < t->open_count; i++) {
        if (is_meant(&t->open_list[i], schema, name)) {
            return EE_OK;
        }
    }
    return ee_fail(err, EE_DENIED,
                   "key %s does not open in this session, whose setting "
                   "open_keys does not name it",
                   name);
}

/* ---- pins ---- */

/* 32 hex digits, and a colon and a number if there is more. */
static bool parse_identity(struct ee_pin *pin, const char *text, size_t n)
{
    const size_t hex = 2 * sizeof pin->id;

    if (n < hex || !ee_unhex(pin->id, sizeof pin->id, text, hex)) {
        return false;
    }
    pin->generation = 0;
    if (n == hex) {
        return true;
    }
    if (text[hex] != ':' || n == hex + 1 || n > hex + 1 + 18) {
        return false;
    }
    for (size_t i = hex + 1; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        pin->generation = pin->generation * 10 + (uint64_t)(text[i] - '0');
    }
    return true;
}

static bool parse_pin(struct ee_pin *pin, struct ee_bytes word)
{
    const char *text = (const char *)word.p;
    const char *equals = memchr(text, '=', word.n);
    const size_t n = equals != NULL ? (size_t)(equals - text) : 0;
    struct ee_error ignored;

    return equals != NULL &&
           ee_key_name_parse(&pin->name, text, n, &ignored) == EE_OK &&
           parse_identity(pin, equals + 1, word.n - n - 1);
}

/* The key of list[n] is that of one before it. */
static bool is_pinned_before(const struct ee_pin *list, size_t n)
{
    const struct ee_key_name *last = &list[n].name;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].name.name, last->name) == 0 &&
            sqlite3_stricmp(list[i].name.schema, last->schema) == 0) {
            return true;
        }
    }
    return false;
}

int ee_trust_set_pins(struct ee_keys *k, const char *value,
                      struct ee_error *err)
{
    struct ee_trust *t = &k->trust;
    struct ee_bytes word;
    const char *rest = value;
    char *words = NULL;
    size_t n = 0;
    struct ee_pin *list = new_list(&n, value, sizeof *list);
    int rc = EE_OK;

    if (list == NULL && n > 0) {
        return ee_fail(err, EE_NOMEM, "out of memory");
    }
    for (size_t i = 0; rc == EE_OK && i < n; i++) {
        (void)ee_next_word(&rest, &word);
        if (!parse_pin(&list[i], word) || is_pinned_before(list, i)) {
            rc = ee_fail(err, EE_MISUSE,
                         "must be what envelope_key_pin() returns, once for "
                         "a key, with spaces between them");
        }
    }
    if (rc == EE_OK) {
        rc = ee_trust_words(&words, value, err);
    }
    if (rc != EE_OK) {
        sqlite3_free(list);
        return rc;
    }
    sqlite3_free(t->pins);
    sqlite3_free(t->pin_list);
    t->pins = words;
    t->pin_list = list;
    t->pin_count = n;
    ee_keys_changed(k);
    return EE_OK;
}

/* The pin of a key; one that names the schema goes before one that does not.
 * NULL: not pinned. */
static const struct ee_pin *find_pin(const struct ee_trust *t,
                                     const char *schema, const char *name)
{
    const struct ee_pin *found = NULL;

    for (size_t i = 0; i < t->pin_count; i++) {
        const struct ee_pin *p = &t->pin_list[i];

        if (is_meant(&p->name, schema, name) &&
            (found == NULL || p->name.schema[0] != '\0')) {
            found = p;
        }
    }
    return found;
}

/* FORMAT R40 */
static int check_pin(const struct ee_pin *pin, const struct ee_key_entry *e,
                     struct ee_error *err)
{
    uint8_t id[EE_NAME_ID_BYTES];

    ee_kek_name_id(id, e->kek);
    if (!ee_equal(id, pin->id, sizeof id)) {
        return ee_fail(err, EE_TAMPERED,
                       "key %s in %s is not the one that the setting pin "
                       "names: the key tables were replaced; restore them "
                       "from a backup",
                       e->record.name, e->schema);
    }
    if (e->manifest.generation < pin->generation) {
        return ee_fail(err, EE_TAMPERED,
                       "key %s in %s is of generation %llu, older than the "
                       "%llu of the setting pin: the key tables were put "
                       "back; restore the newest backup",
                       e->record.name, e->schema,
                       (unsigned long long)e->manifest.generation,
                       (unsigned long long)pin->generation);
    }
    return EE_OK;
}

int ee_trust_check(struct ee_keys *k, struct ee_key_entry *e,
                   struct ee_error *err)
{
    const struct ee_pin *pin = find_pin(&k->trust, e->schema, e->record.name);
    struct ee_error ignored;

    e->openable =
        ee_trust_opens(k, e->schema, e->record.name, &ignored) == EE_OK;
    return pin != NULL ? check_pin(pin, e, err) : EE_OK;
}

bool ee_trust_is_pinned(const struct ee_keys *k, const char *schema,
                        const char *name)
{
    return find_pin(&k->trust, schema, name) != NULL;
}

int ee_trust_check_new(struct ee_keys *k, const struct ee_key_name *name,
                       struct ee_error *err)
{
    if (find_pin(&k->trust, name->schema, name->name) == NULL) {
        return EE_OK;
    }
    return ee_fail(err, EE_DENIED,
                   "key %s is not here and the setting pin names it: the key "
                   "tables were removed; restore them from a backup",
                   name->name);
}
