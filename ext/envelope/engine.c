/* SPDX-License-Identifier: MIT
 *
 * engine.c: gathers what sealing and opening need.
 */
#include "envelope/engine.h"

#include "crypto/selftest.h"

int ee_engine_init(struct ee_engine *e, struct ee_error *err)
{
    int rc = EE_OK;

    *e = (struct ee_engine){0};
    if (ee_ossl_init(&e->ossl) != 0) {
        return ee_fail(err, EE_NOMEM,
                       "OpenSSL could not set up AES-256 (out of memory, or "
                       "its default provider is missing)");
    }
    rc = ee_selftest(&e->ossl, err);
    if (rc != EE_OK) {
        goto out;
    }
    e->pool = ee_pool_new();
    e->hedge = ee_hedge_new();
    if (e->pool == NULL || e->hedge == NULL) {
        rc = ee_fail(err, EE_NOMEM, "out of memory for keys");
    }
out:
    if (rc != EE_OK) {
        ee_engine_clear(e);
    }
    return rc;
}

void ee_engine_clear(struct ee_engine *e)
{
    ee_ossl_clear(&e->ossl);
    ee_pool_free(e->pool);
    ee_hedge_free(e->hedge);
    e->pool = NULL;
    e->hedge = NULL;
}
