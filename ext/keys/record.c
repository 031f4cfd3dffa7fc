/* SPDX-License-Identifier: MIT
 *
 * record.c: FORMAT section 8.
 */
#include "keys/record.h"

#include "base/secret.h"
#include "base/wire.h"
#include "crypto/kdf.h"
#include "crypto/suite.h"

#include <string.h>

/* name, and the fixed fields of `fields` and of tag2's input */
#define INPUT_MAX (EE_NAME_MAX + 128)

static void write_fields(struct ee_writer *w, const struct ee_key_record *r)
{
    const size_t n = strnlen(r->name, sizeof r->name);

    ee_write_u32(w, (uint32_t)n);
    ee_write_bytes(w, ee_bytes(r->name, n));
    ee_write_u32(w, r->version);
    ee_write_u8(w, r->suite);
    ee_write_bytes(w, ee_bytes(r->fingerprint, sizeof r->fingerprint));
    ee_write_u64(w, r->created);
    ee_write_u8(w, r->origin);
}

void ee_record_tag1(uint8_t *out, const struct ee_key_record *r,
                    const uint8_t *kek)
{
    uint8_t input[INPUT_MAX];
    uint8_t key[EE_KEY_BYTES]; /* secret: wiped below */
    struct ee_writer w = ee_writer(input, sizeof input);

    write_fields(&w, r);
    ee_kdf(key, kek, "kek-record", ee_bytes(&r->suite, 1));
    ee_hmac(out, key, ee_bytes(input, w.used));
    ee_wipe(key, sizeof key);
}

void ee_record_tag2(uint8_t *out, const struct ee_key_record *r,
                    const uint8_t *name_secret)
{
    uint8_t input[INPUT_MAX];
    uint8_t key[EE_KEY_BYTES]; /* secret: wiped below */
    struct ee_writer w = ee_writer(input, sizeof input);

    write_fields(&w, r);
    ee_write_u8(&w, r->state);
    ee_write_u64(&w, r->generation);
    ee_write_bytes(&w, ee_bytes(r->tag1, sizeof r->tag1));
    ee_kdf(key, name_secret, "name-record", ee_bytes(NULL, 0));
    ee_hmac(out, key, ee_bytes(input, w.used));
    ee_wipe(key, sizeof key);
}

/* FORMAT R37: empty without a policy. out: POLICY_MAX bytes. */
#define POLICY_MAX (8 + 4 + 8)
static struct ee_bytes write_policy(uint8_t *out, const struct ee_key_policy *p)
{
    struct ee_writer w = ee_writer(out, POLICY_MAX);

    if (p->rotate_after == 0 && p->min_version == 0 && p->rotate_seals == 0) {
        return ee_bytes(NULL, 0);
    }
    ee_write_u64(&w, p->rotate_after);
    ee_write_u32(&w, p->min_version);
    if (p->rotate_seals > 0) {
        ee_write_u64(&w, p->rotate_seals);
    }
    return ee_bytes(out, w.used);
}

void ee_manifest_tag(uint8_t *out, const struct ee_key_manifest *m,
                     struct ee_bytes tag2s, const uint8_t *name_secret)
{
    uint8_t head[8 + 4];
    uint8_t policy[POLICY_MAX];
    uint8_t key[EE_KEY_BYTES]; /* secret: wiped below */
    struct ee_writer w = ee_writer(head, sizeof head);

    ee_write_u64(&w, m->generation);
    ee_write_u32(&w, m->current);
    ee_kdf(key, name_secret, "name-manifest", write_policy(policy, &m->policy));
    ee_hmac_two(out, key, ee_bytes(head, sizeof head), tag2s);
    ee_wipe(key, sizeof key);
}

/* FORMAT R39 */
void ee_record_seals_tag(uint8_t *out, const struct ee_seal_count *c,
                         uint8_t suite, const uint8_t *kek)
{
    uint8_t input[8 + EE_SEALS_NONCE_BYTES];
    uint8_t key[EE_KEY_BYTES]; /* secret: wiped below */
    struct ee_writer w = ee_writer(input, sizeof input);

    ee_write_u64(&w, c->reserved);
    ee_write_bytes(&w, ee_bytes(c->nonce, sizeof c->nonce));
    ee_kdf(key, kek, "kek-seals", ee_bytes(&suite, 1));
    ee_hmac(out, key, ee_bytes(input, w.used));
    ee_wipe(key, sizeof key);
}

