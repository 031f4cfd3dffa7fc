/* SPDX-License-Identifier: MIT
 *
 * uri.h: a pkcs11: URI (RFC 7512) that names a key on a token, and nothing
 * else. PKCS11.md section 1 has the attributes that are taken, and why the
 * others are refused.
 */
#ifndef EE_PKCS11_URI_H
#define EE_PKCS11_URI_H

#include "base/bytes.h"
#include "base/status.h"
#include "envelope_provider.h"

#include <p11-kit/uri.h>

#define EE_P11_ID_MAX    64  /* bytes of CKA_ID */
#define EE_P11_LABEL_MAX 128 /* bytes of CKA_LABEL */

/* EE_CONFIG for what is not such a URI. Loads no module and opens no file.
 * Free *out with p11_kit_uri_free(), which takes NULL. */
int ee_p11_uri_parse(P11KitUri **out, const char *text,
                     struct ee_error *err) EE_CHECKED;

/* Writes the one spelling of a URI, of ENVELOPE_URI_MAX bytes at most: the
 * attributes in one order, letters, digits and -._~ as they are, all else as
 * %XX. */
int ee_p11_uri_normalize(char *out, const char *text,
                         struct ee_error *err) EE_CHECKED;

/* The bytes of CKA_LABEL or CKA_ID that the URI asks for; borrowed, none when
 * it does not. */
struct ee_bytes ee_p11_uri_attribute(P11KitUri *uri, CK_ATTRIBUTE_TYPE type);

#endif
