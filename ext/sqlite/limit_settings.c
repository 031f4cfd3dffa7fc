/* SPDX-License-Identifier: MIT
 *
 * limit_settings.c: the settings that are a time or a number: cache_ttl,
 * cache_refresh, cache_uses, cache_bytes and provider_timeout.
 */
#include "base/text.h"
#include "sqlite/settings.h"

#include <string.h>

#define SECONDS_MAX (36500ull * 86400)
#define TIMEOUT_MAX 3600

/* The value as it was typed, for get(). */
static void show(struct ee_conn *conn, enum ee_limit which, const char *value)
{
    (void)sqlite3_snprintf(EE_SHOWN_MAX, conn->shown[which], "%s", value);
}

static int set_limits(struct ee_conn *conn, struct ee_cache_limits limits,
                      enum ee_limit which, const char *value)
{
    ee_cache_set_limits(&conn->keys.cache, limits);
    show(conn, which, value);
    return EE_OK;
}

static const char *get(const struct ee_conn *conn, enum ee_limit which)
{
    const char *shown = conn->shown[which];

    return shown[0] != '\0' ? shown : "off";
}

/* 'off' is 0. */
static int read_time(const char *value, int64_t *ms, struct ee_error *err)
{
    uint64_t seconds = 0;

    if (strcmp(value, "off") != 0 &&
        !ee_duration(value, strlen(value), SECONDS_MAX, &seconds)) {
        return ee_fail(err, EE_MISUSE,
                       "must be a number of days, hours or seconds, such as "
                       "'12h' or '60s', or 'off'");
    }
    *ms = (int64_t)seconds * 1000;
    return EE_OK;
}

static const char *get_ttl(const struct ee_conn *conn)
{
    return get(conn, EE_LIMIT_TTL);
}

static int set_ttl(struct ee_conn *conn, const char *value,
                   struct ee_error *err)
{
    struct ee_cache_limits limits = conn->keys.cache.limits;
    int rc = read_time(value, &limits.ttl, err);

    if (rc == EE_OK && limits.ttl > 0 && limits.ttl <= limits.refresh) {
        rc = ee_fail(err, EE_MISUSE, "must be longer than cache_refresh");
    }
    return rc == EE_OK ? set_limits(conn, limits, EE_LIMIT_TTL, value) : rc;
}

static const char *get_refresh(const struct ee_conn *conn)
{
    return get(conn, EE_LIMIT_REFRESH);
}

static int set_refresh(struct ee_conn *conn, const char *value,
                       struct ee_error *err)
{
    struct ee_cache_limits limits = conn->keys.cache.limits;
    int rc = read_time(value, &limits.refresh, err);

    if (rc == EE_OK && limits.ttl > 0 && limits.ttl <= limits.refresh) {
        rc = ee_fail(err, EE_MISUSE, "must be shorter than cache_ttl");
    }
    return rc == EE_OK ? set_limits(conn, limits, EE_LIMIT_REFRESH, value) : rc;
}

static const char *get_uses(const struct ee_conn *conn)
{
    return get(conn, EE_LIMIT_USES);
}

static int set_uses(struct ee_conn *conn, const char *value,
                    struct ee_error *err)
{
    struct ee_cache_limits limits = conn->keys.cache.limits;

    limits.uses = 0;
    if (strcmp(value, "off") != 0 &&
        !ee_number(value, strlen(value), INT64_MAX, &limits.uses)) {
        return ee_fail(err, EE_MISUSE, "must be a number of rows, or 'off'");
    }
    return set_limits(conn, limits, EE_LIMIT_USES, value);
}

static const char *get_bytes(const struct ee_conn *conn)
{
    return get(conn, EE_LIMIT_BYTES);
}

static int set_bytes(struct ee_conn *conn, const char *value,
                     struct ee_error *err)
{
    const size_t least = EE_CACHE_LEAST * EE_CACHE_ENTRY_BYTES;
    const size_t most = EE_CACHE_MOST * EE_CACHE_ENTRY_BYTES;
    struct ee_cache_limits limits = conn->keys.cache.limits;
    uint64_t bytes = 0;

    if (!ee_number(value, strlen(value), most, &bytes) || bytes < least) {
        return ee_fail(err, EE_MISUSE,
                       "must be a number of bytes from %zu to %zu; a key takes "
                       "%zu",
                       least, most, EE_CACHE_ENTRY_BYTES);
    }
    limits.bytes = (size_t)bytes;
    return set_limits(conn, limits, EE_LIMIT_BYTES, value);
}

static const char *get_timeout(const struct ee_conn *conn)
{
    return get(conn, EE_LIMIT_TIMEOUT);
}

static int set_timeout(struct ee_conn *conn, const char *value,
                       struct ee_error *err)
{
    uint64_t seconds = 0;

    if (!ee_duration(value, strlen(value), TIMEOUT_MAX, &seconds)) {
        return ee_fail(err, EE_MISUSE,
                       "must be a number of seconds, such as '5s', up to 1h");
    }
    conn->keys.provider_timeout = (int64_t)seconds * 1000;
    show(conn, EE_LIMIT_TIMEOUT, value);
    return EE_OK;
}

void ee_limits_init(struct ee_conn *conn)
{
    const struct ee_keys *k = &conn->keys;

    (void)sqlite3_snprintf(EE_SHOWN_MAX, conn->shown[EE_LIMIT_BYTES], "%llu",
                           (unsigned long long)k->cache.limits.bytes);
    (void)sqlite3_snprintf(EE_SHOWN_MAX, conn->shown[EE_LIMIT_TIMEOUT], "%llds",
                           (long long)k->provider_timeout / 1000);
}

const struct ee_setting ee_limit_settings[] = {
    {"cache_ttl", get_ttl, set_ttl},
    {"cache_refresh", get_refresh, set_refresh},
    {"cache_uses", get_uses, set_uses},
    {"cache_bytes", get_bytes, set_bytes},
    {"provider_timeout", get_timeout, set_timeout},
    {NULL, NULL, NULL},
};
