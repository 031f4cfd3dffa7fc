/* SPDX-License-Identifier: MIT
 *
 * portable.c: keeps the KEKs of one statement execution.
 */
#include "keys/portable.h"

#include <string.h>

struct ee_portable *ee_portable_new(void)
{
    struct ee_portable *p = sqlite3_malloc64(sizeof *p);

    if (p != NULL) {
        memset(p, 0, sizeof *p);
    }
    return p;
}

void ee_portable_free(void *arg)
{
    struct ee_portable *p = arg;

    for (int i = 0; p != NULL && i < EE_PORTABLE_MAX; i++) {
        if (p->keys[i] != NULL) {
            ee_kek_free(p->keys[i]->kek);
            sqlite3_free(p->keys[i]);
        }
    }
    sqlite3_free(p);
}

struct ee_portable_key *ee_portable_take(struct ee_portable *p)
{
    struct ee_portable_key **slot = &p->keys[0];

    for (int i = 0; *slot != NULL && i < EE_PORTABLE_MAX; i++) {
        if (p->keys[i] == NULL || p->keys[i]->used < (*slot)->used) {
            slot = &p->keys[i];
        }
    }
    if (*slot == NULL) {
        *slot = sqlite3_malloc64(sizeof **slot);
        if (*slot == NULL) {
            return NULL;
        }
        (*slot)->kek = NULL;
    }
    ee_kek_free((*slot)->kek);
    memset(*slot, 0, offsetof(struct ee_portable_key, record));
    return *slot;
}

int ee_portable_fail_auth(struct ee_error *err)
{
    return ee_fail_auth(err, "the export key of its record");
}
