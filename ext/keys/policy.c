/* SPDX-License-Identifier: MIT
 *
 * policy.c: what the state and the policy of a key allow, and the errors that
 * say so. Asked after a cache hit, never before.
 */
#include "base/text.h"
#include "keys/keys.h"

#include <time.h>

int ee_keys_destroyed(const struct ee_key_record *r, struct ee_error *err)
{
    return ee_fail(err, EE_KEY_STATE,
                   "key %s version %u was destroyed: what is sealed under it "
                   "cannot be opened any more",
                   r->name, r->version);
}

/* FORMAT R38 */
static bool is_below_floor(const struct ee_key_entry *e)
{
    return e->record.version < e->manifest.policy.min_version;
}

static bool state_opens(const struct ee_key_record *r)
{
    return r->state == EE_STATE_ACTIVE || r->state == EE_STATE_DECRYPT_ONLY;
}

static int refuse_floor(const struct ee_key_entry *e, struct ee_error *err)
{
    const struct ee_key_record *r = &e->record;
    const bool is_main = sqlite3_stricmp(e->schema, "main") == 0;

    return ee_fail(err, EE_KEY_STATE,
                   "key %s version %u is below its min_version %u and is not "
                   "used; to use it again: SELECT "
                   "envelope_key_set_policy('%s%s%s', 'min_version', 'off')",
                   r->name, r->version, e->manifest.policy.min_version,
                   is_main ? "" : e->schema, is_main ? "" : ":", r->name);
}

/* What to type to use a version again: alone when it was disabled alone. */
int ee_keys_refuse_state(const struct ee_key_entry *e, const char *what,
                         struct ee_error *err)
{
    const struct ee_key_record *r = &e->record;
    const bool is_main = sqlite3_stricmp(e->schema, "main") == 0;
    char hex[2 * EE_KEY_ID_BYTES + 1];

    if (r->state == EE_STATE_DESTROYED) {
        return ee_keys_destroyed(r, err);
    }
    if (state_opens(r) && is_below_floor(e)) {
        return refuse_floor(e, err);
    }
    if (r->version == e->manifest.current) {
        return ee_fail(err, EE_KEY_STATE,
                       "key %s version %u is %s%s; to use it again: SELECT "
                       "envelope_key_set_state('%s%s%s', 'active')",
                       r->name, r->version, ee_state_name(r->state), what,
                       is_main ? "" : e->schema, is_main ? "" : ":", r->name);
    }
    ee_hex(hex, ee_bytes(r->fingerprint, EE_KEY_ID_BYTES));
    return ee_fail(err, EE_KEY_STATE,
                   "key %s version %u is %s%s; to use it again: SELECT "
                   "envelope_key_set_state('%s', 'decrypt-only')",
                   r->name, r->version, ee_state_name(r->state), what, hex);
}

/* FORMAT R29 and R38 */
bool ee_keys_may_open(const struct ee_key_entry *e)
{
    return state_opens(&e->record) && !is_below_floor(e);
}

/* FORMAT R28 */
bool ee_keys_may_seal(const struct ee_key_entry *e)
{
    return e->record.version == e->manifest.current &&
           e->record.state == EE_STATE_ACTIVE &&
           e->record.origin == EE_ORIGIN_LOCAL;
}

int ee_keys_refuse_to_seal(const struct ee_key_entry *e, struct ee_error *err)
{
    if (e->record.origin != EE_ORIGIN_LOCAL) {
        return ee_fail(err, EE_KEY_STATE,
                       "key %s version %u was imported and does not seal",
                       e->record.name, e->record.version);
    }
    return ee_keys_refuse_state(e, " and does not seal", err);
}

static bool is_old(const struct ee_key_entry *e)
{
    const uint64_t after = e->manifest.policy.rotate_after;
    const time_t now = time(NULL);

    return after > 0 && now > 0 && (uint64_t)now >= e->record.created &&
           (uint64_t)now - e->record.created >= after;
}

int ee_keys_is_due(struct ee_keys *k, const struct ee_key_entry *e, bool *yes,
                   struct ee_error *err)
{
    const uint64_t seals = e->manifest.policy.rotate_seals;
    struct ee_seal_count count = {.reserved = 0};
    int rc = EE_OK;

    *yes = ee_keys_may_seal(e) && is_old(e);
    if (!*yes && seals > 0 && ee_keys_may_seal(e)) {
        rc = ee_keys_seals(k, e, &count, err);
        *yes = rc == EE_OK && count.reserved >= seals;
    }
    return rc;
}
