/* SPDX-License-Identifier: MIT
 *
 * p11kit.h: a SoftHSM token in a private folder, and calls of a provider as
 * the core would make them.
 */
#ifndef TESTS_UNIT_P11KIT_H
#define TESTS_UNIT_P11KIT_H

#include "envelope_provider.h"

#include <stdbool.h>

#define P11KIT_PIN    "4711-canary"
#define P11KIT_SO_PIN "87654321"

/* The path of SoftHSM's module, or NULL. */
const char *p11kit_softhsm(void);

/* Makes a folder with a token of this label, and has SoftHSM use it: also
 * ENVELOPE_PKCS11_MODULE and ENVELOPE_PKCS11_PIN. Ends the program when it
 * fails. Call p11kit_clear() at the end. */
void p11kit_token(const char *label);
/* One more token in the same folder. */
void p11kit_add_token(const char *label);
void p11kit_clear(void);
const char *p11kit_dir(void);

/* A file of the folder, with this mode. */
void p11kit_write(const char *name, const char *text, unsigned mode);

/* By pkcs11-tool, logged in to the token; as in a shell. */
bool p11kit_tool(const char *token, const char *arguments);

/* Makes an RSA pair on the token, by pkcs11-tool. */
bool p11kit_rsa(const char *token, const char *label, const char *id, int bits);

/* ---- faults ---- */

/* as in tests/providers/pkcs11_faults.c */
struct p11kit_faults {
    char function[32];
    unsigned long rv;
    _Atomic int times;
    unsigned long flags;
    _Atomic int removed;
    _Atomic int logins;
    _Atomic int sessions;
    int longer;
    _Atomic int encrypts;
    _Atomic int decrypts;
    _Atomic int slow_ms;
    char hang[32];
    _Atomic int hanging;
    _Atomic int inside;
    unsigned long attribute;
    int few;
    int twin;
};
extern struct p11kit_faults *p11kit_faults;

/* Puts that module before SoftHSM. False when it is not built. */
bool p11kit_load_faults(void);

/* The function fails so often with this; then it works again. */
void p11kit_plan(const char *function, unsigned long rv, int times);

/* The function does not come back, until p11kit_come_back(): true when no
 * thread is in it any more, and none that was given up is left
 * (ee_p11_is_stuck; this file is linked into programs without the module, too).
 */
void p11kit_hang(const char *function);
bool p11kit_come_back(bool (*is_stuck)(void));

/* Milliseconds that under a slow checker may be more. */
int64_t p11kit_within(int64_t ms);

/* The next calls are interrupted soon; the next have all the time again. */
void p11kit_interrupt_soon(void);
void p11kit_calm(void);

/* Ends a child of fork() past memcheck, to which all that the parent's threads
 * had is lost in a child. What it has to say, it has said. */
void p11kit_child_ends(void);

/* ---- calls ---- */

/* What the next calls find: reset by p11kit_call(). */
struct p11kit_user {
    _Atomic int looks;    /* how often interrupted() was asked */
    int interrupt_at;     /* interrupted at this look; 0: never */
    int64_t timeout_ms;   /* that a call has; 0: a minute */
    int64_t interrupt_ms; /* interrupted from then on, by the clock; 0: never */
    int64_t clock_skew_ms; /* added to the clock from the first look on */
};
extern struct p11kit_user p11kit_user;

struct envelope_call p11kit_call(void);

/* What the last of the calls below had to say. */
extern char p11kit_said[ENVELOPE_MESSAGE_MAX];

int p11kit_open(envelope_cmk **cmk, const char *uri);
/* NULL, and a note, when it fails. */
envelope_cmk *p11kit_opened(const char *uri);
int p11kit_wrap(envelope_cmk *cmk, const void *payload, const char *context,
                uint8_t *wrapped, size_t *n);
int p11kit_unwrap(envelope_cmk *cmk, const uint8_t *wrapped, size_t n,
                  const char *context, uint8_t *payload);
int p11kit_create(const char *uri);
int p11kit_state(envelope_cmk *cmk, int *state);
void p11kit_close(envelope_cmk *cmk);

extern const uint8_t p11kit_payload[ENVELOPE_PAYLOAD_BYTES];

/* Wraps and unwraps: ENVELOPE_OK, or the first result that is not. */
int p11kit_round_trip(envelope_cmk *cmk);

/* The provider under test; a program that uses the calls sets it. */
extern const struct envelope_provider *p11kit_provider;

#endif
