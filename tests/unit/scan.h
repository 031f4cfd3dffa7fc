/* SPDX-License-Identifier: MIT
 *
 * scan.h: looks for secrets in the memory of another process.
 *
 * The one who looks must know the secret, so it must not look in itself. A
 * victim is forked that does the work and stops; then a scanner is forked
 * that computes what to look for and reads the victim's memory. The process
 * that forks both never knows a secret that it could hand down.
 */
#ifndef TESTS_UNIT_SCAN_H
#define TESTS_UNIT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_NEEDLE  16 /* bytes; any secret is looked for in such pieces */
#define SCAN_NEEDLES 512

/* What a needle is; hits are counted by kind. */
enum scan_kind {
    SCAN_DEK,       /* and its round keys and hash keys */
    SCAN_WRAP,      /* keys that XAES derives for one wrap */
    SCAN_PLAINTEXT, /* of the value */
    SCAN_KEK,       /* KEK, S, and what is derived when a key is loaded */
    SCAN_KINDS
};

struct scan_needles {
    size_t count;
    struct {
        enum scan_kind kind;
        uint8_t bytes[SCAN_NEEDLE];
    } list[SCAN_NEEDLES];
};

struct scan_hits {
    bool readable; /* false: the system does not let us read its memory */
    size_t bytes;  /* read */
    size_t in_arena[SCAN_KINDS]; /* in pages that a fork wipes */
    size_t elsewhere[SCAN_KINDS];
};

/* Every whole 16 bytes of p, and the last 16. */
void scan_add(struct scan_needles *n, enum scan_kind kind, const uint8_t *p,
              size_t len);

/* Forks victim(arg), then a scanner that calls needles(arg, n) and looks.
 * Both see what the other wrote into shared memory before, *arg is best that.
 * The victim is ended. */
void scan_victim(void (*victim)(void *arg),
                 void (*needles)(void *arg, struct scan_needles *n), void *arg,
                 struct scan_hits *hits);

/* NULL, or why a scan would find what the program does not write: */
const char *scan_is_pointless(void);

#endif
