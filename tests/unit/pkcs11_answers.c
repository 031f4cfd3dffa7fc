/* SPDX-License-Identifier: MIT
 *
 * pkcs11_answers.c: what is believed of a module that fails to answer, or
 * answers less than it is asked. A key of which something is not known must not
 * be used: what is written then is what a later process cannot read. The module
 * is tests/providers' pkcs11_faults.so: SoftHSM, with faults on demand.
 */
#include "p11kit.h"
#include "pkcs11/provider.h"
#include "tap.h"

#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY      "pkcs11:token=one;object=kek"
#define RSA_KEY  "pkcs11:token=one;object=rsa"
#define WRAP_KEY "pkcs11:token=one;object=kw"

struct attribute {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
};

static void fail_once(CK_ATTRIBUTE_TYPE type)
{
    p11kit_faults->attribute = type;
    p11kit_plan("C_GetAttributeValue", CKR_DEVICE_ERROR, 1);
}

/* A CMK that opens though the module did not tell this would be another one
 * later. */
static void not_told(const char *uri, const struct attribute *a)
{
    envelope_cmk *cmk = NULL;

    fail_once(a->type);
    ok(p11kit_open(&cmk, uri) == ENVELOPE_UNAVAILABLE && cmk == NULL &&
           p11kit_faults->times == 0 && p11kit_faults->sessions == 0,
       "%s: not opened when the module fails to tell %s", uri, a->name);
    cmk = p11kit_opened(uri);
    ok(cmk != NULL, "and opened when it tells");
    p11kit_close(cmk);
}

static void attributes(void)
{
    static const struct attribute aes[] = {
        {CKA_ID, "CKA_ID"},
        {CKA_KEY_TYPE, "CKA_KEY_TYPE"},
        {CKA_VALUE_LEN, "CKA_VALUE_LEN"},
        {CKA_ENCRYPT, "CKA_ENCRYPT"},
        {CKA_DECRYPT, "CKA_DECRYPT"},
        {CKA_WRAP, "CKA_WRAP"},
        {CKA_UNWRAP, "CKA_UNWRAP"},
        {CKA_SENSITIVE, "CKA_SENSITIVE"},
        {CKA_EXTRACTABLE, "CKA_EXTRACTABLE"},
        {CKA_PRIVATE, "CKA_PRIVATE"},
        {CKA_ALWAYS_AUTHENTICATE, "CKA_ALWAYS_AUTHENTICATE"},
    };
    static const struct attribute modulus = {CKA_MODULUS, "CKA_MODULUS"};

    for (size_t i = 0; i < sizeof aes / sizeof *aes; i++) {
        not_told(KEY, &aes[i]);
    }
    not_told(RSA_KEY, &modulus);
}

/* What a wrap is under is never a guess. */
static void the_same_id(void)
{
    envelope_cmk *cmk = p11kit_opened(KEY);
    uint8_t wrapped[ENVELOPE_WRAPPED_MAX];
    uint8_t payload[ENVELOPE_PAYLOAD_BYTES];
    size_t n = 0;

    ok(p11kit_wrap(cmk, p11kit_payload, "context", wrapped, &n) ==
               ENVELOPE_OK &&
           wrapped[2] == 8,
       "a wrap names the key by its CKA_ID");
    p11kit_close(cmk);
    fail_once(CKA_ID);
    cmk = p11kit_opened(KEY);
    ok(cmk == NULL, "a key whose CKA_ID is not told wraps nothing");
    cmk = p11kit_opened(KEY);
    ok(p11kit_unwrap(cmk, wrapped, n, "context", payload) == ENVELOPE_OK,
       "and later the wrap is opened");
    p11kit_close(cmk);
}

static void long_ids(void)
{
    envelope_cmk *cmk = NULL;
    char arguments[300];
    char id[2 * 65 + 1] = {0};

    memset(id, 'a', 2 * 65);
    (void)snprintf(
        arguments, sizeof arguments,
        "--keygen --key-type AES:32 --sensitive --private --label long "
        "--id %s",
        id);
    ok(p11kit_tool("one", arguments), "a key with an id of 65 bytes");
    ok(p11kit_open(&cmk, "pkcs11:token=one;object=long") ==
               ENVELOPE_CONFIGURATION &&
           strstr(p11kit_said, "CKA_ID of more than 64 bytes") != NULL,
       "is refused, and not taken for one without an id");
    id[2 * 64] = '\0';
    (void)snprintf(
        arguments, sizeof arguments,
        "--keygen --key-type AES:32 --sensitive --private --label most "
        "--id %s",
        id);
    ok(p11kit_tool("one", arguments), "one of 64 bytes");
    cmk = p11kit_opened("pkcs11:token=one;object=most");
    ok(cmk != NULL && p11kit_round_trip(cmk) == ENVELOPE_OK, "is used");
    p11kit_close(cmk);
}

