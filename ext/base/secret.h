/* SPDX-License-Identifier: MIT
 *
 * secret.h: the arena, the only place where long-lived secrets live.
 *
 * The arena is made of equal cells in pages that are locked (never swapped),
 * left out of core dumps, and wiped to zero in a forked child. KEKs and what
 * is derived from them, CMKs while they wrap, passphrases, and the random
 * pools live in cells. A guarded allocation for every secret would cost 50 us;
 * a cell costs a mutex and a pointer.
 *
 * After fork() a child sees zeros in every cell. So each user keeps a field
 * in its cell that is never zero while the cell is in use, and checks it.
 */
#ifndef EE_BASE_SECRET_H
#define EE_BASE_SECRET_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define EE_CELL_BYTES 1280

/* Short-lived secrets on the stack: wipe at the out: label. What the memory
 * holds afterwards counts as read here, so no compiler leaves the zeros out;
 * Linux's memzero_explicit() is the same. Inline: 32 zeros are two stores. */
static inline void ee_wipe(void *p, size_t n)
{
    memset(p, 0, n);
    __asm__ __volatile__("" : : "r"(p) : "memory");
}

/* What functions of a library leave behind that have returned: n bytes of the
 * stack below the caller's frame, and what memcpy() had in vector registers.
 * The dynamic linker puts those on the stack when something is first called. */
void ee_wipe_spill(size_t n);

/* Constant time. */
bool ee_is_zero(const void *p, size_t n);
bool ee_equal(const void *a, const void *b, size_t n);

/* A zeroed cell of EE_CELL_BYTES, aligned to 64; NULL when out of memory. */
void *ee_cell_new(void) EE_CHECKED;

/* Wipes and gives back. NULL-safe. */
void ee_cell_free(void *cell);

/* For the rare secret that no cell can hold: n zeroed bytes in pages of their
 * own, protected as the arena's are. Costs system calls; NULL when out of
 * memory. Freeing wipes, takes the same n, and is NULL-safe. */
void *ee_secret_pages_new(size_t n) EE_CHECKED;
void ee_secret_pages_free(void *pages, size_t n);

/* For envelope_debug(). */
const char *ee_sodium_version(void);

struct ee_arena_report {
    size_t cells_used;
    size_t cells_total;
    bool locked;     /* mlock() succeeded for every page */
    bool undumpable; /* MADV_DONTDUMP likewise */
    bool forkwiped;  /* MADV_WIPEONFORK likewise; else atfork wipes */
};

void ee_arena_report(struct ee_arena_report *report);

#endif
