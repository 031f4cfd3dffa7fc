/* SPDX-License-Identifier: MIT
 *
 * credentials.c: compares what unlocks CMKs, without keeping it.
 */
#include "provider/credentials.h"

#include "base/secret_source.h"
#include "crypto/kdf.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One more part: the MAC over the MAC so far and the part, which so cannot run
 * into its neighbours. */
static void add(uint8_t *mac, const uint8_t *key, const void *p, size_t n)
{
    uint8_t next[EE_MAC_BYTES];

    ee_hmac_two(next, key, ee_bytes(mac, EE_MAC_BYTES), ee_bytes(p, n));
    memcpy(mac, next, sizeof next);
}

/* A file that was replaced or written since is another one. */
static bool add_file(uint8_t *mac, const uint8_t *key, const char *path)
{
    struct stat st;
    int64_t facts[7] = {0};

    if (stat(path, &st) != 0) {
        return false;
    }
    facts[0] = (int64_t)st.st_dev;
    facts[1] = (int64_t)st.st_ino;
    facts[2] = (int64_t)st.st_size;
    facts[3] = (int64_t)st.st_mtim.tv_sec;
    facts[4] = (int64_t)st.st_mtim.tv_nsec;
    facts[5] = (int64_t)st.st_ctim.tv_sec;
    facts[6] = (int64_t)st.st_ctim.tv_nsec;
    add(mac, key, path, strlen(path));
    add(mac, key, facts, sizeof facts);
    return true;
}

bool ee_credentials_digest(uint8_t *out, const uint8_t *key)
{
    static const uint8_t kinds[] = {EE_SECRET_PASSPHRASE, EE_SECRET_KEYFILE,
                                    EE_SECRET_PEM_PASSPHRASE,
                                    EE_SECRET_PEM_KEYFILE};
    const uint32_t who[] = {geteuid(), getegid()};
    struct ee_secret_place place;
    struct ee_error ignored;
    bool any = false;

    memset(out, 0, EE_MAC_BYTES);
    add(out, key, who, sizeof who);
    for (size_t i = 0; i < sizeof kinds; i++) {
        if (ee_secret_find(&place, kinds[i], &ignored) != EE_OK) {
            return false;
        }
        add(out, key, &kinds[i], 1);
        if (place.value != NULL) {
            add(out, key, place.value, strlen(place.value));
            any = true;
        } else if (place.what != NULL) {
            any = add_file(out, key, place.path);
            if (!any) {
                return false;
            }
        }
    }
    return any;
}
