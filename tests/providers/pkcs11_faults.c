/* SPDX-License-Identifier: MIT
 *
 * pkcs11_faults.c: a PKCS#11 module that is SoftHSM, but for what a test wants
 * to happen: a token pulled out, a session lost, a PIN about to be locked, a
 * call that does not come back.
 * SoftHSM does none of that by itself.
 *
 * EE_FAULTS_MODULE names the real module, EE_FAULTS_HANG a function that hangs
 * from the start. A test finds the symbol `faults` in
 * this file and writes to it.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct faults {
    char function[32];    /* fails: "C_Encrypt" */
    CK_RV rv;             /* with this */
    _Atomic int times;    /* so often; then it works again */
    CK_ULONG flags;       /* added to a token's */
    _Atomic int removed;  /* no slot has a token, and each call says so */
    _Atomic int logins;   /* counts C_Login */
    _Atomic int sessions; /* that are open */
    int longer; /* bytes that C_Encrypt claims to have written besides */
    _Atomic int encrypts; /* counts C_Encrypt */
    _Atomic int decrypts; /* counts C_Decrypt */
    _Atomic int slow_ms;  /* each call takes so long, below 1000 */
    char hang[32];        /* this function, or "": each of them, */
    _Atomic int hanging;  /* does not come back before this is 0 again */
    _Atomic int inside;   /* calls that hang */
    CK_ULONG attribute;   /* of C_GetAttributeValue, this one fails alone */
    int few;              /* C_FindObjects gives one at a time */
    int twin; /* C_GenerateKey finds that another process makes one, too */
};

__attribute__((visibility("default"))) struct faults faults;

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST list;

static void hang(const char *function)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    if (faults.hanging &&
        (faults.hang[0] == '\0' || strcmp(faults.hang, function) == 0)) {
        faults.inside++;
        while (faults.hanging) {
            (void)nanosleep(&moment, NULL);
        }
        faults.inside--;
    }
}

static CK_RV fault(const char *function)
{
    const struct timespec slow = {.tv_nsec = faults.slow_ms * 1000000L};

    hang(function);
    (void)nanosleep(&slow, NULL);
    if (faults.removed) {
        return CKR_DEVICE_REMOVED;
    }
    if (faults.times > 0 && strcmp(faults.function, function) == 0) {
        faults.times--;
        return faults.rv;
    }
    return CKR_OK;
}

static CK_RV initialize(void *args)
{
    hang("C_Initialize");
    return real->C_Initialize(args);
}

static CK_RV get_slots(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
    hang("C_GetSlotList");
    if (faults.removed && present) {
        *n = 0;
        return CKR_OK;
    }
    return real->C_GetSlotList(present, slots, n);
}

static CK_RV get_token(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = fault("C_GetTokenInfo");

    if (rv == CKR_OK) {
        rv = real->C_GetTokenInfo(slot, info);
        info->flags |= faults.flags;
    }
    return rv;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application,
                          CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
    CK_RV rv = fault("C_OpenSession");

    if (rv == CKR_OK) {
        rv = real->C_OpenSession(slot, flags, application, notify, session);
        faults.sessions += rv == CKR_OK;
    }
    return rv;
}

static CK_RV close_session(CK_SESSION_HANDLE session)
{
    CK_RV rv = CKR_OK;

    hang("C_CloseSession");
    rv = real->C_CloseSession(session);
    faults.sessions -= rv == CKR_OK;
    return rv;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user,
                   CK_UTF8CHAR *pin, CK_ULONG n)
{
    CK_RV rv = fault("C_Login");

    faults.logins++;
    return rv != CKR_OK ? rv : real->C_Login(session, user, pin, n);
}

static CK_RV find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *match,
                       CK_ULONG n)
{
    CK_RV rv = fault("C_FindObjectsInit");

    return rv != CKR_OK ? rv : real->C_FindObjectsInit(session, match, n);
}

