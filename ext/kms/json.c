/* SPDX-License-Identifier: MIT
 *
 * json.c: what is refused before jansson sees it, and after.
 */
#include "kms/json.h"

#include "base/base64.h"
#include "base/secret.h"
#include "envelope_provider.h"
#include "kms/heap.h"

/* The most that jansson takes to read n bytes, roughly. */
#define NEEDED(n) (16 * (n) + 4096)

/* What jansson leaves on the stack, at EE_JSON_DEPTH. */
#define SPILL_BYTES 16384

/* jansson calls itself for each level, up to 2048 of them. Brackets in strings
 * do not count; whether the rest is JSON is for jansson to say. */
static bool too_deep(struct ee_bytes text)
{
    bool in_string = false;
    int depth = 0;

    for (size_t i = 0; i < text.n; i++) {
        const uint8_t c = text.p[i];

        if (in_string && c == '\\') {
            i++;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && (c == '{' || c == '[')) {
            depth++;
        } else if (!in_string && (c == '}' || c == ']')) {
            depth--;
        }
        if (depth > EE_JSON_DEPTH) {
            return true;
        }
    }
    return false;
}

/* jansson 2.14 overruns its buffer for a token when that cannot grow
 * (github.com/akheron/jansson/issues/362). So it is not begun with unless there
 * is memory enough; only another thread could take it meanwhile. */
static bool is_there(size_t n)
{
    void *p = ee_kms_new(n);

    ee_kms_free(p);
    return p != NULL;
}

int ee_json_read(json_t **out, struct ee_bytes text)
{
    const unsigned long failures = ee_kms_heap_failures();
    json_t *json = NULL;

    *out = NULL;
    if (text.n == 0 || too_deep(text)) {
        return ENVELOPE_OK;
    }
    if (!is_there(NEEDED(text.n))) {
        return ENVELOPE_NOMEM;
    }
    json =
        json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    if (json == NULL && ee_kms_heap_failures() != failures) {
        return ENVELOPE_NOMEM;
    }
    if (json != NULL && !json_is_object(json)) {
        json_decref(json);
        json = NULL;
    }
    *out = json;
    return ENVELOPE_OK;
}

bool ee_json_string_of(const json_t *object, const char *name,
                       struct ee_bytes *out)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_string(value)) {
        return false;
    }
    *out = ee_bytes(json_string_value(value), json_string_length(value));
    return true;
}

bool ee_json_number_of(const json_t *object, const char *name, int64_t max,
                       int64_t *out)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > max) {
        return false;
    }
    *out = json_integer_value(value);
    return true;
}

bool ee_json_payload_of(const json_t *object, const char *name, uint8_t *out)
{
    struct ee_bytes text = {0};
    size_t n = 0;

    if (ee_json_string_of(object, name, &text) &&
        ee_unbase64(out, ENVELOPE_PAYLOAD_BYTES, &n, text) &&
        n == ENVELOPE_PAYLOAD_BYTES) {
        return true;
    }
    ee_wipe(out, ENVELOPE_PAYLOAD_BYTES);
    return false;
}
