/* SPDX-License-Identifier: MIT
 *
 * token.c: looks at the tokens of all modules. Slots are numbered anew by some
 * modules each time, so they are never remembered.
 */
#include "pkcs11/token.h"

#include "pkcs11/rv.h"

#include <p11-kit/p11-kit.h>
#include <stdio.h>
#include <string.h>

#define SLOTS_MAX 64

static void set_name(struct ee_p11_token *t)
{
    const unsigned char *label = t->info.label;

    (void)snprintf(t->name, sizeof t->name, "%.*s",
                   (int)p11_kit_space_strlen(label, sizeof t->info.label),
                   (const char *)label);
}

/* Takes the token of a slot if it is the one; *count says how often. A token
 * that was pulled out meanwhile is none. */
static void consider(struct ee_p11_token *out, size_t *count, P11KitUri *uri,
                     CK_FUNCTION_LIST *f, CK_SLOT_ID slot)
{
    CK_TOKEN_INFO info;

    if (f->C_GetTokenInfo(slot, &info) != CKR_OK ||
        p11_kit_uri_match_token_info(uri, &info) != 1) {
        return;
    }
    out->f = f;
    out->slot = slot;
    out->info = info;
    (*count)++;
}

static int search(struct ee_p11_token *out, size_t *count, P11KitUri *uri,
                  CK_FUNCTION_LIST *f, const struct envelope_call *call,
                  struct ee_error *err)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG n = SLOTS_MAX;
    CK_RV rv = f->C_GetSlotList(CK_TRUE, slots, &n);
    int rc = EE_OK;

    if (rv != CKR_OK) {
        if (rv == CKR_CRYPTOKI_NOT_INITIALIZED) {
            ee_p11_library_again(f);
        }
        return ee_p11_fail(err, rv, "list its tokens");
    }
    for (CK_ULONG i = 0; i < n && i < SLOTS_MAX && rc == EE_OK; i++) {
        rc = ee_p11_turn(call, err);
        if (rc == EE_OK) {
            consider(out, count, uri, f, slots[i]);
        }
    }
    return rc;
}

int ee_p11_token_find(struct ee_p11_token *out, P11KitUri *uri,
                      const struct ee_p11_settings *settings,
                      const struct envelope_call *call, struct ee_error *err)
{
    struct ee_p11_libraries libraries;
    size_t count = 0;
    int rc = ee_p11_libraries_get(&libraries, settings, call, err);

    memset(out, 0, sizeof *out);
    for (size_t i = 0; rc == EE_OK && i < libraries.n; i++) {
        rc = search(out, &count, uri, libraries.f[i], call, err);
    }
    if (rc != EE_OK) {
        return rc;
    }
    if (count > 1) {
        return ee_fail(err, EE_CONFIG,
                       "%zu tokens match the pkcs11: URI: add serial=NUMBER, "
                       "or name one module in ENVELOPE_PKCS11_MODULE",
                       count);
    }
    if (count == 0) {
        return ee_fail(err, EE_UNAVAILABLE,
                       "no token matches the pkcs11: URI: is it there? "
                       "p11tool --list-tokens shows what is, and "
                       "ENVELOPE_PKCS11_MODULE says which module is asked");
    }
    set_name(out);
    return EE_OK;
}
