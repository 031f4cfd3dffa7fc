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

/* How often the token was found, and how many were not looked at. */
struct found {
    size_t count;
    size_t parents;
};

/* In a child of fork(): some modules go on with their parent's connection to a
 * device. Two processes at one connection disturb each other, and a TPM counts
 * that as an attack. A soft token's state is memory, which the fork copied. */
static bool is_parents(CK_FUNCTION_LIST *f, CK_SLOT_ID slot)
{
    CK_SLOT_INFO info;

    return ee_p11_library_is_inherited(f) &&
           (f->C_GetSlotInfo(slot, &info) != CKR_OK ||
            (info.flags & CKF_HW_SLOT) != 0);
}

/* Takes the token of a slot if it is the one. A token that was pulled out
 * meanwhile is none. */
static void consider(struct ee_p11_token *out, struct found *found,
                     P11KitUri *uri, CK_FUNCTION_LIST *f, CK_SLOT_ID slot)
{
    CK_TOKEN_INFO info;

    if (is_parents(f, slot)) {
        found->parents++;
        return;
    }
    if (f->C_GetTokenInfo(slot, &info) != CKR_OK ||
        p11_kit_uri_match_token_info(uri, &info) != 1) {
        return;
    }
    out->f = f;
    out->slot = slot;
    out->info = info;
    found->count++;
}

static int search(struct ee_p11_token *out, struct found *found, P11KitUri *uri,
                  CK_FUNCTION_LIST *f, struct ee_p11_job *job,
                  struct ee_error *err)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG n = SLOTS_MAX;
    CK_RV rv = f->C_GetSlotList(CK_TRUE, slots, &n);
    int rc = EE_OK;

    if (rv != CKR_OK) {
        return ee_p11_fail(err, rv, "list its tokens");
    }
    for (CK_ULONG i = 0; i < n && i < SLOTS_MAX && rc == EE_OK; i++) {
        rc = ee_p11_turn(job, err);
        if (rc == EE_OK) {
            consider(out, found, uri, f, slots[i]);
        }
    }
    return rc;
}

static int judge(const struct found *found, struct ee_error *err)
{
    if (found->count > 1) {
        return ee_fail(err, EE_CONFIG,
                       "%zu tokens match the pkcs11: URI: add serial=NUMBER, "
                       "or name one module in ENVELOPE_PKCS11_MODULE",
                       found->count);
    }
    if (found->count == 0 && found->parents > 0) {
        return ee_fail(err, EE_CONFIG,
                       "the PKCS#11 module shares its connection to the token "
                       "with the process that forked this one: use keys on a "
                       "token only in one of them, or only after the fork");
    }
    if (found->count == 0) {
        return ee_fail(err, EE_UNAVAILABLE,
                       "no token matches the pkcs11: URI: is it there? "
                       "p11tool --list-tokens shows what is, and "
                       "ENVELOPE_PKCS11_MODULE says which module is asked");
    }
    return EE_OK;
}

int ee_p11_token_find(struct ee_p11_token *out, P11KitUri *uri,
                      struct ee_p11_job *job, struct ee_error *err)
{
    struct ee_p11_libraries libraries;
    struct found found = {0, 0};
    int rc = ee_p11_libraries_get(&libraries, job, err);

    memset(out, 0, sizeof *out);
    for (size_t i = 0; rc == EE_OK && i < libraries.n; i++) {
        rc = search(out, &found, uri, libraries.f[i], job, err);
    }
    if (rc == EE_OK) {
        rc = judge(&found, err);
    }
    if (rc == EE_OK) {
        set_name(out);
    }
    return rc;
}