static CK_RV find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *found,
                  CK_ULONG max, CK_ULONG *n)
{
    return real->C_FindObjects(session, found, faults.few ? 1 : max, n);
}

static CK_RV get_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                           CK_ATTRIBUTE *a, CK_ULONG n)
{
    CK_RV rv =
        a->type == faults.attribute ? fault("C_GetAttributeValue") : CKR_OK;

    return rv != CKR_OK ? rv : real->C_GetAttributeValue(session, object, a, n);
}

static CK_RV get_mechanism(CK_SLOT_ID slot, CK_MECHANISM_TYPE type,
                           CK_MECHANISM_INFO *info)
{
    CK_RV rv = fault("C_GetMechanismInfo");

    return rv != CKR_OK ? rv : real->C_GetMechanismInfo(slot, type, info);
}

static CK_RV generate(CK_SESSION_HANDLE session, CK_MECHANISM *m,
                      CK_ATTRIBUTE *key, CK_ULONG n, CK_OBJECT_HANDLE *handle)
{
    CK_RV rv = fault("C_GenerateKey");

    if (faults.twin && rv == CKR_OK) {
        rv = real->C_GenerateKey(session, m, key, n, handle);
    }
    return rv != CKR_OK ? rv : real->C_GenerateKey(session, m, key, n, handle);
}

static CK_RV encrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_n,
                     CK_BYTE *out, CK_ULONG *n)
{
    CK_RV rv = fault("C_Encrypt");

    faults.encrypts++;
    if (rv == CKR_OK) {
        rv = real->C_Encrypt(session, in, in_n, out, n);
        *n += (CK_ULONG)faults.longer;
    }
    return rv;
}

static CK_RV decrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM *m,
                          CK_OBJECT_HANDLE key)
{
    CK_RV rv = fault("C_DecryptInit");

    return rv != CKR_OK ? rv : real->C_DecryptInit(session, m, key);
}

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_n,
                     CK_BYTE *out, CK_ULONG *n)
{
    CK_RV rv = fault("C_Decrypt");

    faults.decrypts++;
    return rv != CKR_OK ? rv : real->C_Decrypt(session, in, in_n, out, n);
}

static CK_RV destroy(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    CK_RV rv = fault("C_DestroyObject");

    return rv != CKR_OK ? rv : real->C_DestroyObject(session, object);
}

static CK_RV load(void)
{
    CK_C_GetFunctionList get = NULL;
    const char *path = getenv("EE_FAULTS_MODULE");
    const char *function = getenv("EE_FAULTS_HANG");
    void *module = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    void *symbol = module != NULL ? dlsym(module, "C_GetFunctionList") : NULL;

    if (symbol == NULL) {
        return CKR_GENERAL_ERROR;
    }
    if (function != NULL) {
        (void)strncpy(faults.hang, function, sizeof faults.hang - 1);
        faults.hanging = 1;
    }
    memcpy(&get, &symbol, sizeof get);
    return get(&real);
}

__attribute__((visibility("default"))) CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **out)
{
    CK_RV rv = real == NULL ? load() : CKR_OK;

    if (rv != CKR_OK) {
        return rv;
    }
    list = *real;
    list.C_GetFunctionList = C_GetFunctionList;
    list.C_Initialize = initialize;
    list.C_GetSlotList = get_slots;
    list.C_GetTokenInfo = get_token;
    list.C_OpenSession = open_session;
    list.C_CloseSession = close_session;
    list.C_Login = login;
    list.C_FindObjectsInit = find_init;
    list.C_FindObjects = find;
    list.C_GetAttributeValue = get_attribute;
    list.C_GetMechanismInfo = get_mechanism;
    list.C_GenerateKey = generate;
    list.C_DestroyObject = destroy;
    list.C_Encrypt = encrypt;
    list.C_DecryptInit = decrypt_init;
    list.C_Decrypt = decrypt;
    *out = &list;
    return CKR_OK;
}