bool ee_record_is_seal_only(const struct ee_key_record *r,
                            const uint8_t *payload)
{
    uint8_t fingerprint[EE_MAC_BYTES];
    uint8_t tag[EE_MAC_BYTES];

    ee_kdf(fingerprint, payload, "kek-id", ee_bytes(&r->suite, 1));
    ee_record_tag1(tag, r, payload);
    return ee_suite_by_id(r->suite) != NULL && r->version == 0 &&
           r->origin == EE_ORIGIN_SEAL_ONLY &&
           ee_equal(fingerprint, r->fingerprint, sizeof fingerprint) &&
           ee_equal(tag, r->tag1, sizeof tag) &&
           ee_is_zero(payload + EE_KEY_BYTES, EE_KEY_BYTES);
}

size_t ee_record_provider_context(uint8_t *out, const struct ee_key_record *r)
{
    static const char label[] = "sqlite-envelope/v1/cmk"; /* and its NUL */
    struct ee_writer w = ee_writer(out, EE_PROVIDER_CONTEXT_MAX);

    ee_write_bytes(&w, ee_bytes(label, sizeof label));
    write_fields(&w, r);
    return w.used;
}

bool ee_policy_same(const struct ee_key_policy *a,
                    const struct ee_key_policy *b)
{
    return a->rotate_after == b->rotate_after &&
           a->min_version == b->min_version &&
           a->rotate_seals == b->rotate_seals;
}

bool ee_record_same(const struct ee_key_record *a,
                    const struct ee_key_record *b)
{
    return strcmp(a->name, b->name) == 0 && a->version == b->version &&
           a->suite == b->suite && a->state == b->state &&
           a->origin == b->origin && a->created == b->created &&
           a->generation == b->generation &&
           ee_equal(a->fingerprint, b->fingerprint, sizeof a->fingerprint) &&
           ee_equal(a->tag1, b->tag1, sizeof a->tag1) &&
           ee_equal(a->tag2, b->tag2, sizeof a->tag2);
}

bool ee_manifest_same(const struct ee_key_manifest *a,
                      const struct ee_key_manifest *b)
{
    return a->generation == b->generation && a->current == b->current &&
           ee_equal(a->tag, b->tag, sizeof a->tag);
}

static const char *const state_names[] = {
    [EE_STATE_ACTIVE] = "active",
    [EE_STATE_DECRYPT_ONLY] = "decrypt-only",
    [EE_STATE_DISABLED] = "disabled",
    [EE_STATE_DESTROYED] = "destroyed",
};

static const char *const origin_names[] = {
    [EE_ORIGIN_LOCAL] = "local",
    [EE_ORIGIN_IMPORTED] = "imported",
};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const char *name_at(const char *const *names, size_t count, uint8_t i)
{
    return i < count ? names[i] : NULL;
}

static uint8_t index_of(const char *const *names, size_t count,
                        const char *name)
{
    for (size_t i = 1; i < count; i++) {
        if (name != NULL && strcmp(names[i], name) == 0) {
            return (uint8_t)i;
        }
    }
    return 0;
}

const char *ee_state_name(uint8_t state)
{
    return name_at(state_names, COUNT(state_names), state);
}

uint8_t ee_state_by_name(const char *name)
{
    return index_of(state_names, COUNT(state_names), name);
}

const char *ee_origin_name(uint8_t origin)
{
    return name_at(origin_names, COUNT(origin_names), origin);
}

uint8_t ee_origin_by_name(const char *name)
{
    return index_of(origin_names, COUNT(origin_names), name);
}

/* ':' qualifies with a schema, '/' is kept for subjects; without quotes and
 * backslashes a name can stand in any message, JSON or SQL literal as it is. */
static bool may_stand_in_name(char c)
{
    return c > ' ' && c < 0x7f && strchr("'\"`\\:/", c) == NULL;
}

int ee_key_name_check(const char *name, size_t n, struct ee_error *err)
{
    bool good = n > 0 && n < EE_NAME_MAX;

    for (size_t i = 0; good && i < n; i++) {
        good = may_stand_in_name(name[i]);
    }
    if (!good) {
        return ee_fail(err, EE_MISUSE,
                       "a key name is 1 to %d letters, digits or other ASCII "
                       "characters, without spaces, quotes, '\\', ':' and '/'",
                       EE_NAME_MAX - 1);
    }
    return EE_OK;
}
