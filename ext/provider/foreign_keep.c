/* SPDX-License-Identifier: MIT
 *
 * foreign_keep.c: CMKs that stay open from one piece of work to the next: a
 * session at an HSM, a token, a TLS connection.
 *
 * One that failed for another reason than the wrap it was given is closed, so
 * that the next piece of work begins anew.
 */
#include "db/sql.h"
#include "provider/foreign.h"

#include <string.h>
#include <unistd.h>

void ee_foreign_discard(struct ee_provider *p)
{
    struct ee_foreign_cmk *c = (struct ee_foreign_cmk *)p;

    if (c != NULL) {
        c->of->api.close(c->cmk);
        sqlite3_free(c->base_dir);
        sqlite3_free(c);
    }
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

struct ee_foreign_cmk *ee_foreign_kept(const struct ee_foreign *f,
                                       struct ee_providers *home,
                                       const char *uri, const char *base_dir)
{
    for (int i = 0; i < EE_KEPT_MAX; i++) {
        struct ee_foreign_cmk *c = (struct ee_foreign_cmk *)home->kept[i];

        if (c == NULL || c->of != f || strcmp(c->uri, uri) != 0 ||
            !same_text(c->base_dir, base_dir)) {
            continue;
        }
        home->kept[i] = NULL;
        if (c->pid == getpid()) {
            return c;
        }
        ee_foreign_discard(&c->base); /* the session is the parent's */
    }
    return NULL;
}

static void keep(struct ee_foreign_cmk *c)
{
    struct ee_providers *home = c->home;
    unsigned i = 0;

    while (i < EE_KEPT_MAX && home->kept[i] != NULL) {
        i++;
    }
    if (i == EE_KEPT_MAX) {
        i = home->next_victim;
        home->next_victim = (i + 1) % EE_KEPT_MAX;
        ee_foreign_discard(home->kept[i]);
    }
    c->env = NULL;
    home->kept[i] = &c->base;
}

void ee_foreign_close(struct ee_provider *p)
{
    struct ee_foreign_cmk *c = (struct ee_foreign_cmk *)p;

    if (c != NULL && c->healthy &&
        (c->of->api.flags & ENVELOPE_KEEP_OPEN) != 0) {
        keep(c);
    } else {
        ee_foreign_discard(p);
    }
}
