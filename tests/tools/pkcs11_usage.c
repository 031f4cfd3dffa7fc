/* SPDX-License-Identifier: MIT
 *
 * pkcs11_usage.c: what an administrator does to a secret key by C_SetAttribute-
 * Value, and no tool at hand does.
 *
 *     pkcs11_usage MODULE TOKEN PIN LABEL yes|no
 *
 * CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP and CKA_UNWRAP of the key become that.
 */
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <string.h>

static CK_RV find_slot(CK_FUNCTION_LIST *f, const char *label, CK_SLOT_ID *slot)
{
    CK_SLOT_ID slots[16];
    CK_ULONG n = 16;
    CK_RV rv = f->C_GetSlotList(CK_TRUE, slots, &n);

    for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++) {
        CK_TOKEN_INFO info;

        rv = f->C_GetTokenInfo(slots[i], &info);
        if (rv == CKR_OK &&
            p11_kit_space_strlen(info.label, sizeof info.label) ==
                strlen(label) &&
            memcmp(info.label, label, strlen(label)) == 0) {
            *slot = slots[i];
            return CKR_OK;
        }
    }
    return rv == CKR_OK ? CKR_TOKEN_NOT_PRESENT : rv;
}

static CK_RV find_key(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session,
                      char *label, CK_OBJECT_HANDLE *key)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_ATTRIBUTE match[] = {{CKA_CLASS, &class, sizeof class},
                            {CKA_LABEL, label, strlen(label)}};
    CK_ULONG n = 0;
    CK_RV rv = f->C_FindObjectsInit(session, match, 2);

    if (rv == CKR_OK) {
        rv = f->C_FindObjects(session, key, 1, &n);
        (void)f->C_FindObjectsFinal(session);
    }
    return rv == CKR_OK && n == 0 ? CKR_OBJECT_HANDLE_INVALID : rv;
}

static CK_RV set(CK_FUNCTION_LIST *f, char *argv[])
{
    CK_BBOOL may = argv[5][0] == 'y';
    CK_ATTRIBUTE change[] = {{CKA_ENCRYPT, &may, sizeof may},
                             {CKA_DECRYPT, &may, sizeof may},
                             {CKA_WRAP, &may, sizeof may},
                             {CKA_UNWRAP, &may, sizeof may}};
    CK_SLOT_ID slot = 0;
    CK_SESSION_HANDLE session = 0;
    CK_OBJECT_HANDLE key = 0;
    CK_RV rv = find_slot(f, argv[2], &slot);

    if (rv == CKR_OK) {
        rv = f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                              NULL, &session);
    }
    if (rv == CKR_OK) {
        rv = f->C_Login(session, CKU_USER, (CK_UTF8CHAR *)argv[3],
                        strlen(argv[3]));
    }
    if (rv == CKR_OK) {
        rv = find_key(f, session, argv[4], &key);
    }
    return rv == CKR_OK ? f->C_SetAttributeValue(session, key, change, 4) : rv;
}

int main(int argc, char *argv[])
{
    CK_FUNCTION_LIST *f = argc == 6 ? p11_kit_module_load(argv[1], 0) : NULL;
    CK_RV rv = CKR_GENERAL_ERROR;

    if (f != NULL && p11_kit_module_initialize(f) == CKR_OK) {
        rv = set(f, argv);
    }
    if (rv != CKR_OK) {
        (void)fprintf(stderr, "pkcs11_usage: 0x%lX\n", rv);
        return 1;
    }
    return 0;
}
