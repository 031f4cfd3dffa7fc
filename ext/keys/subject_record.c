/* SPDX-License-Identifier: MIT
 *
 * subject_record.c: FORMAT section 12.
 */
#include "keys/subject_record.h"

#include "base/wire.h"

#include <string.h>

enum {
    STATE_AT = EE_KEY_ID_BYTES,
    CREATED_AT = STATE_AT + 1,
    PARENT_AT = CREATED_AT + 8,
    NONCE_AT = PARENT_AT + EE_KEY_ID_BYTES,
    WRAPPED_AT = NONCE_AT + EE_WRAP_NONCE_BYTES
};

_Static_assert(WRAPPED_AT + EE_WRAPPED_BYTES == EE_SUBJECT_RECORD_BYTES,
               "the fields are the record");

uint8_t ee_subject_state(const struct ee_subject *s)
{
    return s->record[STATE_AT];
}

uint8_t *ee_subject_id(struct ee_subject *s)
{
    return s->record;
}

uint64_t ee_subject_created(const struct ee_subject *s)
{
    struct ee_reader r = ee_reader(ee_bytes(s->record + CREATED_AT, 8));

    return ee_read_u64(&r);
}

const uint8_t *ee_subject_parent(const struct ee_subject *s)
{
    return s->record + PARENT_AT;
}

uint8_t *ee_subject_nonce(struct ee_subject *s)
{
    return s->record + NONCE_AT;
}

uint8_t *ee_subject_wrapped(struct ee_subject *s)
{
    return s->record + WRAPPED_AT;
}

void ee_subject_set(struct ee_subject *s, uint8_t state, uint64_t created,
                    const uint8_t *parent)
{
    const size_t n = sizeof s->record - STATE_AT;
    struct ee_writer w = ee_writer(s->record + STATE_AT, n);

    memset(s->record + STATE_AT, 0, n);
    ee_write_u8(&w, state);
    ee_write_u64(&w, created);
    ee_write_bytes(&w, ee_bytes(parent, EE_KEY_ID_BYTES));
}

size_t ee_subject_aad(uint8_t *out, const struct ee_subject *s, uint8_t suite)
{
    static const char label[] = "sqlite-envelope/v1/subject"; /* and its NUL */
    const size_t n = strnlen(s->name, sizeof s->name);
    struct ee_writer w = ee_writer(out, EE_SUBJECT_AAD_MAX);

    ee_write_bytes(&w, ee_bytes(label, sizeof label));
    ee_write_u32(&w, (uint32_t)n);
    ee_write_bytes(&w, ee_bytes(s->name, n));
    ee_write_u8(&w, suite);
    ee_write_bytes(&w, ee_bytes(s->record, NONCE_AT));
    return w.used;
}

void ee_subject_describe(struct ee_key_record *out, const struct ee_subject *s,
                         uint8_t suite)
{
    memset(out, 0, sizeof *out);
    memcpy(out->name, s->name, sizeof out->name);
    out->version = 1;
    out->suite = suite;
    out->state = ee_subject_state(s);
    out->origin = EE_ORIGIN_LOCAL;
    out->created = ee_subject_created(s);
    memcpy(out->fingerprint, s->record, EE_KEY_ID_BYTES);
}

bool ee_subject_name(const char *name, size_t n, size_t *slash)
{
    const char *colon = memrchr(name, ':', n); /* a schema may hold a slash */
    const size_t start = colon != NULL ? (size_t)(colon - name) + 1 : 0;
    const char *at = memchr(name + start, '/', n - start);

    if (at != NULL) {
        *slash = (size_t)(at - name);
    }
    return at != NULL;
}

/* The part behind the slash has none itself: keys of subjects have no
 * subjects. */
int ee_subject_name_check(const char *name, size_t n, struct ee_error *err)
{
    const char *slash = memchr(name, '/', n);
    const size_t at = slash != NULL ? (size_t)(slash - name) : n;
    struct ee_error ignored;

    if (n >= EE_NAME_MAX || at >= n ||
        ee_key_name_check(name, at, &ignored) != EE_OK ||
        ee_key_name_check(name + at + 1, n - at - 1, &ignored) != EE_OK) {
        return ee_fail(err, EE_MISUSE,
                       "a key of a subject is named 'pii/42': a key name, one "
                       "'/', and letters, digits or other ASCII characters, "
                       "without spaces, quotes, ':' and '/'; at most %d in all",
                       EE_NAME_MAX - 1);
    }
    return EE_OK;
}

bool ee_subject_is_of(const struct ee_subject *s, const char *parent)
{
    const size_t n = strlen(parent);

    return strncmp(s->name, parent, n) == 0 && s->name[n] == '/';
}

bool ee_subject_is_all(const struct ee_subject *s)
{
    const char *slash = strchr(s->name, '/');

    return slash != NULL && strcmp(slash, "/*") == 0;
}
