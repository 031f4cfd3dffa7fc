/* SPDX-License-Identifier: MIT
 *
 * limit.h: the least that the design can cost, to measure ext/ against.
 *
 * Suite 01, no flags, a TEXT value, a context of one TEXT and one INTEGER:
 * the primitives of ext/envelope/FORMAT.md at fixed offsets, through the
 * libraries' public calls and AES instructions, with no layers, no parser, no
 * suites and no errors. What it seals is a true envelope. Not for use outside
 * bench/: it checks no lengths and keeps keys in ordinary memory.
 */
#ifndef EE_BENCH_LIMIT_H
#define EE_BENCH_LIMIT_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMIT_OVERHEAD 110
#define LIMIT_POOL     4096

/* One KEK: key id, expanded Kw, XAES's K1. */
struct limit_key {
    alignas(16) uint8_t round_keys[15 * 16];
    uint8_t k1[16];
    uint8_t key_id[8];
};

/* Random bytes, and the keys of the hedge. */
struct limit {
    struct evp_cipher_ctx_st *gcm; /* NULL: data by libsodium */
    alignas(16) uint8_t hedge_schedule[15 * 16];
    uint8_t hedge_key[16];
    uint8_t pool[32 + LIMIT_POOL];
    size_t left;
};

/* False without AES instructions: then there is nothing to measure. */
bool limit_available(void);

/* openssl: data by OpenSSL's AES-256-GCM, with one context for ever that
 * keeps its last key, else by libsodium's. Wraps are libsodium's always. */
void limit_init(struct limit *l, bool openssl);
void limit_clear(struct limit *l);
void limit_key_init(struct limit_key *k, const uint8_t *kek);

/* out: n + LIMIT_OVERHEAD bytes. scope: at most 64 bytes. */
void limit_seal(struct limit *l, const struct limit_key *k, uint8_t *out,
                const uint8_t *value, size_t n, const char *scope,
                size_t scope_n, int64_t id);

/* p: blob_n - 77 bytes: commitment, type, value. True when authentic. */
bool limit_open(const struct limit *l, const struct limit_key *k, uint8_t *p,
                const uint8_t *blob, size_t blob_n, const char *scope,
                size_t scope_n, int64_t id);

/* Changes blob in place. True when it was authentic. */
bool limit_rewrap(const struct limit_key *from, const struct limit_key *to,
                  uint8_t *blob);

#endif