static void while_it_wraps(void)
{
    envelope_cmk *cmk = NULL;

    (void)setenv("ENVELOPE_PKCS11_MECHANISMS", "aes-key-wrap", 1);
    ok(p11kit_create(WRAP_KEY) == ENVELOPE_OK, "a key for key wrap");
    cmk = p11kit_opened(WRAP_KEY);
    fail_once(CKA_VALUE);
    ok(p11kit_round_trip(cmk) == ENVELOPE_UNAVAILABLE,
       "a module that fails to tell what it unwrapped: trouble, no forgery");
    ok(p11kit_round_trip(cmk) == ENVELOPE_OK, "and then it tells");
    p11kit_close(cmk);
    (void)setenv("ENVELOPE_PKCS11_MECHANISMS", "rsa-oaep-sha1", 1);
    cmk = p11kit_opened(RSA_KEY);
    fail_once(CKA_PUBLIC_EXPONENT);
    ok(p11kit_round_trip(cmk) == ENVELOPE_UNAVAILABLE,
       "so is one that fails to tell the public half");
    ok(p11kit_round_trip(cmk) == ENVELOPE_OK, "until it does");
    p11kit_close(cmk);
    (void)unsetenv("ENVELOPE_PKCS11_MECHANISMS");
}

static void mechanism_not_told(void)
{
    envelope_cmk *none = NULL;

    p11kit_plan("C_GetMechanismInfo", CKR_DEVICE_ERROR, 1);
    ok(p11kit_create("pkcs11:token=one;object=mech") == ENVELOPE_UNAVAILABLE &&
           p11kit_open(&none, "pkcs11:token=one;object=mech") ==
               ENVELOPE_NOT_MINE,
       "no key is made when the module fails to tell what it can do");
}

/* ---- exactly one key ---- */

static void several(void)
{
    envelope_cmk *cmk = NULL;

    ok(p11kit_tool("one", "--keygen --key-type AES:32 --sensitive --private "
                          "--label twin --id 01") &&
           p11kit_tool("one",
                       "--keygen --key-type AES:32 --sensitive --private "
                       "--label twin --id 02"),
       "two keys of one name");
    for (int few = 0; few < 2; few++) {
        p11kit_faults->few = few;
        ok(p11kit_open(&cmk, "pkcs11:token=one;object=twin") ==
                   ENVELOPE_CONFIGURATION &&
               strstr(p11kit_said, "several") != NULL,
           "are told of, %s", few ? "given one by one" : "given at once");
        cmk = p11kit_opened("pkcs11:token=one;object=twin;id=%02");
        ok(cmk != NULL && p11kit_round_trip(cmk) == ENVELOPE_OK,
           "one that is named is used");
        p11kit_close(cmk);
    }
    p11kit_faults->few = 0;
}

/* ---- a hash that the token does not have ---- */

static void no_sha256(void)
{
    envelope_cmk *cmk = p11kit_opened(RSA_KEY);
    struct envelope_call call = p11kit_call();
    char line[300] = "";

    ok(p11kit_round_trip(cmk) == ENVELOPE_CONFIGURATION &&
           strstr(p11kit_said, "add rsa-oaep-sha1 to "
                               "ENVELOPE_PKCS11_MECHANISMS") != NULL,
       "a token without SHA-256 in OAEP: the message says what to allow");
    ok(p11kit_provider->describe(cmk, &call, line, sizeof line) ==
               ENVELOPE_OK &&
           strstr(line, "no mechanism to wrap") != NULL,
       "it is not described as one that can wrap");
    (void)setenv("ENVELOPE_PKCS11_MECHANISMS",
                 "aes-gcm aes-key-wrap rsa-oaep-sha256 rsa-oaep-sha1", 1);
    ok(p11kit_round_trip(cmk) == ENVELOPE_OK, "and that helps");
    ok(p11kit_provider->describe(cmk, &call, line, sizeof line) ==
               ENVELOPE_OK &&
           strstr(line, "rsa-oaep-sha1") != NULL,
       "which the description says, too");
    (void)unsetenv("ENVELOPE_PKCS11_MECHANISMS");
    p11kit_close(cmk);
}

static void pin_at_each_use(void)
{
    envelope_cmk *cmk = NULL;

    ok(p11kit_tool("one", "--keypairgen --key-type rsa:2048 --label each "
                          "--id 0e --always-auth"),
       "a key that wants the PIN at each use");
    ok(p11kit_open(&cmk, "pkcs11:token=one;object=each") ==
               ENVELOPE_CONFIGURATION &&
           strstr(p11kit_said, "CKA_ALWAYS_AUTHENTICATE") != NULL,
       "is refused, and the attribute named");
}

int main(void)
{
    if (p11kit_softhsm() == NULL) {
        skip("SoftHSM is not installed: make test-providers",
             "the provider and what a module answers");
        return done();
    }
    p11kit_provider = envelope_module_providers()[0];
    p11kit_token("one");
    if (!p11kit_load_faults()) {
        skip("pkcs11_faults.so is not built: make test-providers",
             "the provider and what a module answers");
        return done();
    }
    ok(p11kit_create(KEY) == ENVELOPE_OK, "a key to work with");
    ok(p11kit_rsa("one", "rsa", "52", 2048), "and an RSA pair");
    attributes();
    the_same_id();
    long_ids();
    while_it_wraps();
    mechanism_not_told();
    several();
    no_sha256();
    pin_at_each_use();
    p11kit_clear();
    return done();
}
