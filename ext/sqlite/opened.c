/* SPDX-License-Identifier: MIT
 *
 * opened.c: buffers of opened values. Secret: wiped whenever given back.
 */
#include "sqlite/opened.h"

#include "base/secret.h"
#include "envelope/header.h"

#include <stddef.h>

#define BODY_AT (EE_COMMIT_BYTES + 1)

/* In front of the bytes: where they go back to, and how many there are. */
struct buffer {
    struct ee_opened *home;
    size_t n;
    uint8_t bytes[];
};

static struct buffer *take_spare(struct ee_opened *o)
{
    for (int i = 0; i < EE_OPENED_KEPT; i++) {
        if (o->spare[i] != NULL) {
            struct buffer *b = o->spare[i];

            o->spare[i] = NULL;
            return b;
        }
    }
    return NULL;
}

uint8_t *ee_opened_get(struct ee_opened *o, size_t n)
{
    const size_t room = n < EE_OPENED_BYTES ? EE_OPENED_BYTES : n;
    struct buffer *b = room == EE_OPENED_BYTES ? take_spare(o) : NULL;

    if (b == NULL) {
        b = sqlite3_malloc64(sizeof *b + room);
        if (b == NULL) {
            return NULL;
        }
        b->home = o;
    }
    b->n = n;
    return b->bytes;
}

void ee_opened_put(uint8_t *p)
{
    struct buffer *b =
        (struct buffer *)(void *)(p - offsetof(struct buffer, bytes));

    ee_wipe(b->bytes, b->n);
    for (int i = 0; b->n <= EE_OPENED_BYTES && i < EE_OPENED_KEPT; i++) {
        if (b->home->spare[i] == NULL) {
            b->home->spare[i] = b;
            return;
        }
    }
    sqlite3_free(b);
}

void ee_opened_put_body(void *body)
{
    ee_opened_put((uint8_t *)body - BODY_AT);
}

void ee_opened_clear(struct ee_opened *o)
{
    for (int i = 0; i < EE_OPENED_KEPT; i++) {
        sqlite3_free(o->spare[i]);
        o->spare[i] = NULL;
    }
}
