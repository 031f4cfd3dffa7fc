/* SPDX-License-Identifier: MIT
 *
 * rv.c: return values by what the caller does next.
 */
#include "pkcs11/rv.h"

#include <p11-kit/p11-kit.h>

bool ee_p11_is_lost(CK_RV rv)
{
    switch (rv) {
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
    case CKR_SLOT_ID_INVALID:
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_KEY_HANDLE_INVALID:
    case CKR_OBJECT_HANDLE_INVALID:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
        return true;
    default:
        return false;
    }
}

bool ee_p11_is_refused_pin(CK_RV rv)
{
    return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID ||
           rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_LOCKED ||
           rv == CKR_PIN_EXPIRED;
}

bool ee_p11_is_trouble(CK_RV rv)
{
    return ee_p11_is_lost(rv) || rv == CKR_HOST_MEMORY ||
           rv == CKR_DEVICE_ERROR || rv == CKR_DEVICE_MEMORY;
}

static int code_of(CK_RV rv)
{
    switch (rv) {
    case CKR_HOST_MEMORY:
        return EE_NOMEM;
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_EXPIRED:
    case CKR_PIN_LOCKED:
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_USER_PIN_NOT_INITIALIZED:
    case CKR_USER_ANOTHER_ALREADY_LOGGED_IN:
        return EE_DENIED;
    case CKR_KEY_FUNCTION_NOT_PERMITTED:
        return EE_KEY_STATE;
    case CKR_ARGUMENTS_BAD:
    case CKR_ATTRIBUTE_READ_ONLY:
    case CKR_ATTRIBUTE_SENSITIVE:
    case CKR_ATTRIBUTE_TYPE_INVALID:
    case CKR_ATTRIBUTE_VALUE_INVALID:
    case CKR_FUNCTION_NOT_SUPPORTED:
    case CKR_KEY_NOT_WRAPPABLE:
    case CKR_KEY_SIZE_RANGE:
    case CKR_KEY_TYPE_INCONSISTENT:
    case CKR_KEY_UNEXTRACTABLE:
    case CKR_MECHANISM_INVALID:
    case CKR_MECHANISM_PARAM_INVALID:
    case CKR_TEMPLATE_INCOMPLETE:
    case CKR_TEMPLATE_INCONSISTENT:
    case CKR_TOKEN_WRITE_PROTECTED:
    case CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT:
    case CKR_WRAPPING_KEY_TYPE_INCONSISTENT:
        return EE_CONFIG;
    default:
        return EE_UNAVAILABLE;
    }
}

int ee_p11_fail(struct ee_error *err, CK_RV rv, const char *doing)
{
    return ee_fail(err, code_of(rv), "the PKCS#11 module cannot %s: %s (0x%lX)",
                   doing, p11_kit_strerror(rv), rv);
}
