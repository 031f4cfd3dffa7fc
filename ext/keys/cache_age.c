/* SPDX-License-Identifier: MIT
 *
 * cache_age.c: how long a loaded key is used before its CMK is asked again.
 *
 * By the clock that nobody sets, read once for a statement execution, and only
 * where there is a limit by time.
 */
#include "base/clock.h"
#include "keys/cache.h"

#define RETRY_MS 1000 /* after an attempt ahead of time that failed */

void ee_cache_set_limits(struct ee_cache *c, struct ee_cache_limits limits)
{
    c->limits = limits;
    c->now = ee_coarse_ms();
    c->next_expiry = 0;
    ee_cache_make_room(c, ee_cache_room(c));
}

void ee_cache_tick(struct ee_cache *c)
{
    if (c->limits.ttl > 0 || c->timed) {
        c->now = ee_coarse_ms();
    }
}

void ee_cache_set_until(struct ee_cache *c, struct ee_key_entry *e,
                        int64_t until)
{
    e->until = until;
    c->timed = true;
    c->now = ee_coarse_ms();
    if (until < c->next_expiry) {
        c->next_expiry = until;
    }
}

static bool is_old(const struct ee_cache *c, const struct ee_key_entry *e,
                   int64_t age)
{
    return c->limits.ttl > 0 && e->until == 0 && c->now - e->loaded >= age;
}

bool ee_cache_is_expired(const struct ee_cache *c, const struct ee_key_entry *e)
{
    if (e->until != 0) {
        return c->now >= e->until;
    }
    return is_old(c, e, c->limits.ttl) ||
           (c->limits.uses > 0 && e->uses >= c->limits.uses);
}

bool ee_cache_is_due(const struct ee_cache *c, const struct ee_key_entry *e)
{
    return c->limits.refresh > 0 && c->now >= e->retry &&
           is_old(c, e, c->limits.ttl - c->limits.refresh);
}

int64_t ee_cache_expired_since(const struct ee_cache *c)
{
    return c->limits.ttl > 0 ? c->now - c->limits.ttl + 1 : INT64_MIN;
}

int64_t ee_cache_due_since(const struct ee_cache *c)
{
    return ee_cache_expired_since(c) + c->limits.refresh;
}

void ee_cache_not_renewed(const struct ee_cache *c, struct ee_key_entry *e)
{
    e->retry = c->now + RETRY_MS;
}

void ee_cache_renew(struct ee_cache *c, struct ee_key_entry *e,
                    struct ee_kek *kek, int64_t loaded)
{
    c->counts.expired += ee_cache_is_expired(c, e) ? 1 : 0;
    ee_kek_free(e->kek);
    e->kek = kek;
    e->loaded = loaded;
    e->uses = 0;
}

/* By time. */
static int64_t expiry_of(const struct ee_cache *c, int64_t loaded,
                         int64_t until)
{
    if (until != 0) {
        return until;
    }
    return c->limits.ttl > 0 ? loaded + c->limits.ttl : INT64_MAX;
}

/* What was used up is wiped, too: it is unwrapped again in any case. */
bool ee_cache_sweep(struct ee_cache *c)
{
    struct ee_key_entry *e = c->newest;
    int64_t first = expiry_of(c, c->now, 0); /* of a key that comes later */

    bool drawn = false;

    if (c->now < c->next_expiry) {
        return false;
    }
    while (e != NULL) {
        struct ee_key_entry *next = e->older;
        const int64_t expiry = expiry_of(c, e->loaded, e->until);

        if (ee_cache_is_expired(c, e)) {
            drawn = drawn || e->until != 0;
            ee_cache_remove(c, e);
            c->counts.expired++;
        } else if (expiry < first) {
            first = expiry;
        }
        e = next;
    }
    c->next_expiry = first;
    return drawn;
}
