/* SPDX-License-Identifier: MIT
 *
 * engine.h: what sealing and opening need besides a key: OpenSSL's contexts,
 * random bytes, the hedge. One for each connection, one thread at a time.
 */
#ifndef EE_ENVELOPE_ENGINE_H
#define EE_ENVELOPE_ENGINE_H

#include "base/status.h"
#include "crypto/hedge.h"
#include "crypto/ossl.h"
#include "crypto/pool.h"

struct ee_engine {
    struct ee_ossl ossl;
    struct ee_pool *pool;
    struct ee_hedge *hedge;
};

/* Runs the self-test first. On failure *e is empty, and clear is harmless. */
int ee_engine_init(struct ee_engine *e, struct ee_error *err) EE_CHECKED;
void ee_engine_clear(struct ee_engine *e);

#endif
